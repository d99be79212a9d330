"""GPT-2, with the names and the layout of its published weights.

Source: A. Radford et al., "Language models are unsupervised multitask learners", 2019; names of
parameters: Hugging Face's ``GPT2LMHeadModel``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import fastgrad
from fastgrad import Generator, Tensor, nn
from fastgrad.io.atomic import PathLike
from fastgrad.nn.functional import gelu, scaled_dot_product_attention
from fastgrad.text import decoding
from fastgrad.text.models._weights import (
    check_ids,
    check_sizes,
    count_layers,
    draw_weights,
    expect,
    read_weights,
)

Cache: TypeAlias = tuple[tuple[Tensor, Tensor], ...]  # of each layer the keys and the values


@dataclass(frozen=True)
class GPT2Config:
    """The sizes of a GPT-2, by the names in Hugging Face's ``config.json``.

    Args:
        vocab_size: How many tokens there are.
        n_positions: The longest text.
        n_embd: The width.
        n_layer: How many blocks there are.
        n_head: How many heads each attention has.
        dropout: The probability of all dropouts.
        layer_norm_epsilon: What layer norms add to the variance.

    Raises:
        ValueError: A size is no integer or less than 1, or the heads do not divide the width.
    """

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    dropout: float = 0.1
    layer_norm_epsilon: float = 1e-5

    def __post_init__(self) -> None:
        sizes = (self.vocab_size, self.n_positions, self.n_embd, self.n_layer, self.n_head)
        check_sizes(self, sizes, "n_embd", "n_head")


class Conv1D(nn.Module):
    """A linear layer whose weight lies the other way round, [inputs, outputs], as in the files."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(fastgrad.empty(inputs, outputs))
        self.bias = nn.Parameter(fastgrad.zeros(outputs))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight.t(), self.bias)


class _Attention(nn.Module):
    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.heads = config.n_head
        self.c_attn = Conv1D(config.n_embd, 3 * config.n_embd)
        self.c_proj = Conv1D(config.n_embd, config.n_embd)
        self.dropout = config.dropout
        self.resid_dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        batch, length, width = x.shape
        joined = self.c_attn(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = joined.permute(2, 0, 3, 1, 4).unbind(0)
        if past is not None:
            key = fastgrad.cat([past[0], key], dim=2)
            value = fastgrad.cat([past[1], value], dim=2)
        dropout = self.dropout if self.training else 0.0
        mask = None
        if past is not None and length > 1:  # several tokens after those in the cache
            ones = fastgrad.ones(length, key.shape[2], dtype=fastgrad.bool)
            mask = ones.tril(key.shape[2] - length)
        mixed = scaled_dot_product_attention(
            query, key, value, mask, dropout, is_causal=past is None and length > 1
        )
        out: Tensor = self.c_proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return self.resid_dropout(out), (key, value)


class _MLP(nn.Module):
    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.c_fc = Conv1D(config.n_embd, 4 * config.n_embd)
        self.c_proj = Conv1D(4 * config.n_embd, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.c_proj(gelu(self.c_fc(x), approximate="tanh")))
        return out


class _Block(nn.Module):
    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.attn = _Attention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.mlp = _MLP(config)

    def forward(
        self, x: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        mixed, present = self.attn(self.ln_1(x), past)
        x = x + mixed
        return x + self.mlp(self.ln_2(x)), present


class GPT2(nn.Module):
    """GPT-2 with its head: tokens to the scores of the next ones.

    Args:
        config: The sizes.

    Attributes:
        transformer: Embeddings ``wte`` and ``wpe``, blocks ``h``, and the last norm ``ln_f``.
        lm_head: The head, whose weight is that of ``transformer.wte``.

    Names and layout of the state dict are those of Hugging Face's ``GPT2LMHeadModel``.

    >>> import fastgrad as torch
    >>> from fastgrad.text.models import GPT2, GPT2Config
    >>> net = GPT2(GPT2Config(vocab_size=9, n_positions=8, n_embd=4, n_layer=2, n_head=2))
    >>> net(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 9])
    >>> net.generate(torch.tensor([[1]]), max_new_tokens=5).shape
    torch.Size([1, 6])
    """

    def __init__(self, config: GPT2Config | None = None) -> None:
        super().__init__()
        self.config = config = config or GPT2Config()
        words = nn.Embedding(config.vocab_size, config.n_embd)
        self.transformer = nn.ModuleDict(
            {
                "wte": words,
                "wpe": nn.Embedding(config.n_positions, config.n_embd),
                "drop": nn.Dropout(config.dropout),
                "h": nn.ModuleList([_Block(config) for _ in range(config.n_layer)]),
                "ln_f": nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon),
            }
        )
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.lm_head.weight = words.weight
        draw_weights(self, std=0.02)
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * config.n_layer))

    def forward(self, ids: Tensor) -> Tensor:
        """Return the scores of the token after each, [batch, length, vocabulary].

        Args:
            ids: Tokens, int64 [batch, length].

        Raises:
            ValueError: There are more tokens than positions.
            IndexError: A token is out of range.
        """
        x, _ = self._hidden(ids, None)
        scores: Tensor = self.lm_head(x)
        return scores

    def step(self, ids: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """Return the scores of the next token, and keys and values for the step after this.

        This is what :func:`fastgrad.text.generate` and :func:`fastgrad.text.beam_search` call.

        Args:
            ids: The tokens that are not in the cache yet, int64 [batch, new].
            cache: What the last step returned; None at the beginning.

        Returns:
            [batch, vocabulary], and for each layer keys and values [batch, heads, length, width].
        """
        x, cache = self._hidden(ids, cache)
        return self.lm_head(x[:, -1]), cache

    def generate(
        self,
        ids: Tensor,
        max_new_tokens: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        eos: int | None = None,
        generator: Generator | None = None,
    ) -> Tensor:
        """Continue texts with a cache; arguments and errors of :func:`fastgrad.text.generate`.

        The text may grow longer than the positions: then the model sees its last
        ``n_positions`` tokens, as in nanoGPT, and each further token costs a whole pass.
        Dropout is left out, whatever the mode.
        """
        training = self.training
        self.eval()
        try:
            return decoding.generate(
                self._sliding_step,
                ids,
                max_new_tokens,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                eos=eos,
                generator=generator,
            )
        finally:
            self.train(training)

    def _sliding_step(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        text, cache = (ids, None) if state is None else (fastgrad.cat([state[0], ids], 1), state[1])
        room = self.config.n_positions
        if text.shape[1] <= room:
            logits, cache = self.step(ids if cache else text, cache)
        else:
            text = text[:, -room:]
            logits, _ = self.step(text)
            cache = None
        return logits, (text, cache)

    def _hidden(self, ids: Tensor, cache: Cache | None) -> tuple[Tensor, Cache]:
        start = cache[0][0].shape[2] if cache else 0
        check_ids("GPT2", ids, self.config.vocab_size, self.config.n_positions - start)
        parts = self.transformer
        positions = fastgrad.arange(start, start + ids.shape[1])
        x = parts["drop"](parts["wte"](ids) + parts["wpe"](positions))
        presents = []
        for index, block in enumerate(cast(nn.ModuleList, parts["h"])):
            x, present = block(x, cache[index] if cache else None)
            presents.append(present)
        return parts["ln_f"](x), tuple(presents)

    @classmethod
    def from_pretrained(cls, path: PathLike, **sizes: Any) -> GPT2:
        """Read a model from published weights.

        The sizes follow from the tensors and the ``config.json`` next to the file; without that,
        heads are 64 wide, as in all published models.

        Args:
            path: ``model.safetensors``, ``pytorch_model.bin`` or another file of a state dict, or
                its folder.
            sizes: Fields of :class:`GPT2Config` that are to be otherwise, such as ``n_head``.

        Returns:
            The model, in evaluation mode.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file belongs to another model.
            RuntimeError: Names or shapes do not fit.
        """
        weights, published = read_weights(path)
        weights = _with_names(weights)
        known = {"n_head", "layer_norm_epsilon"} & published.keys()
        found = _sizes(weights) | {name: published[name] for name in known}
        net = cls(GPT2Config(**(found | sizes)))
        net.load_state_dict(weights)
        return net.eval()


def _with_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights by the names of the whole model; the files lack the head and the prefix."""
    masks = (".attn.bias", ".attn.masked_bias")  # constants in files of older versions
    named = {
        name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}": value
        for name, value in weights.items()
        if not name.endswith(masks)
    }
    shapes = {"wte.weight": 2, "wpe.weight": 2, "h.0.attn.c_attn.weight": 2, "ln_f.weight": 1}
    expected = {f"transformer.{name}": ndim for name, ndim in shapes.items()}
    expect(named, expected, "GPT2", weights)
    named.setdefault("lm_head.weight", named["transformer.wte.weight"])
    return named


def _sizes(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    vocab_size, width = weights["transformer.wte.weight"].shape
    return {
        "vocab_size": vocab_size,
        "n_embd": width,
        "n_positions": weights["transformer.wpe.weight"].shape[0],
        "n_layer": count_layers(weights, "transformer.h."),
        "n_head": max(width // 64, 1),
    }
