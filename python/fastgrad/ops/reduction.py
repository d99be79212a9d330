"""Reductions along dimensions, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops.direct import autocast, direct
from fastgrad.ops.scan import products_of_others
from fastgrad.ops.ternary import where
from fastgrad.ops.unary import exp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Dims, DType, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "all",
    "any",
    "count_nonzero",
    "logsumexp",
    "mean",
    "nanmean",
    "nansum",
    "prod",
    "sum",
]


def dims_or_all(dim: Dims | None) -> Dims:
    """No dimension means all of them."""
    return () if dim is None else dim


def restored(reduced: Tensor, shape: Sizes, dim: Dims | None, keepdim: bool) -> Tensor:
    """`reduced` with the dimensions that a reduction dropped put back with size 1."""
    if keepdim or not shape:
        return reduced
    if dim is None or dim == () or dim == []:
        return reduced.view((1,) * len(shape))
    dims = (dim,) if isinstance(dim, int) else dim
    dropped = {d % len(shape) for d in dims}
    return reduced.view([1 if d in dropped else n for d, n in enumerate(shape)])


def renamed(
    dim: Dims | None, keepdim: bool, axis: Dims | None, keepdims: bool | None
) -> tuple[Dims | None, bool]:
    """NumPy's names for the same arguments, which PyTorch accepts too."""
    return dim if axis is None else axis, keepdim if keepdims is None else keepdims


def count_along(shape: Sizes, dim: Dims | None) -> int:
    """How many elements a reduction over `dim` makes into one."""
    n = 1
    dims = (dim,) if isinstance(dim, int) else dim or range(len(shape))
    for d in dims:
        n *= shape[d] if shape else 1
    return n


@autocast("float32")
@direct(_core.sum, (), False, None)
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
    if axis is not None or keepdims is not None:
        dim, keepdim = renamed(dim, keepdim, axis, keepdims)
    out = _core.sum(input, dims_or_all(dim), keepdim, dtype)
    if out.requires_grad:
        record(out, sum_vjp, _core.edges(input), (dim, keepdim))
    return out


def sum_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (dim, keepdim), shape = saved, needs[0].shape
    if dim is not None:  # a sum of everything broadcasts as it is
        grad = restored(grad, shape, dim, keepdim)
    return (grad.expand(shape),)


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
    if axis is not None or keepdims is not None:
        dim, keepdim = renamed(dim, keepdim, axis, keepdims)
    total = _core.sum(input, dims_or_all(dim), keepdim, dtype)
    if not total.dtype.is_floating_point:
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be a floating point dtype. "
            f"Got: {dtype or input.dtype}; convert it with .float()"
        )
    count = count_along(input.shape, dim)
    out = _core.div(total, count)
    if out.requires_grad:
        record(out, mean_vjp, _core.edges(input), (input.shape, dim, keepdim, count))
    return out


def mean_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, dim, keepdim, count = saved
    return (restored(grad / count, shape, dim, keepdim).expand(shape),)


@autocast("float32")
def prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: int | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The product of all elements, or along one dimension. Integers and bools give int64.

    Follows ``torch.prod``.

    >>> import fastgrad as torch
    >>> torch.prod(torch.tensor([2, 3, 4]))
    tensor(24)
    """
    at, keep = dim if axis is None else axis, keepdim if keepdims is None else keepdims
    if isinstance(at, (tuple, list)):
        raise TypeError(f"prod(): dim must be one int, got {at}; call prod() for each dimension")
    out = _core.prod(input, dims_or_all(at), keep, dtype)
    if out.requires_grad:
        record(out, prod_vjp, _core.edges(input), (input, at, keep))
    return out


def prod_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, dim, keepdim = saved
    upstream = restored(grad, x.shape, dim, keepdim)
    if dim is None:
        others = products_of_others(x.reshape(-1), 0).view(x.shape)
    else:
        others = products_of_others(x, dim)
    return (upstream * others,)


def nansum(
    input: Tensor,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """:func:`sum` of what is not NaN. Follows ``torch.nansum``.

    >>> import fastgrad as torch
    >>> torch.nansum(torch.tensor([1.0, float("nan"), 2.0]))
    tensor(3.)
    """
    dim, keepdim = renamed(dim, keepdim, axis, keepdims)
    numbers = where(_core.isnan(input), 0, input) if input.dtype.is_floating_point else input
    return sum(numbers, dim, keepdim, dtype=dtype)


def nanmean(
    input: Tensor,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """:func:`mean` of what is not NaN; NaN where all is. Floats only.

    Raises:
        RuntimeError: the elements are no floats.

    Follows ``torch.nanmean``.

    >>> import fastgrad as torch
    >>> torch.nanmean(torch.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5000)
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            "nanmean(): expected input to have floating point dtype but got "
            f"{input.dtype}; convert it with .float()"
        )
    dim, keepdim = renamed(dim, keepdim, axis, keepdims)
    numbers = _core.logical_not(_core.isnan(input))
    count = _core.sum(numbers, dims_or_all(dim), keepdim, None)
    return nansum(input, dim, keepdim, dtype=dtype) / count


def count_nonzero(input: Tensor, dim: Dims | None = None, *, axis: Dims | None = None) -> Tensor:
    """How many elements (along dimensions) are not 0. Follows ``torch.count_nonzero``.

    >>> import fastgrad as torch
    >>> torch.count_nonzero(torch.tensor([[0, 1], [2, 3]]), dim=1)
    tensor([1, 2])
    """
    dims = dims_or_all(dim if axis is None else axis)
    return _core.count_nonzero(input, dims)


def logsumexp(
    input: Tensor,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The logarithm of the sum of the exponentials along dimensions, without overflow.

    Follows ``torch.logsumexp``.

    >>> import fastgrad as torch
    >>> torch.logsumexp(torch.tensor([[0.0, 0.0], [1000.0, 0.0]]), dim=1)
    tensor([6.9315e-01, 1.0000e+03])
    """
    dim, keepdim = renamed(dim, keepdim, axis, keepdims)
    if dim is None:
        raise TypeError('logsumexp() missing 1 required positional arguments: "dim"; give dim=-1')
    out = _log_sum_exp(input, dim, keepdim)
    if out.requires_grad:
        record_result(out, logsumexp_vjp, _core.edges(input), (input, dim, keepdim))
    return out


def _log_sum_exp(x: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    if x.numel() == 0 or not x.dtype.is_floating_point:
        return _core.log(_core.sum(_core.exp(x), dim, keepdim, None))
    largest = _core.amax(x, dim, True)
    shift = _core.where(_core.isfinite(largest), largest, 0.0)
    total = _core.sum(_core.exp(_core.sub(x, shift)), dim, keepdim, None)
    return _core.add(_core.log(total), _core.view(shift, total.shape))


def logsumexp_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, dim, keepdim, result = saved
    total = restored(result, x.shape, dim, keepdim)
    return (restored(grad, x.shape, dim, keepdim) * exp(x - total),)


def any(
    input: Tensor,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Whether any element (along dimensions) is not 0, as bool (uint8 of uint8).

    An empty tuple of dimensions is none of them.

    Follows ``torch.any``.

    >>> import fastgrad as torch
    >>> torch.any(torch.tensor([[False, True], [False, False]]), dim=1)
    tensor([ True, False])
    """
    return _truth(_core.any, input, *renamed(dim, keepdim, axis, keepdims))


def all(
    input: Tensor,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Whether all elements (along dimensions) are not 0, as bool (uint8 of uint8).

    An empty tuple of dimensions is none of them.

    Follows ``torch.all``.

    >>> import fastgrad as torch
    >>> torch.all(torch.tensor([[True, True], [False, True]]), dim=1)
    tensor([ True, False])
    """
    return _truth(_core.all, input, *renamed(dim, keepdim, axis, keepdims))


def _truth(kernel: Any, input: Tensor, dim: Dims | None, keepdim: bool) -> Tensor:
    if dim == () or dim == []:
        out: Tensor = _core.ne(input, 0)
    else:
        out = kernel(input, dims_or_all(dim), keepdim)
    return out.to(_core.uint8) if input.dtype is _core.uint8 else out


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
