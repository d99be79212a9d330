"""Norms of vectors, each above its gradient."""

from __future__ import annotations

from math import inf

from fastgrad import _core
from fastgrad.autograd.graph import record_result
from fastgrad.ops.direct import autocast
from fastgrad.ops.reduction import dims_or_all, restored
from fastgrad.ops.ternary import where
from fastgrad.ops.unary import abs, sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Dims, DType
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "dist",
    "norm",
]


@autocast("float32")
def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Dims | None = None,
    keepdim: bool = False,
    dtype: DType | None = None,
) -> Tensor:
    """The norm of all elements, or along one or several dimensions, as one vector each.

    Args:
        p: the order: a number, infinity, "fro" for 2, or "nuc" for the sum of the singular values
            of a matrix.
        dtype: convert to this dtype first.

    Raises:
        RuntimeError: the elements are no floats, or there is no norm of that name.

    The gradient at 0 is 0.

    Follows ``torch.norm``.

    >>> import fastgrad as torch
    >>> torch.norm(torch.tensor([[3.0, 4.0], [6.0, 8.0]]), dim=1)
    tensor([ 5., 10.])
    """
    if p is None or p == "fro":
        p = 2.0
    if isinstance(p, str):
        from fastgrad.ops.linalg.norms import matrix_norm

        dims: Any = tuple(range(input.ndim)) if dim is None else dim
        return matrix_norm(input, p, dims, keepdim, dtype=dtype)
    return vector_norm(input, p, dim, keepdim, dtype=dtype)


@autocast("float32")
def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """The norms of vectors: (sum |x| ** ord) ** (1 / ord) along dimensions, or of all elements.

    Args:
        x: any tensor of floats.
        ord: any number. 0 counts the elements that are not 0; infinity and -infinity give the
            largest and the smallest absolute value.
        dim: one dimension or several; None means all.
        keepdim: leave the dimensions in the result, with size 1.
        dtype: what to convert to first; no narrower than that of `x`.

    Raises:
        RuntimeError: no floats, or nothing to take a largest or smallest of.
        TypeError: `ord` is no number.

    Follows ``torch.linalg.vector_norm``.

    >>> import fastgrad as torch
    >>> torch.linalg.vector_norm(torch.tensor([[3.0, 4.0], [6.0, 8.0]]), dim=1)
    tensor([ 5., 10.])
    """
    x = of_dtype("linalg.vector_norm", x, dtype)
    if not isinstance(ord, (int, float)):
        raise TypeError(
            f"linalg_vector_norm(): argument 'ord' must be Number, not {type(ord).__name__}; "
            "matrix_norm() knows names"
        )
    order, dims = float(ord), dims_or_all(dim)
    out = _vector_norm(x, order, dims, keepdim)
    if out.requires_grad:
        record_result(out, vector_norm_vjp, _core.edges(x), (x, order, dims, keepdim))
    return out


def of_dtype(op: str, x: Tensor, dtype: DType | None) -> Tensor:
    """`x` with the dtype in which a norm is wanted, if that is one of floats and no narrower."""
    if not x.dtype.is_floating_point:
        raise RuntimeError(
            f"{op}: Expected a floating point tensor as input. Got {x.dtype}; use .float()"
        )
    if dtype is None or dtype is x.dtype:
        return x
    if not getattr(dtype, "is_floating_point", True):
        raise RuntimeError(f"{op}: dtype should be floating point, but got {dtype}")
    wide = x.to(dtype)
    if wide.dtype.itemsize < x.dtype.itemsize:
        raise RuntimeError(
            f"{op}: the dtype of the input ({x.dtype}) should be convertible without narrowing to "
            f"the specified dtype ({dtype}); convert it with .to(...)"
        )
    return wide


def _vector_norm(x: Tensor, order: float, dims: Dims, keepdim: bool) -> Tensor:
    if order == 2:
        return _core.sqrt(_core.square_sum(x, dims, keepdim))
    if order == 0:
        return _core.sum(_core.ne(x, 0), dims, keepdim, x.dtype)
    size = _core.abs(x)
    if order == 1:
        return _core.sum(size, dims, keepdim, None)
    if (order < 0 or order == inf) and _is_empty(x, dims):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {order:g} norm of shape {list(x.shape)} along "
            f"{dims or 'all dimensions'}: the operation does not have an identity; give a tensor "
            "with elements there"
        )
    if order in (inf, -inf):
        return (_core.amax if order > 0 else _core.amin)(size, dims, keepdim)
    return _core.pow(_core.sum(_core.pow(size, order), dims, keepdim, None), 1 / order)


def _is_empty(x: Tensor, dims: Dims) -> bool:
    """Whether a reduction over `dims` has results of no elements."""
    if x.numel():
        return False
    return 0 in ([x.shape[d] for d in ((dims,) if isinstance(dims, int) else dims)] or x.shape)


# Numbers that must not be divided by, or taken to a negative power, are replaced before and not
# after that: the gradient of what is thrown away would be NaN.
def vector_norm_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, order, dims, keepdim, result = saved
    upstream = restored(grad, x.shape, dims, keepdim)
    total = restored(result, x.shape, dims, keepdim)
    if order == 1:
        return (upstream * sign(x),)
    if order in (inf, -inf):
        chosen = _core.cast(_core.eq(_core.abs(x), total), x.dtype)
        count = _core.sum(chosen, dims, True, None) if x.shape else chosen
        return (upstream * sign(x) * (chosen / count.clamp(min=1)),)
    safe_total = where(_core.eq(total, 0), 1.0, total)
    if order == 2:
        return (upstream * (x / safe_total),)
    is_zero = _core.eq(x, 0)
    if order < 0:
        is_zero = _core.logical_or(is_zero, _core.eq(total, 0))
    share = (where(is_zero, 1.0, abs(x)) / safe_total) ** (order - 1)
    return (upstream * sign(x) * share.masked_fill(is_zero, 0.0),)


@autocast("float32")
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference of two tensors. Follows ``torch.dist``.

    >>> import fastgrad as torch
    >>> torch.dist(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 6.0]))
    tensor(5.)
    """
    return vector_norm(input - other, p)
