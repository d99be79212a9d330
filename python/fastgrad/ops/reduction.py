"""Reductions along dimensions, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops.results import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, overload

    from fastgrad._types import Dims, DType, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "cumsum",
    "max",
    "mean",
    "min",
    "prod",
    "std",
    "sum",
    "var",
]


class max_result(Result):
    values: Tensor
    indices: Tensor


class min_result(Result):
    values: Tensor
    indices: Tensor


def _dims(dim: Dims | None) -> Dims:
    """No dimension means all of them."""
    return () if dim is None else dim


def _restored(reduced: Tensor, shape: Sizes, dim: Dims | None, keepdim: bool) -> Tensor:
    """`reduced` with the dimensions that a reduction dropped put back with size 1."""
    if keepdim or not shape:
        return reduced
    if dim is None or dim == ():
        return reduced.view((1,) * len(shape))
    dims = (dim,) if isinstance(dim, int) else dim
    dropped = {d % len(shape) for d in dims}
    return reduced.view([1 if d in dropped else n for d, n in enumerate(shape)])


def sum(
    input: Tensor,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The sum of all elements, or along one or several dimensions.

    Integers and bools add up to int64. The bits do not depend on the number of threads.

    >>> import fastgrad as torch
    >>> torch.tensor([[1, 2], [3, 4]]).sum(dim=0)
    tensor([4, 6])
    """
    dim, keepdim = _aliases(dim, keepdim, axis, keepdims)
    out = _core.sum(input, _dims(dim), keepdim, dtype)
    if out.requires_grad:
        record(out, sum_vjp, _core.edges(input), (input.shape, dim, keepdim))
    return out


def sum_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, dim, keepdim = saved
    return (_restored(grad, shape, dim, keepdim).expand(shape),)


def _aliases(
    dim: Dims | None, keepdim: bool, axis: Dims | None, keepdims: bool | None
) -> tuple[Dims | None, bool]:
    """NumPy's names for the same arguments, which PyTorch accepts too."""
    return dim if axis is None else axis, keepdim if keepdims is None else keepdims


def _count(shape: Sizes, dim: Dims | None) -> int:
    n = 1
    dims = (dim,) if isinstance(dim, int) else dim or range(len(shape))
    for d in dims:
        n *= shape[d] if shape else 1
    return n


def mean(
    input: Tensor,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The mean of all elements, or along one or several dimensions. Floats only.

    Raises:
        RuntimeError: the elements are no floats.

    Follows ``torch.mean``.

    >>> import fastgrad as torch
    >>> torch.mean(torch.tensor([[1.0, 2.0], [3.0, 5.0]]), dim=1)
    tensor([1.5000, 4.0000])
    """
    dim, keepdim = _aliases(dim, keepdim, axis, keepdims)
    total = _core.sum(input, _dims(dim), keepdim, dtype)
    if not total.dtype.is_floating_point:
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be a floating point dtype. "
            f"Got: {dtype or input.dtype}; convert it with .float()"
        )
    count = _count(input.shape, dim)
    out = _core.div(total, count)
    if out.requires_grad:
        record(out, mean_vjp, _core.edges(input), (input.shape, dim, keepdim, count))
    return out


def mean_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, dim, keepdim, count = saved
    return (_restored(grad / count, shape, dim, keepdim).expand(shape),)


def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The product of all elements, or along one dimension. Integers and bools give int64.

    Follows ``torch.prod``.

    >>> import fastgrad as torch
    >>> torch.prod(torch.tensor([2, 3, 4]))
    tensor(24)
    """
    out = _core.prod(input, _dims(dim), keepdim, dtype)
    if out.requires_grad:
        record(out, prod_vjp, _core.edges(input), (input, dim, keepdim))
    return out


def prod_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, dim, keepdim = saved
    upstream = _restored(grad, x.shape, dim, keepdim)
    if dim is None:
        others = _products_of_others(x.reshape(-1), 0).view(x.shape)
    else:
        others = _products_of_others(x, dim)
    return (upstream * others,)


def _products_of_others(x: Tensor, dim: int) -> Tensor:
    """Along `dim`, the product of all elements but the one at each place; right with zeros too."""
    if not x.shape:
        return _core.full((), 1, x.dtype)
    n = x.shape[dim]
    parts = []
    for i in range(n):
        rest = [x.select(dim, j) for j in range(n) if j != i]
        product = _core.full(x.select(dim, i).shape, 1, x.dtype)
        for part in rest:
            product = product * part
        parts.append(product)
    from fastgrad.ops.shape import stack

    return stack(parts, dim) if parts else x


def amax(input: Tensor, dim: Dims | None = (), keepdim: bool = False) -> Tensor:
    """The largest element along dimensions; equal ones share the gradient evenly. NaN wins.

    Follows ``torch.amax``.

    >>> import fastgrad as torch
    >>> torch.amax(torch.tensor([[1, 5], [7, 3]]), dim=1)
    tensor([5, 7])
    """
    out = _core.amax(input, _dims(dim), keepdim)
    if out.requires_grad:
        record_result(out, amax_vjp, _core.edges(input), (input, dim, keepdim))
    return out


def amax_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, dim, keepdim, result = saved
    return (_shared_among_equals(grad, x, dim, keepdim, result),)


def amin(input: Tensor, dim: Dims | None = (), keepdim: bool = False) -> Tensor:
    """The smallest element along dimensions; equal ones share the gradient evenly. NaN wins.

    Follows ``torch.amin``.

    >>> import fastgrad as torch
    >>> torch.amin(torch.tensor([[1, 5], [7, 3]]), dim=1)
    tensor([1, 3])
    """
    out = _core.amin(input, _dims(dim), keepdim)
    if out.requires_grad:
        record_result(out, amin_vjp, _core.edges(input), (input, dim, keepdim))
    return out


def amin_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, dim, keepdim, result = saved
    return (_shared_among_equals(grad, x, dim, keepdim, result),)


def _shared_among_equals(
    grad: Tensor, x: Tensor, dim: Dims | None, keepdim: bool, result: Tensor
) -> Tensor:
    chosen = _core.eq(x, _restored(result.detach(), x.shape, dim, keepdim))
    share = _core.cast(chosen, grad.dtype)
    share = share / _core.sum(share, _dims(dim), True, None) if x.shape else share
    return _restored(grad, x.shape, dim, keepdim) * share


if TYPE_CHECKING:

    @overload
    def max(input: Tensor) -> Tensor: ...
    @overload
    def max(input: Tensor, dim: Tensor) -> Tensor: ...
    @overload
    def max(input: Tensor, dim: int, keepdim: bool = False) -> max_result: ...
    @overload
    def max(input: Tensor, *, axis: int, keepdim: bool = False) -> max_result: ...


def max(
    input: Tensor,
    dim: int | Tensor | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
) -> Tensor | max_result:
    """The largest element; along `dim`, a named tuple (values, indices); of two tensors, `maximum`.

    The index is that of the first of equal elements, and NaN counts as the largest. Along a
    dimension the gradient goes to the chosen element; of the whole tensor, equal elements share it.

    >>> import fastgrad as torch
    >>> torch.tensor([[1.0, 5.0], [7.0, 3.0]]).max(dim=1).indices
    tensor([1, 0])
    """
    dim = dim if axis is None else axis
    if dim is None:
        return amax(input)
    if isinstance(dim, _core.TensorBase):
        from fastgrad.ops.binary import maximum

        return maximum(input, dim)
    values, indices = _core.max_dim(input, dim, keepdim)
    if values.requires_grad:
        record(values, max_vjp, _core.edges(input), (input.shape, dim, keepdim, indices))
    return max_result((values, indices))


def max_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (_to_chosen(grad, *saved),)


if TYPE_CHECKING:

    @overload
    def min(input: Tensor) -> Tensor: ...
    @overload
    def min(input: Tensor, dim: Tensor) -> Tensor: ...
    @overload
    def min(input: Tensor, dim: int, keepdim: bool = False) -> min_result: ...
    @overload
    def min(input: Tensor, *, axis: int, keepdim: bool = False) -> min_result: ...


def min(
    input: Tensor,
    dim: int | Tensor | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
) -> Tensor | min_result:
    """The smallest element; along `dim`, named (values, indices); of two tensors, `minimum`.

    Follows ``torch.min``.

    >>> import fastgrad as torch
    >>> torch.min(torch.tensor([[1.0, 5.0], [7.0, 3.0]]), dim=1).indices
    tensor([0, 1])
    """
    dim = dim if axis is None else axis
    if dim is None:
        return amin(input)
    if isinstance(dim, _core.TensorBase):
        from fastgrad.ops.binary import minimum

        return minimum(input, dim)
    values, indices = _core.min_dim(input, dim, keepdim)
    if values.requires_grad:
        record(values, min_vjp, _core.edges(input), (input.shape, dim, keepdim, indices))
    return min_result((values, indices))


def min_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (_to_chosen(grad, *saved),)


def _to_chosen(grad: Tensor, shape: Sizes, dim: int, keepdim: bool, indices: Tensor) -> Tensor:
    """Zeros of `shape` with the gradient at the indices along `dim`."""
    if not shape:
        return grad
    from fastgrad.ops.indexing import gather_backward

    if not keepdim:
        grad, indices = grad.unsqueeze(dim), indices.unsqueeze(dim)
    return gather_backward(grad, shape, dim, indices)


def argmax(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None
) -> Tensor:
    """The index (int64) of the largest element along `dim`, or in the flattened tensor.

    Follows ``torch.argmax``.

    >>> import fastgrad as torch
    >>> torch.argmax(torch.tensor([[1, 5], [7, 3]]), dim=1)
    tensor([1, 0])
    """
    return _position(_core.max_dim, input, dim if axis is None else axis, keepdim)


def argmin(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None
) -> Tensor:
    """The index (int64) of the smallest element along `dim`, or in the flattened tensor.

    Follows ``torch.argmin``.

    >>> import fastgrad as torch
    >>> torch.argmin(torch.tensor([[1, 5], [7, 3]]), dim=1)
    tensor([0, 1])
    """
    return _position(_core.min_dim, input, dim if axis is None else axis, keepdim)


def _position(extreme: Any, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    if dim is not None:
        result: Tensor = extreme(input, dim, keepdim)[1]
        return result
    position: Tensor = extreme(_core.reshape(input, (-1,)), 0, False)[1]
    return position.view((1,) * input.ndim) if keepdim else position


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The variance, divided by n - correction (1 unless told; `unbiased=False` means 0).

    Follows ``torch.var``.

    >>> import fastgrad as torch
    >>> torch.var(torch.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    if isinstance(dim, bool):  # var(unbiased)
        dim, unbiased = None, dim
    dim, keepdim = _aliases(dim, keepdim, axis, keepdims)
    if correction is None:
        correction = 0 if unbiased is False else 1
    centred = input - mean(input, dim, True)
    degrees = _count(input.shape, dim) - correction
    total = sum(centred * centred, dim, keepdim)
    return total / (degrees if degrees > 0 else 0.0)  # infinite or NaN without degrees of freedom


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The standard deviation: the square root of :func:`var`. Its gradient at 0 is 0.

    Follows ``torch.std``.

    >>> import fastgrad as torch
    >>> torch.std(torch.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    squared = var(
        input, dim, unbiased, keepdim, correction=correction, axis=axis, keepdims=keepdims
    )
    out = _core.sqrt(squared)
    if out.requires_grad:
        record_result(out, std_vjp, _core.edges(squared))
    return out


def std_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (result,) = saved
    slope = grad / (result * 2)
    return (slope.masked_fill(_core.eq(result, 0), 0.0),)


def any(input: Tensor, dim: Dims | None = None, keepdim: bool = False) -> Tensor:
    """Whether any element (along dimensions) is not 0, as bool (uint8 of uint8).

    Follows ``torch.any``.

    >>> import fastgrad as torch
    >>> torch.any(torch.tensor([[False, True], [False, False]]), dim=1)
    tensor([ True, False])
    """
    return _truth(_core.any(input, _dims(dim), keepdim), input)


def all(input: Tensor, dim: Dims | None = None, keepdim: bool = False) -> Tensor:
    """Whether all elements (along dimensions) are not 0, as bool (uint8 of uint8).

    Follows ``torch.all``.

    >>> import fastgrad as torch
    >>> torch.all(torch.tensor([[True, True], [False, True]]), dim=1)
    tensor([ True, False])
    """
    return _truth(_core.all(input, _dims(dim), keepdim), input)


def _truth(out: Tensor, input: Tensor) -> Tensor:
    return out.to(_core.uint8) if input.dtype is _core.uint8 else out


def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """The running sum along a dimension. Follows ``torch.cumsum``.

    >>> import fastgrad as torch
    >>> torch.cumsum(torch.tensor([1, 2, 3]), dim=0)
    tensor([1, 3, 6])
    """
    x = input if dtype is None else input.to(dtype)
    out = _core.cumsum(x, dim)
    if out.requires_grad:
        record(out, cumsum_vjp, _core.edges(x), (dim,))
    return out


def cumsum_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (dim,) = saved
    if not grad.shape:
        return (grad,)
    return (cumsum(grad.flip(dim), dim).flip(dim),)


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The sum along the dimensions that broadcasting `size` to the tensor's shape would repeat."""
    sizes = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    x = input
    if not x.dtype.is_floating_point and x.shape != tuple(sizes):
        x = x.to(_core.int64)  # as sum() does
    out = _core.sum_to_size(x, tuple(sizes))
    if out.requires_grad:
        record(out, sum_to_size_vjp, _core.edges(input), (input.shape,))
    return out


def sum_to_size_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad.expand(saved[0]),)
