"""The largest and the smallest elements and where they are, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops.binary import maximum, minimum
from fastgrad.ops.indexing import gather_backward
from fastgrad.ops.reduction import dims_or_all, renamed, restored
from fastgrad.ops.results import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, overload

    from fastgrad._types import Dims, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved, Vjp
    from fastgrad.tensor import Tensor

__all__ = [
    "amax",
    "amin",
    "aminmax",
    "argmax",
    "argmin",
    "max",
    "min",
]


class aminmax_result(Result):
    min: Tensor
    max: Tensor


class max_result(Result):
    values: Tensor
    indices: Tensor


class min_result(Result):
    values: Tensor
    indices: Tensor


def amax(
    input: Tensor,
    dim: Dims | None = (),
    keepdim: bool = False,
    *,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The largest element along dimensions; equal ones share the gradient evenly. NaN wins.

    Follows ``torch.amax``.

    >>> import fastgrad as torch
    >>> torch.amax(torch.tensor([[1, 5], [7, 3]]), dim=1)
    tensor([5, 7])
    """
    dim, keepdim = renamed(dim, keepdim, axis, keepdims)
    out = _core.amax(input, dims_or_all(dim), keepdim)
    if out.requires_grad:
        record_result(out, amax_vjp, _core.edges(input), (input, dim, keepdim))
    return out


def amax_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, dim, keepdim, result = saved
    return (_shared_among_equals(grad, x, dim, keepdim, result),)


def amin(
    input: Tensor,
    dim: Dims | None = (),
    keepdim: bool = False,
    *,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The smallest element along dimensions; equal ones share the gradient evenly. NaN wins.

    Follows ``torch.amin``.

    >>> import fastgrad as torch
    >>> torch.amin(torch.tensor([[1, 5], [7, 3]]), dim=1)
    tensor([1, 3])
    """
    dim, keepdim = renamed(dim, keepdim, axis, keepdims)
    out = _core.amin(input, dims_or_all(dim), keepdim)
    if out.requires_grad:
        record_result(out, amin_vjp, _core.edges(input), (input, dim, keepdim))
    return out


def amin_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, dim, keepdim, result = saved
    return (_shared_among_equals(grad, x, dim, keepdim, result),)


def _shared_among_equals(
    grad: Tensor, x: Tensor, dim: Dims | None, keepdim: bool, result: Tensor
) -> Tensor:
    chosen = _core.eq(x, restored(result.detach(), x.shape, dim, keepdim))
    share = _core.cast(chosen, grad.dtype)
    share = share / _core.sum(share, dims_or_all(dim), True, None) if x.shape else share
    return restored(grad, x.shape, dim, keepdim) * share


def aminmax(
    input: Tensor,
    *,
    dim: int | None = None,
    keepdim: bool = False,
    axis: int | None = None,
    keepdims: bool | None = None,
) -> aminmax_result:
    """The smallest and the largest element, of all or along a dimension, as (min, max).

    Follows ``torch.aminmax``.

    >>> import fastgrad as torch
    >>> torch.aminmax(torch.tensor([3, 1, 2]))
    torch.return_types.aminmax(
    min=tensor(1),
    max=tensor(3))
    """
    dims, keep = renamed(dim, keepdim, axis, keepdims)
    return aminmax_result((amin(input, dims, keep), amax(input, dims, keep)))


def _extreme_of_all(kernel: Any, vjp: Vjp, input: Tensor) -> Tensor:
    out: Tensor = kernel(input, (), False)
    if out.requires_grad:
        record_result(out, vjp, _core.edges(input), (input,))
    return out


def max_of_all_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return extreme_of_all_vjp(grad, saved, needs)


def min_of_all_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return extreme_of_all_vjp(grad, saved, needs)


def extreme_of_all_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    """Equal elements share the gradient of a single chosen number; NaN equals NaN here."""
    x, result = saved
    chosen = _core.eq(x, result)
    if _core.is_batched(result) or _core.isnan(result).item():
        chosen = _core.logical_or(chosen, _core.logical_and(_core.isnan(x), _core.isnan(result)))
    share = _core.cast(chosen, grad.dtype)
    return (grad * (share / _core.sum(share, (), False, None)),)


if TYPE_CHECKING:

    @overload
    def max(input: Tensor) -> Tensor: ...
    @overload
    def max(input: Tensor, dim: Tensor) -> Tensor: ...
    @overload
    def max(input: Tensor, *, other: Tensor) -> Tensor: ...
    @overload
    def max(input: Tensor, dim: int, keepdim: bool = False) -> max_result: ...
    @overload
    def max(input: Tensor, dim: int, *, keepdims: bool) -> max_result: ...
    @overload
    def max(
        input: Tensor, *, axis: int, keepdim: bool = False, keepdims: bool = False
    ) -> max_result: ...


def max(
    input: Tensor,
    dim: int | Tensor | None = None,
    keepdim: bool = False,
    *,
    other: Tensor | None = None,
    axis: int | None = None,
    keepdims: bool | None = None,
) -> Tensor | max_result:
    """The largest element; along `dim`, a named tuple (values, indices); of two tensors, `maximum`.

    The index is that of the first of equal elements, and NaN counts as the largest. Along a
    dimension the gradient goes to the chosen element; of the whole tensor, equal elements share it.

    >>> import fastgrad as torch
    >>> torch.tensor([[1.0, 5.0], [7.0, 3.0]]).max(dim=1).indices
    tensor([1, 0])
    """
    at = dim if other is None else other
    if isinstance(at, _core.TensorBase):
        return maximum(input, at)
    at, keep = at if axis is None else axis, keepdim if keepdims is None else keepdims
    if at is None:
        return _extreme_of_all(_core.amax, max_of_all_vjp, input)
    values, indices = _core.max_dim(input, at, keep)
    if values.requires_grad:
        record(values, max_vjp, _core.edges(input), (input.shape, at, keep, indices))
    return max_result((values, indices))


def max_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (to_chosen(grad, *saved),)


if TYPE_CHECKING:

    @overload
    def min(input: Tensor) -> Tensor: ...
    @overload
    def min(input: Tensor, dim: Tensor) -> Tensor: ...
    @overload
    def min(input: Tensor, *, other: Tensor) -> Tensor: ...
    @overload
    def min(input: Tensor, dim: int, keepdim: bool = False) -> min_result: ...
    @overload
    def min(input: Tensor, dim: int, *, keepdims: bool) -> min_result: ...
    @overload
    def min(
        input: Tensor, *, axis: int, keepdim: bool = False, keepdims: bool = False
    ) -> min_result: ...


def min(
    input: Tensor,
    dim: int | Tensor | None = None,
    keepdim: bool = False,
    *,
    other: Tensor | None = None,
    axis: int | None = None,
    keepdims: bool | None = None,
) -> Tensor | min_result:
    """The smallest element; along `dim`, named (values, indices); of two tensors, `minimum`.

    Follows ``torch.min``.

    >>> import fastgrad as torch
    >>> torch.min(torch.tensor([[1.0, 5.0], [7.0, 3.0]]), dim=1).indices
    tensor([0, 1])
    """
    at = dim if other is None else other
    if isinstance(at, _core.TensorBase):
        return minimum(input, at)
    at, keep = at if axis is None else axis, keepdim if keepdims is None else keepdims
    if at is None:
        return _extreme_of_all(_core.amin, min_of_all_vjp, input)
    values, indices = _core.min_dim(input, at, keep)
    if values.requires_grad:
        record(values, min_vjp, _core.edges(input), (input.shape, at, keep, indices))
    return min_result((values, indices))


def min_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (to_chosen(grad, *saved),)


def to_chosen(grad: Tensor, shape: Sizes, dim: int, keepdim: bool, indices: Tensor) -> Tensor:
    """Zeros of `shape` with the gradient at the indices along `dim`."""
    if not shape:
        return grad
    if not keepdim:
        grad, indices = grad.unsqueeze(dim), indices.unsqueeze(dim)
    return gather_backward(grad, shape, dim, indices)


def argmax(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The index (int64) of the largest element along `dim`, or in the flattened tensor.

    Follows ``torch.argmax``.

    >>> import fastgrad as torch
    >>> torch.argmax(torch.tensor([[1, 5], [7, 3]]), dim=1)
    tensor([1, 0])
    """
    at, keep = dim if axis is None else axis, keepdim if keepdims is None else keepdims
    return _position("argmax", _core.max_dim, input, at, keep)


def argmin(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The index (int64) of the smallest element along `dim`, or in the flattened tensor.

    Follows ``torch.argmin``.

    >>> import fastgrad as torch
    >>> torch.argmin(torch.tensor([[1, 5], [7, 3]]), dim=1)
    tensor([0, 1])
    """
    at, keep = dim if axis is None else axis, keepdim if keepdims is None else keepdims
    return _position("argmin", _core.min_dim, input, at, keep)


def _position(name: str, extreme: Any, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    if input.dtype is _core.bool:
        raise RuntimeError(f"{name}(): does not support bool input; convert it with .byte()")
    if dim is not None:
        result: Tensor = extreme(input, dim, keepdim)[1]
        return result
    position: Tensor = extreme(_core.reshape(input, (-1,)), 0, False)[1]
    return position.view((1,) * input.ndim) if keepdim else position
