"""Attention of several heads, with its projections. A composition."""

from __future__ import annotations

from math import inf

from fastgrad import _core
from fastgrad.ops.attention import masked_softmax, scaled_dot_product_attention
from fastgrad.ops.dropout import dropout
from fastgrad.ops.indexing import masked_fill
from fastgrad.ops.joining import cat
from fastgrad.ops.matmul import linear, matmul
from fastgrad.ops.resize import pad
from fastgrad.ops.softmax import softmax

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgrad.tensor import Tensor


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The attention that :class:`fastgrad.nn.MultiheadAttention` computes, from its weights.

    Args:
        query: (L, N, E), or (L, E) without a batch.
        key, value: (S, N, E), or (S, E).
        embed_dim_to_check: E.
        num_heads: divides E; each head has E / num_heads features.
        in_proj_weight, in_proj_bias: the projections of query, key and value, one above the other.
        bias_k, bias_v: one more key and value for each sample, (1, 1, E).
        add_zero_attn: one more key and value, of zeros.
        dropout_p: the probability with which a weight is dropped in training.
        out_proj_weight, out_proj_bias: the last projection.
        key_padding_mask: (N, S) or (S): keys to be ignored where True, or numbers that are added.
        need_weights: whether to give the weights, too.
        attn_mask: (L, S) or (N * num_heads, L, S), as the mask of the keys.
        use_separate_proj_weight: project with `q_proj_weight`, `k_proj_weight` and `v_proj_weight`.
        static_k, static_v: (N * num_heads, S, E / num_heads), in place of projected ones.
        average_attn_weights: give the mean over the heads, (N, L, S), not (N, num_heads, L, S).
        is_causal: says that `attn_mask` is the causal one, which need not be read then.

    A query that may look nowhere gets zeros for its values.

    Raises:
        AssertionError, RuntimeError: shapes or dtypes do not fit.

    Follows ``torch.nn.functional.multi_head_attention_forward``.

    >>> import fastgrad as torch
    >>> x, eye = torch.tensor([[[1.0, 2.0]]]), torch.eye(2)
    >>> out, weights = torch.nn.functional.multi_head_attention_forward(
    ...     x, x, x, 2, 1, torch.cat([eye] * 3), None, None, None, False, 0.0, eye, None
    ... )
    >>> out, weights
    (tensor([[[1., 2.]]]), tensor([[[1.]]]))
    """
    return multihead_attention(
        query,
        key,
        value,
        embed_dim_to_check,
        num_heads,
        (q_proj_weight, k_proj_weight, v_proj_weight)
        if use_separate_proj_weight
        else (in_proj_weight,),
        in_proj_bias,
        (bias_k, bias_v),
        add_zero_attn,
        dropout_p if training else 0.0,
        (out_proj_weight, out_proj_bias),
        (key_padding_mask, attn_mask),
        need_weights=need_weights,
        fixed=(static_k, static_v),
        average=average_attn_weights,
        is_causal=is_causal,
    )


def multihead_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_heads: int,
    projections: Sequence[Tensor | None],
    bias: Tensor | None,
    more: tuple[Tensor | None, Tensor | None],
    add_zeros: bool,
    dropout_p: float,
    out: tuple[Tensor, Tensor | None],
    masks: tuple[Tensor | None, Tensor | None],
    *,
    need_weights: bool,
    fixed: tuple[Tensor | None, Tensor | None] = (None, None),
    average: bool = True,
    is_causal: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The same, with (N, L, E) in place of (L, N, E) if `batch_first`."""
    padding, mask = masks
    is_batched = _check_dims(query, key, value, padding, mask, num_heads)
    if not is_batched:
        query, key, value = (x.unsqueeze(0 if batch_first else 1) for x in (query, key, value))
        padding = None if padding is None else padding.unsqueeze(0)
    _check_features(query, key, value, embed_dim, num_heads, projections)
    batch_dim = 0 if batch_first else 1
    batch, length = query.shape[batch_dim], query.shape[1 - batch_dim]
    if is_causal and mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    _check_mask(mask, length, key.shape[1 - batch_dim], batch * num_heads)
    is_causal = is_causal and padding is None and not need_weights

    q, k, v = _projected(query, key, value, projections, bias)
    k, v = (_extended(x, extra, more, batch_dim) for x, extra in zip((k, v), more, strict=True))
    # (N, heads, L, features)
    q, k, v = (_heads(x, num_heads, batch_first) for x in (q, k, v))
    k, v = (_or_fixed(x, y, batch, num_heads) for x, y in zip((k, v), fixed, strict=True))
    added = int(more[0] is not None)
    if add_zeros:
        shape = (batch, num_heads, 1, q.shape[-1])
        k, v = (cat((x, _core.full_at(x.get_device(), shape, 0, x.dtype)), 2) for x in (k, v))
        added += 1
    whole = None if is_causal else _joined(mask, padding, batch, num_heads, added, q.dtype)
    if whole is not None and whole.shape[-1] != k.shape[2]:
        raise AssertionError(
            f"Expected key_padded_mask.shape[1] to be {k.shape[2] - added}, but got "
            f"{whole.shape[-1] - added}"
        )
    weights = None
    if need_weights:
        scores = matmul(q * max(q.shape[-1], 1) ** -0.5, k.transpose(-2, -1))
        weights = softmax(scores, -1) if whole is None else masked_softmax(scores, whole)
        weights = dropout(weights, dropout_p) if dropout_p > 0 else weights
        result = matmul(weights, v)
        weights = weights.mean(1) if average else weights
        weights = weights if is_batched else weights.squeeze(0)
    else:
        result = scaled_dot_product_attention(q, k, v, whole, dropout_p, is_causal)
    # Where something is dropped, the output lies in memory as PyTorch's does, whatever its shape:
    # what is dropped from it next is drawn in that order.
    is_turned = batch_first and dropout_p > 0
    order = (0, 2, 1, 3) if batch_first and not is_turned else (2, 0, 1, 3)
    joined = result.permute(order)
    output = linear(joined.reshape(*joined.shape[:2], embed_dim), *out)
    output = output.transpose(0, 1) if is_turned else output
    return output if is_batched else output.squeeze(batch_dim), weights


def _projected(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    projections: Sequence[Tensor | None],
    bias: Tensor | None,
) -> Sequence[Tensor]:
    """Query, key and value, projected: those that are the same tensor in one product."""
    if any(weight is None for weight in projections):
        names = "in_proj_weight" if len(projections) == 1 else "q_, k_ and v_proj_weight"
        raise AssertionError(f"expected {names}, but got None")
    biases: Sequence[Tensor | None] = (None,) * 3 if bias is None else bias.chunk(3)
    if len(projections) > 1:
        rows = zip((query, key, value), projections, biases, strict=True)
        return [linear(x, weight, b) for x, weight, b in rows if weight is not None]
    (weight,) = projections
    assert weight is not None
    embed_dim = query.shape[-1]
    if query is key is value:
        return linear(query, weight, bias).chunk(3, -1)
    if key is value:
        rest = None if bias is None else bias[embed_dim:]
        both = linear(key, weight[embed_dim:], rest)
        return linear(query, weight[:embed_dim], biases[0]), *both.chunk(2, -1)
    three = zip((query, key, value), weight.chunk(3), biases, strict=True)
    return [linear(x, w, b) for x, w, b in three]


def _extended(
    x: Tensor, extra: Tensor | None, both: tuple[Tensor | None, Tensor | None], batch_dim: int
) -> Tensor:
    """Keys or values with one more for each sample."""
    if extra is None:
        if any(other is not None for other in both):
            raise AssertionError("expected bias_k and bias_v, or neither, but got one of them")
        return x
    batch = x.shape[batch_dim]
    repeats = (batch, 1, 1) if batch_dim == 0 else (1, batch, 1)
    return cat((x, extra.repeat(repeats)), 1 - batch_dim)


def _heads(x: Tensor, heads: int, batch_first: bool) -> Tensor:
    """(N, heads, L, features) of (N, L, E) or (L, N, E)."""
    split = x.reshape(*x.shape[:2], heads, x.shape[2] // heads)
    return split.permute((0, 2, 1, 3) if batch_first else (1, 2, 0, 3))


def _or_fixed(x: Tensor, fixed: Tensor | None, batch: int, heads: int) -> Tensor:
    if fixed is None:
        if x.shape[0] != batch:
            raise RuntimeError(
                f"expected key and value to have the query's batch size {batch}, but got "
                f"{x.shape[0]}; batch_first says which dimension that is"
            )
        return x
    if fixed.dim() != 3 or fixed.shape[0] != batch * heads or fixed.shape[2] != x.shape[-1]:
        raise AssertionError(
            f"expecting static keys and values of shape ({batch * heads}, S, {x.shape[-1]}), but "
            f"got {list(fixed.shape)}"
        )
    return fixed.view(batch, heads, *fixed.shape[1:])


def additive(name: str, mask: Tensor | None, dtype: _core.dtype) -> Tensor | None:
    """A mask as numbers that are added to scores: of bools -inf where True."""
    if mask is None or mask.dtype.is_floating_point:
        # What NumPy made is taken, whatever the dtype of the scores.
        return mask.to(dtype) if mask is not None and mask.dtype is _core.float64 else mask
    if mask.dtype is not _core.bool:
        raise AssertionError(
            f"only bool and floating types of {name} are supported, got {mask.dtype}"
        )
    zeros = _core.full_at(mask.get_device(), tuple(mask.shape), 0, dtype)
    return masked_fill(zeros, mask, -inf)


def _joined(
    mask: Tensor | None,
    padding: Tensor | None,
    batch: int,
    heads: int,
    added: int,
    dtype: _core.dtype,
) -> Tensor | None:
    """Both masks as one, which may be seen as (N, heads, L, S + added); None if there is none."""
    mask, padding = additive("attn_mask", mask, dtype), additive("key_padding_mask", padding, dtype)
    if mask is not None:
        mask = mask.view(batch, heads, *mask.shape[1:]) if mask.dim() == 3 else mask
    if padding is not None:
        if padding.shape[0] != batch:
            raise AssertionError(
                f"Expected key_padded_mask.shape[0] to be {batch}, but got {padding.shape[0]}"
            )
        padding = padding.view(batch, 1, 1, padding.shape[1])
        if mask is not None and mask.shape[-1] != padding.shape[-1]:
            raise AssertionError(
                f"Expected key_padded_mask.shape[1] to be {mask.shape[-1]}, but got "
                f"{padding.shape[-1]}"
            )
    if mask is None or padding is None:
        whole = padding if mask is None else mask
    else:
        whole = mask + padding
    return whole if whole is None or not added else pad(whole, (0, added))


def _check_mask(mask: Tensor | None, length: int, keys: int, heads: int) -> None:
    """Of all heads of all samples."""
    if mask is None:
        return
    expected = (length, keys) if mask.dim() == 2 else (heads, length, keys)
    if tuple(mask.shape) != expected:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {expected}."
        )


def _check_dims(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    padding: Tensor | None,
    mask: Tensor | None,
    heads: int,
) -> bool:
    """Whether there is a batch; AssertionError where the numbers of dimensions do not fit."""
    dims = query.dim()
    if dims not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query tensor"
        )
    kind = f"For {'batched' if dims == 3 else 'unbatched'} ({dims}-D) `query`, expected "
    if key.dim() != dims or value.dim() != dims:
        raise AssertionError(
            f"{kind}`key` and `value` to be {dims}-D but found {key.dim()}-D and {value.dim()}-D "
            "tensors respectively"
        )
    if padding is not None and padding.dim() != dims - 1:
        raise AssertionError(
            f"{kind}`key_padding_mask` to be `None` or {dims - 1}-D but found {padding.dim()}-D "
            "tensor instead"
        )
    if mask is not None and mask.dim() not in (2, 3):
        raise AssertionError(
            f"{kind}`attn_mask` to be `None`, 2-D or 3-D but found {mask.dim()}-D tensor instead"
        )
    if mask is not None and dims == 2 and mask.dim() == 3:
        expected = (heads, query.shape[0], key.shape[0])
        if tuple(mask.shape) != expected:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {expected} but got {mask.shape}"
            )
    return dims == 3


def _check_features(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    heads: int,
    projections: Sequence[Tensor | None],
) -> None:
    if query.shape[-1] != embed_dim:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim}, but got {query.shape[-1]}"
        )
    if heads <= 0 or embed_dim % heads:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {heads}")
    if len(projections) == 1:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        return
    if key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    for name, x, weight in zip(("key", "value"), (key, value), projections[1:], strict=True):
        if weight is not None and x.shape[-1] != weight.shape[-1]:
            raise AssertionError(
                f"was expecting {name[0]}dim {weight.shape[-1]} features of the {name}, but got "
                f"{x.shape[-1]}"
            )
