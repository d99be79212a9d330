"""Attention: scores, weights and heads, and the positions that it needs."""

from __future__ import annotations

import math
from typing import Any

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.d2l.signatures import either


def sequence_mask(X: Tensor, valid_len: Tensor, value: float = 0) -> Tensor:
    """Overwrite what lies after each row's valid length with a value."""
    places = torch.arange(X.size(1), dtype=torch.float32, device=X.device)
    X[~(places[None, :] < valid_len[:, None])] = value
    return X


def masked_softmax(X: Tensor, valid_lens: Tensor | None) -> Tensor:
    """Softmax over the last axis of [N, queries, keys], of the valid keys only.

    Args:
        X: the scores.
        valid_lens: how many keys count: [N], or [N, queries]; None for all.
    """
    if valid_lens is None:
        return nn.functional.softmax(X, dim=-1)
    shape = X.shape
    each = (
        torch.repeat_interleave(valid_lens, shape[1])
        if valid_lens.dim() == 1
        else valid_lens.reshape(-1)
    )
    X = sequence_mask(X.reshape(-1, shape[-1]), each, value=-1e6)
    return nn.functional.softmax(X.reshape(shape), dim=-1)


class MaskedSoftmaxCELoss(nn.CrossEntropyLoss):
    """Cross-entropy of sequences, of which only the valid parts count."""

    def forward(self, pred: Tensor, label: Tensor, valid_len: Tensor) -> Any:  # type: ignore[override]
        """Scores [N, T, V], targets [N, T] and lengths [N] to the loss [N] of each sequence."""
        weights = sequence_mask(torch.ones_like(label), valid_len)
        self.reduction = "none"
        losses: Any = super().forward(pred.permute(0, 2, 1), label)
        return (losses * weights).mean(dim=1)


def _projection(inputs: int | None, outputs: int, bias: bool) -> nn.Module:
    """A linear layer, whose inputs are seen where the newer book doesn't give their number."""
    if inputs is None:
        return nn.LazyLinear(outputs, bias=bias)
    return nn.Linear(inputs, outputs, bias=bias)


class AdditiveAttention(nn.Module):
    """Attention whose scores are a small network's, so that queries and keys may differ in size.

    It is made from ``(num_hiddens, dropout)``, or, as in the older book, from
    ``(key_size, query_size, num_hiddens, dropout)``.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__()
        newer, older = "num_hiddens dropout", "key_size query_size num_hiddens dropout"
        sizes = either("AdditiveAttention", newer, older, given, named)
        num_hiddens = sizes["num_hiddens"]
        self.W_k = _projection(sizes.get("key_size"), num_hiddens, bias=False)
        self.W_q = _projection(sizes.get("query_size"), num_hiddens, bias=False)
        self.w_v = nn.Linear(num_hiddens, 1, bias=False)
        self.dropout = nn.Dropout(sizes["dropout"])
        self.attention_weights: Tensor

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, valid_lens: Tensor | None
    ) -> Tensor:
        """[N, queries, q], [N, keys, k] and [N, keys, v] to [N, queries, v]."""
        features = self.W_q(queries).unsqueeze(2) + self.W_k(keys).unsqueeze(1)
        scores = self.w_v(torch.tanh(features)).squeeze(-1)
        self.attention_weights = masked_softmax(scores, valid_lens)
        return torch.bmm(self.dropout(self.attention_weights), values)


class DotProductAttention(nn.Module):
    """Attention whose scores are scaled dot products."""

    def __init__(self, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dropout = nn.Dropout(dropout)
        self.attention_weights: Tensor

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, valid_lens: Tensor | None = None
    ) -> Tensor:
        """[N, queries, d], [N, keys, d] and [N, keys, v] to [N, queries, v]."""
        scores = torch.bmm(queries, keys.transpose(1, 2)) / math.sqrt(queries.shape[-1])
        self.attention_weights = masked_softmax(scores, valid_lens)
        return torch.bmm(self.dropout(self.attention_weights), values)


def transpose_qkv(X: Tensor, num_heads: int) -> Tensor:
    """[N, steps, hiddens] to [N * heads, steps, hiddens / heads]."""
    X = X.reshape(X.shape[0], X.shape[1], num_heads, -1).permute(0, 2, 1, 3)
    return X.reshape(-1, X.shape[2], X.shape[3])


def transpose_output(X: Tensor, num_heads: int) -> Tensor:
    """What :func:`transpose_qkv` did, undone."""
    X = X.reshape(-1, num_heads, X.shape[1], X.shape[2]).permute(0, 2, 1, 3)
    return X.reshape(X.shape[0], X.shape[1], -1)


class MultiHeadAttention(nn.Module):
    """Several attentions side by side.

    It is made from ``(num_hiddens, num_heads, dropout, bias=False)``; the older book gives
    ``key_size, query_size, value_size`` before them.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__()
        newer = "num_hiddens num_heads dropout bias?"
        older = f"key_size query_size value_size {newer}"
        sizes = either("MultiHeadAttention", newer, older, given, named)
        num_hiddens, bias = sizes["num_hiddens"], sizes.get("bias", False)
        self.num_heads = sizes["num_heads"]
        self.attention = DotProductAttention(sizes["dropout"])
        self.W_q = _projection(sizes.get("query_size"), num_hiddens, bias)
        self.W_k = _projection(sizes.get("key_size"), num_hiddens, bias)
        self.W_v = _projection(sizes.get("value_size"), num_hiddens, bias)
        self.W_o = nn.Linear(num_hiddens, num_hiddens, bias=bias)

    def transpose_qkv(self, X: Tensor) -> Tensor:
        """See the function of that name."""
        return transpose_qkv(X, self.num_heads)

    def transpose_output(self, X: Tensor) -> Tensor:
        """See the function of that name."""
        return transpose_output(X, self.num_heads)

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, valid_lens: Tensor | None
    ) -> Any:
        """[N, queries, q], [N, keys, k] and [N, keys, v] to [N, queries, num_hiddens]."""
        heads = [
            self.transpose_qkv(project(X))
            for project, X in ((self.W_q, queries), (self.W_k, keys), (self.W_v, values))
        ]
        if valid_lens is not None:
            valid_lens = torch.repeat_interleave(valid_lens, self.num_heads, dim=0)
        return self.W_o(self.transpose_output(self.attention(*heads, valid_lens)))


class PositionalEncoding(nn.Module):
    """Adds sines and cosines of the position, and drops out."""

    def __init__(self, num_hiddens: int, dropout: float, max_len: int = 1000) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        positions = torch.arange(max_len, dtype=torch.float32).reshape(-1, 1)
        exponents = torch.arange(0, num_hiddens, 2, dtype=torch.float32) / num_hiddens
        angles = positions / torch.pow(10000, exponents)
        self.P = torch.zeros((1, max_len, num_hiddens))
        self.P[:, :, 0::2] = torch.sin(angles)
        self.P[:, :, 1::2] = torch.cos(angles)

    def forward(self, X: Tensor) -> Any:
        """[N, steps, num_hiddens] to the same."""
        return self.dropout(X + self.P[:, : X.shape[1], :].to(X.device))
