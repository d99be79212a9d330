"""BERT as the book builds it: an encoder, and the two tasks that it is pre-trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.d2l.signatures import either
from fastgrad.d2l.transformer import EncoderBlock, TransformerEncoderBlock

_NEWER = "vocab_size num_hiddens ffn_num_hiddens num_heads num_blks dropout max_len?"
_OLDER = (
    "vocab_size num_hiddens norm_shape ffn_num_input ffn_num_hiddens num_heads num_layers dropout "
    "max_len? key_size? query_size? value_size?"
)
_OLDER_HEADS = "hid_in_features? mlm_in_features? nsp_in_features?"


def get_tokens_and_segments(
    tokens_a: list[str], tokens_b: list[str] | None = None
) -> tuple[list[str], list[int]]:
    """One or two sentences with the tokens around them, and the segment (0, 1) of each token."""
    tokens = ["<cls>", *tokens_a, "<sep>"]
    segments = [0] * len(tokens)
    if tokens_b is not None:
        tokens += [*tokens_b, "<sep>"]
        segments += [1] * (len(tokens_b) + 1)
    return tokens, segments


class BERTEncoder(nn.Module):
    """Token numbers and segments to vectors.

    It is made from ``(vocab_size, num_hiddens, ffn_num_hiddens, num_heads, num_blks, dropout,
    max_len=1000)``, or, as in the older book, from ``(vocab_size, num_hiddens, norm_shape,
    ffn_num_input, ffn_num_hiddens, num_heads, num_layers, dropout, max_len=1000, key_size=768,
    query_size=768, value_size=768)``.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__()
        sizes = either("BERTEncoder", _NEWER, _OLDER, given, named)
        vocab_size, max_len = sizes.pop("vocab_size"), sizes.pop("max_len", 1000)
        num_hiddens = sizes["num_hiddens"]
        self.token_embedding = nn.Embedding(vocab_size, num_hiddens)
        self.segment_embedding = nn.Embedding(2, num_hiddens)
        self.blks = nn.Sequential()
        if older := "norm_shape" in sizes:
            widths = dict.fromkeys(("key_size", "query_size", "value_size"), 768)
            sizes = widths | sizes
        kind = EncoderBlock if older else TransformerEncoderBlock
        number = sizes.pop("num_layers" if older else "num_blks")
        for i in range(number):
            self.blks.add_module(f"{i}", kind(**sizes, use_bias=True))
        self.pos_embedding = nn.Parameter(torch.randn(1, max_len, num_hiddens))

    def forward(self, tokens: Tensor, segments: Tensor, valid_lens: Tensor | None) -> Tensor:
        """[N, steps] twice to [N, steps, num_hiddens]."""
        X: Tensor = self.token_embedding(tokens) + self.segment_embedding(segments)
        # The book adds the positions without their graph: they stay what they were drawn as.
        X = X + self.pos_embedding.detach()[:, : X.shape[1], :]
        block: Any
        for block in self.blks:
            X = block(X, valid_lens)
        return X


def _linear(num_inputs: int | None, num_outputs: int) -> nn.Module:
    return nn.LazyLinear(num_outputs) if num_inputs is None else nn.Linear(num_inputs, num_outputs)


class MaskLM(nn.Module):
    """Guesses masked words from the vectors at their positions."""

    def __init__(self, vocab_size: int, num_hiddens: int, num_inputs: int | None = None) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            _linear(num_inputs, num_hiddens),
            nn.ReLU(),
            nn.LayerNorm(num_hiddens),
            nn.Linear(num_hiddens, vocab_size),
        )

    def forward(self, X: Tensor, pred_positions: Tensor) -> Any:
        """[N, steps, hiddens] and the positions [N, words] to scores [N, words, vocab_size]."""
        rows = torch.arange(X.shape[0], device=X.device).unsqueeze(1)
        return self.mlp(X[rows, pred_positions])


class NextSentencePred(nn.Module):
    """Guesses whether the second sentence follows the first."""

    def __init__(self, num_inputs: int | None = None) -> None:
        super().__init__()
        self.output = _linear(num_inputs, 2)

    def forward(self, X: Tensor) -> Any:
        """[N, inputs] to scores [N, 2]."""
        return self.output(X)


class BERTModel(nn.Module):
    """The encoder with both tasks, made from the arguments of :class:`BERTEncoder`.

    The older book adds ``hid_in_features=768, mlm_in_features=768, nsp_in_features=768``.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__()
        older = f"{_OLDER} {_OLDER_HEADS}"
        sizes = either("BERTModel", _NEWER, older, given, named)
        widths = [sizes.pop(name.rstrip("?"), None) for name in _OLDER_HEADS.split()]
        vocab_size, num_hiddens = sizes["vocab_size"], sizes["num_hiddens"]
        self.encoder = BERTEncoder(**sizes)
        self.hidden = nn.Sequential(_linear(widths[0], num_hiddens), nn.Tanh())
        self.mlm = MaskLM(vocab_size, num_hiddens, widths[1])
        self.nsp = NextSentencePred(widths[2])

    def forward(
        self,
        tokens: Tensor,
        segments: Tensor,
        valid_lens: Tensor | None = None,
        pred_positions: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """The vectors, the scores of masked words (None without positions), those of sentences."""
        encoded_X = self.encoder(tokens, segments, valid_lens)
        words = None if pred_positions is None else self.mlm(encoded_X, pred_positions)
        return encoded_X, words, self.nsp(self.hidden(encoded_X[:, 0, :]))


def _get_batch_loss_bert(
    net: nn.Module,
    loss: Callable[..., Tensor],
    vocab_size: int,
    tokens_X: Tensor,
    segments_X: Tensor,
    valid_lens_x: Tensor,
    pred_positions_X: Tensor,
    mlm_weights_X: Tensor,
    mlm_Y: Tensor,
    nsp_y: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The losses of masked words and of next sentences, and their sum."""
    valid_lens = valid_lens_x.reshape(-1)
    _, mlm_Y_hat, nsp_Y_hat = net(tokens_X, segments_X, valid_lens, pred_positions_X)
    weights = mlm_weights_X.reshape(-1)
    # With a loss that is a mean already, such as the book's, the weights leave it as it is.
    losses = loss(mlm_Y_hat.reshape(-1, vocab_size), mlm_Y.reshape(-1)) * weights
    mlm_l = losses.sum() / (weights.sum() + 1e-8)
    nsp_l = loss(nsp_Y_hat, nsp_y)
    return mlm_l, nsp_l, mlm_l + nsp_l
