"""Attention: tiles that never hold all weights, and the same in plain operations."""

from __future__ import annotations

from itertools import zip_longest
from math import inf

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops import formula
from fastgrad.ops.direct import autocast
from fastgrad.ops.dropout import dropout
from fastgrad.ops.indexing import masked_fill
from fastgrad.ops.matmul import matmul
from fastgrad.ops.softmax import softmax

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


FEW_QUERIES = 8  # up to which a tile, with a query in each lane of its vectors, takes longer


@autocast("half")
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query key^T * scale + mask) value: averages of values, weighted by how keys fit.

    Args:
        query: of shape (..., L, E).
        key: of shape (..., S, E).
        value: of shape (..., S, Ev).
        attn_mask: broadcast to (..., L, S): bool, True where a query may look, or numbers that are
            added to the scores. A query that may look nowhere gets zeros.
        dropout_p: the probability with which a weight is dropped, also outside of training.
        is_causal: let query i look at the keys up to i only; without a mask.
        scale: what the scores are multiplied by, by default 1 / sqrt(E).
        enable_gqa: repeat the heads (dimension -3) of key and value for the query's.

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    Source: A. Vaswani et al., "Attention is all you need", NeurIPS 2017.
    Follows ``torch.nn.functional.scaled_dot_product_attention``.

    >>> import fastgrad as torch
    >>> q = k = torch.zeros(1, 2, 4)
    >>> torch.nn.functional.scaled_dot_product_attention(q, k, torch.tensor([[[1.0], [3.0]]]))
    tensor([[[2.],
             [2.]]])
    """
    _check_attention(query, key, value, attn_mask, is_causal, dropout_p)
    factor = scale if scale is not None else max(query.shape[-1], 1) ** -0.5
    try:
        return _attended(query, key, value, attn_mask, dropout_p, is_causal, factor, enable_gqa)
    except RuntimeError:
        # Asked only now, because it costs a quarter of a short call.
        said = _what_does_not_broadcast(query, key, value, attn_mask, enable_gqa)
        if said is None:
            raise
        raise RuntimeError(f"scaled_dot_product_attention: {said}") from None


def _attended(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None,
    dropout_p: float,
    is_causal: bool,
    factor: float,
    enable_gqa: bool,
) -> Tensor:
    # What is dropped is drawn for all weights at once; a mask's gradient is as large as they are.
    learns_mask = attn_mask is not None and attn_mask.requires_grad and _core.is_grad_enabled()
    if (
        dropout_p > 0
        or learns_mask
        or query.shape[-2] <= FEW_QUERIES
        or (enable_gqa and key.shape[:-1] != value.shape[:-1])
    ):
        return _composed(query, key, value, attn_mask, dropout_p, is_causal, factor, enable_gqa)
    if attn_mask is not None and attn_mask.dtype is not _core.bool:
        attn_mask = _core.detach(attn_mask).to(query.dtype)
    if query.dtype.itemsize == 2:  # the sums that the gradient wants would be rounded
        q, k, v = (x.float() for x in (query, key, value))
        if attn_mask is not None and attn_mask.dtype is not _core.bool:
            attn_mask = attn_mask.float()
        return tiled(q, k, v, attn_mask, is_causal, factor, enable_gqa)[0].to(query.dtype)
    return tiled(query, key, value, attn_mask, is_causal, factor, enable_gqa)[0]


def tiled(query: Tensor, key: Tensor, value: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
    """The result, and the logarithm of each row's sum of exponentials.

    Of the mask, whether it is causal, the scale, and whether heads are grouped.
    """
    out, log_sum = _core.attention(query, key, value, *options)
    if out.requires_grad:
        saved = (_core.detach(out), log_sum, query, key, value, *options)
        record(out, attention_vjp, _core.edges(query, key, value), saved)
    return out, log_sum


def attention_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    out, log_sum, query, key, value, mask, is_causal, scale, gqa = saved
    if _core.is_grad_enabled():
        return formula.gradients(
            lambda q, k, v: [_composed(q, k, v, mask, 0.0, is_causal, scale, gqa)],
            (query, key, value),
            (grad,),
            needs,
        )
    return _core.attention_backward(
        grad, out, log_sum, query, key, value, mask, is_causal, scale, gqa
    )


def _composed(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dropout_p: float,
    is_causal: bool,
    scale: float,
    gqa: bool,
) -> Tensor:
    if gqa:
        key, value = (_with_heads(x, query) for x in (key, value))
    scores = matmul(query * scale, key.transpose(-2, -1))
    if is_causal:
        ones = _core.full_at(scores.get_device(), tuple(scores.shape[-2:]), 1, _core.bool)
        scores = masked_fill(scores, _core.logical_not(_core.tril(ones, 0)), -inf)
    weights = softmax(scores, -1) if mask is None else masked_softmax(scores, mask)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p)
    return matmul(weights, value)


def _check_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    dropout_p: float,
) -> None:
    op = "scaled_dot_product_attention"
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            f"{op}: Expected query, key, and value to all be at least 2 dimensional, but got "
            f"query.dim: {query.ndim} key.dim: {key.ndim} and value.dim: {value.ndim} instead"
        )
    if not query.dtype is key.dtype is value.dtype or not query.dtype.is_floating_point:
        raise RuntimeError(
            f"{op}: Expected query, key, and value to have the same floating dtype, but got "
            f"query.dtype: {query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype}"
        )
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(
            f"{op}: expected a query (..., L, E), a key (..., S, E) and a value (..., S, Ev), got "
            f"{list(query.shape)}, {list(key.shape)} and {list(value.shape)}"
        )
    if mask is not None and mask.dtype not in (_core.bool, _core.float32, query.dtype):
        raise RuntimeError(
            f"{op}: Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {mask.dtype} and query.dtype: {query.dtype}"
        )
    if mask is not None and is_causal:
        raise RuntimeError(
            f"{op}: Explicit attn_mask should not be set when is_causal=True; put both into the "
            "mask"
        )
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(
            f"{op}: dropout probability has to be between 0 and 1, but got {dropout_p}"
        )


def _what_does_not_broadcast(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, gqa: bool
) -> str | None:
    """What to say of dimensions before the last two that do not fit, or of a mask."""
    last = -3 if gqa else -2
    lead = [query.shape[:last], key.shape[:last], value.shape[:last]]
    if not _broadcast(lead):
        return (
            f"expected the dimensions of query, key and value before the last {-last} to be equal "
            f"or 1, got {list(query.shape)}, {list(key.shape)} and {list(value.shape)}; "
            "enable_gqa=True repeats the heads of key and value"
        )
    heads = (query.shape[-3],) if gqa else ()
    scores = (query.shape[-2], key.shape[-2])
    if mask is None or _broadcast([*((*x, *heads, *scores) for x in lead), mask.shape]):
        return None
    return (
        f"expected attn_mask to broadcast to the scores (..., {scores[0]}, {scores[1]}) of query "
        f"{list(query.shape)} and key {list(key.shape)}, got {list(mask.shape)}"
    )


def _broadcast(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether the sizes, counted from the end, are equal or 1."""
    columns = zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1)
    return all(len({*sizes} - {1}) < 2 for sizes in columns)


def _with_heads(x: Tensor, query: Tensor) -> Tensor:
    """The heads of keys or values, each repeated for a group of the query's."""
    if x.ndim < 3 or query.ndim < 3 or not x.shape[-3] or query.shape[-3] % x.shape[-3]:
        raise RuntimeError(
            "scaled_dot_product_attention: Number of heads in key and value must divide the number "
            f"of heads in query, got shapes {list(x.shape)} and {list(query.shape)}"
        )
    groups = query.shape[-3] // x.shape[-3]
    *lead, heads, length, features = x.shape
    repeated = x.unsqueeze(-3).expand(*lead, heads, groups, length, features)
    return repeated.reshape(*lead, heads * groups, length, features)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """softmax of scores under a mask, and 0 where a whole row is masked."""
    if mask.dtype is _core.bool:
        scores = masked_fill(scores, _core.logical_not(mask), -inf)
    else:
        scores = scores + mask.to(scores.dtype)
    alone = (_core.detach(scores) == -inf).all(-1, keepdim=True)
    if not _core.is_batched(alone) and not bool(alone.any()):
        return softmax(scores, -1)
    return masked_fill(softmax(masked_fill(scores, alone, 0.0), -1), alone, 0.0)
