"""BERT, with the names and the layout of its published weights.

Source: J. Devlin et al., "BERT: Pre-training of deep bidirectional transformers for language
understanding", NAACL 2019; names of parameters: Hugging Face's ``BertForPreTraining``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import fastgrad
from fastgrad import Tensor, nn
from fastgrad.io.atomic import PathLike
from fastgrad.nn.functional import gelu, scaled_dot_product_attention
from fastgrad.text.models._weights import (
    check_ids,
    check_sizes,
    count_layers,
    draw_weights,
    expect,
    read_weights,
)


@dataclass(frozen=True)
class BERTConfig:
    """The sizes of a BERT, by the names in Hugging Face's ``config.json``.

    Args:
        vocab_size: How many tokens there are.
        hidden_size: The width.
        num_hidden_layers: How many layers the encoder has.
        num_attention_heads: How many heads each attention has.
        intermediate_size: The width inside the networks between the attentions.
        max_position_embeddings: The longest text.
        type_vocab_size: How many kinds of segments there are.
        dropout: The probability of all dropouts.
        layer_norm_eps: What layer norms add to the variance.

    Raises:
        ValueError: A size is less than 1, or the heads do not divide the width.
    """

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    dropout: float = 0.1
    layer_norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        sizes = (
            *(self.vocab_size, self.hidden_size, self.num_hidden_layers, self.num_attention_heads),
            *(self.intermediate_size, self.max_position_embeddings, self.type_vocab_size),
        )
        check_sizes(self, sizes, "hidden_size", "num_attention_heads")


class _Embeddings(nn.Module):
    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, width)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Tensor, segments: Tensor) -> Tensor:
        x = self.word_embeddings(ids) + self.token_type_embeddings(segments)
        x = x + self.position_embeddings(fastgrad.arange(ids.shape[1]))
        out: Tensor = self.dropout(self.LayerNorm(x))
        return out


class _SelfAttention(nn.Module):
    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.num_attention_heads, config.dropout
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, width = x.shape
        query, key, value = (
            layer(x).view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        dropout = self.dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(query, key, value, mask, dropout)
        return mixed.transpose(1, 2).reshape(batch, length, width)


class _Output(nn.Module):
    """A linear layer, whose result is added to what came before, and the norm of both."""

    def __init__(self, inputs: int, config: BERTConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        out: Tensor = self.LayerNorm(self.dropout(self.dense(x)) + before)
        return out


class _Dense(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dense(x)
        return out


class _Layer(nn.Module):
    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        attention = {"self": _SelfAttention(config), "output": _Output(config.hidden_size, config)}
        self.attention = nn.ModuleDict(attention)
        self.intermediate = _Dense(config.hidden_size, config.intermediate_size)
        self.output = _Output(config.intermediate_size, config)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = self.attention["output"](self.attention["self"](x, mask), x)
        out: Tensor = self.output(gelu(self.intermediate(x)), x)
        return out


class BERT(nn.Module):
    """The encoder: tokens to vectors, and one vector for the whole text.

    Args:
        config: The sizes.

    Names and layout of the state dict are those of Hugging Face's ``BertModel``.

    >>> import fastgrad as torch
    >>> from fastgrad.text.models import BERT, BERTConfig
    >>> net = BERT(BERTConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1,
    ...                       num_attention_heads=2, intermediate_size=8))
    >>> hidden, pooled = net(torch.tensor([[1, 2, 3]]))
    >>> hidden.shape, pooled.shape
    (torch.Size([1, 3, 4]), torch.Size([1, 4]))
    """

    def __init__(self, config: BERTConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or BERTConfig()
        self.embeddings = _Embeddings(config)
        layers = nn.ModuleList([_Layer(config) for _ in range(config.num_hidden_layers)])
        self.encoder = nn.ModuleDict({"layer": layers})
        self.pooler = _Dense(config.hidden_size, config.hidden_size)
        draw_weights(self, std=0.02)

    def forward(
        self, ids: Tensor, segments: Tensor | None = None, valid_len: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the vector of each token, and of the text: its first token's, through the pooler.

        Args:
            ids: Tokens, int64 [batch, length].
            segments: The kind of segment each token is in, int64 [batch, length]; all 0 if None.
            valid_len: How many tokens of each row are no padding, int64 [batch]; all if None.

        Returns:
            [batch, length, width] and [batch, width].

        Raises:
            ValueError: There are more tokens than positions, or shapes do not fit.
            IndexError: A token or segment is out of range.
        """
        config = self.config
        check_ids("BERT", ids, config.vocab_size, config.max_position_embeddings)
        segments = fastgrad.zeros_like(ids) if segments is None else segments
        if segments.shape != ids.shape:
            raise ValueError(
                f"BERT: expected segments of shape {list(ids.shape)}, got {list(segments.shape)}"
            )
        mask = None
        if valid_len is not None:
            if valid_len.shape != ids.shape[:1]:
                raise ValueError(
                    f"BERT: expected {len(ids)} valid lengths, got shape {list(valid_len.shape)}"
                )
            places = fastgrad.arange(ids.shape[1])
            mask = (places < valid_len.unsqueeze(1)).view(len(ids), 1, 1, ids.shape[1])
        x = self.embeddings(ids, segments)
        for layer in cast(nn.ModuleList, self.encoder["layer"]):
            x = layer(x, mask)
        return x, self.pooler(x[:, 0]).tanh()

    @classmethod
    def from_pretrained(cls, path: PathLike, **sizes: Any) -> BERT:
        """Read the encoder from published weights, without the heads that it was trained with.

        Arguments and errors are those of :meth:`BERTForPreTraining.from_pretrained`.
        """
        return _from_pretrained(cls, path, sizes)


class _Transform(nn.Module):
    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.LayerNorm(gelu(self.dense(x)))
        return out


class _Predictions(nn.Module):
    """Vectors to the scores of the words that were there."""

    def __init__(self, config: BERTConfig, words: nn.Parameter) -> None:
        super().__init__()
        self.transform = _Transform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.decoder.weight = words
        self.bias = self.decoder.bias

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.decoder(self.transform(x))
        return out


class BERTForPreTraining(nn.Module):
    """BERT with the heads for masked words and for the next sentence.

    Args:
        config: The sizes.

    Names and layout of the state dict are those of Hugging Face's ``BertForPreTraining``.

    >>> import fastgrad as torch
    >>> from fastgrad.text.models import BERTConfig, BERTForPreTraining
    >>> net = BERTForPreTraining(BERTConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1,
    ...                                     num_attention_heads=2, intermediate_size=8))
    >>> words, follows = net(torch.tensor([[1, 2, 3]]))
    >>> words.shape, follows.shape
    (torch.Size([1, 3, 9]), torch.Size([1, 2]))
    """

    def __init__(self, config: BERTConfig | None = None) -> None:
        super().__init__()
        self.bert = BERT(config)
        words = self.bert.embeddings.word_embeddings.weight
        self.cls = nn.ModuleDict(
            {
                "predictions": _Predictions(self.bert.config, words),
                "seq_relationship": nn.Linear(self.bert.config.hidden_size, 2),
            }
        )
        draw_weights(self.cls, std=0.02)

    def forward(
        self,
        ids: Tensor,
        segments: Tensor | None = None,
        valid_len: Tensor | None = None,
        places: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the scores of the words, and of whether the second sentence follows the first.

        Args:
            ids: Tokens; see :class:`BERT`.
            segments: Segments.
            valid_len: Lengths.
            places: bool [batch, length]: where words are to be predicted; everywhere if None.

        Returns:
            [batch, length, vocabulary], or [places, vocabulary] with ``places``; and [batch, 2], in
            which 0 says that it follows, 1 that it does not.
        """
        hidden, pooled = self.bert(ids, segments, valid_len)
        chosen = hidden if places is None else hidden[places]
        return self.cls["predictions"](chosen), self.cls["seq_relationship"](pooled)

    @classmethod
    def from_pretrained(cls, path: PathLike, **sizes: Any) -> BERTForPreTraining:
        """Read a model from published weights.

        The sizes follow from the tensors and the ``config.json`` next to the file; without that,
        heads are 64 wide, as in all published models.

        Args:
            path: ``model.safetensors``, ``pytorch_model.bin`` or another file of a state dict, or
                its folder.
            sizes: Fields of :class:`BERTConfig` that are to be otherwise.

        Returns:
            The model, in evaluation mode.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file belongs to another model.
            RuntimeError: Names or shapes do not fit.
        """
        return _from_pretrained(cls, path, sizes)


class BERTForSequenceClassification(nn.Module):
    """BERT with a layer that tells classes of texts apart, for fine-tuning.

    Args:
        bert: The encoder, trained or not.
        num_labels: The number of classes.

    Names and layout of the state dict are those of Hugging Face's class of a similar name.

    >>> import fastgrad as torch
    >>> from fastgrad.text.models import BERT, BERTConfig, BERTForSequenceClassification
    >>> bert = BERT(BERTConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1,
    ...                        num_attention_heads=2, intermediate_size=8))
    >>> BERTForSequenceClassification(bert, 3)(torch.tensor([[1, 2]])).shape
    torch.Size([1, 3])
    """

    def __init__(self, bert: BERT, num_labels: int) -> None:
        super().__init__()
        self.bert = bert
        self.dropout = nn.Dropout(bert.config.dropout)
        self.classifier = nn.Linear(bert.config.hidden_size, num_labels)
        draw_weights(self.classifier, std=0.02)

    def forward(
        self, ids: Tensor, segments: Tensor | None = None, valid_len: Tensor | None = None
    ) -> Tensor:
        """Return the scores of the classes, [batch, labels]; arguments as of :class:`BERT`."""
        scores: Tensor = self.classifier(self.dropout(self.bert(ids, segments, valid_len)[1]))
        return scores


_Model = TypeVar("_Model", BERT, BERTForPreTraining)


def _from_pretrained(kind: type[_Model], path: PathLike, sizes: dict[str, Any]) -> _Model:
    weights, published = read_weights(path)
    weights = _with_names(weights)
    known = {"num_attention_heads", "layer_norm_eps"} & published.keys()
    found = _sizes(weights) | {name: published[name] for name in known}
    net = kind(BERTConfig(**(found | sizes)))
    if isinstance(net, BERT):
        prefix = "bert."
        weights = {
            name.removeprefix(prefix): value
            for name, value in weights.items()
            if name.startswith(prefix)
        }
    else:
        weights.setdefault("cls.predictions.decoder.weight", weights[_WORDS])
        if "cls.predictions.bias" in weights:
            weights.setdefault("cls.predictions.decoder.bias", weights["cls.predictions.bias"])
    net.load_state_dict(weights)
    return net.eval()


_WORDS = "bert.embeddings.word_embeddings.weight"


def _with_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights by the names of the model for pre-training, and by those of today."""
    renamed = {}
    for name, value in weights.items():
        if name.endswith("embeddings.position_ids"):  # a constant in files of older versions
            continue
        name = name.replace("LayerNorm.gamma", "LayerNorm.weight")
        name = name.replace("LayerNorm.beta", "LayerNorm.bias")
        known = name.startswith(("bert.", "cls.", "classifier."))
        renamed[name if known else f"bert.{name}"] = value
    layer = "bert.encoder.layer.0"
    names = {f"{layer}.attention.self.query.weight": 2, f"{layer}.intermediate.dense.weight": 2}
    positions = "bert.embeddings.position_embeddings.weight"
    segments = "bert.embeddings.token_type_embeddings.weight"
    expect(renamed, {_WORDS: 2, positions: 2, segments: 2} | names, "BERT", weights)
    return renamed


def _sizes(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    vocab_size, width = weights[_WORDS].shape
    return {
        "vocab_size": vocab_size,
        "hidden_size": width,
        "num_hidden_layers": count_layers(weights, "bert.encoder.layer."),
        "num_attention_heads": max(width // 64, 1),
        "intermediate_size": weights["bert.encoder.layer.0.intermediate.dense.weight"].shape[0],
        "max_position_embeddings": weights["bert.embeddings.position_embeddings.weight"].shape[0],
        "type_vocab_size": weights["bert.embeddings.token_type_embeddings.weight"].shape[0],
    }
