"""Other shapes for the same memory, each above its gradient."""

from __future__ import annotations

from math import prod

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.direct import direct
from fastgrad.size import sizes_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastgrad._types import Dims, DType, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "flatten",
    "narrow",
    "narrow_copy",
    "ravel",
    "reshape",
    "select",
    "squeeze",
    "unflatten",
    "unsqueeze",
]


@direct(_core.reshape)
def reshape(input: Tensor, *args: Any, shape: Sizes | None = None) -> Tensor:
    """The same elements in another shape: a view where possible, else a copy. One size may be -1.

    Raises:
        RuntimeError: the shape has another number of elements.

    Follows ``torch.reshape``.

    >>> import fastgrad as torch
    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    out = _core.reshape(input, sizes_from(args, shape, "shape"))
    if out.requires_grad:
        record(out, reshape_vjp, _core.edges(input))
    return out


def reshape_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (reshape(grad, needs[0].shape),)


@direct(_core.view)
def view(
    input: Tensor, *args: Any, size: Sizes | None = None, dtype: DType | None = None
) -> Tensor:
    """The same memory in another shape; an error where that needs a copy. One size may be -1.

    With a dtype, the same bytes as elements of that type, outside the graph.

    Raises:
        RuntimeError: the shape has another number of elements, or would need a copy.

    Follows ``torch.Tensor.view``.

    >>> import fastgrad as torch
    >>> torch.arange(6).view(2, 3)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if dtype is not None or (args and isinstance(args[0], _core.dtype)):
        return _core.view_as_dtype(_core.detach(input), dtype or args[0])
    out = _core.view(input, sizes_from(args, size, "size"))
    if out.requires_grad:
        record(out, view_vjp, _core.edges(input))
    return out


def view_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (reshape(grad, needs[0].shape),)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from start_dim to end_dim made into one.

    Raises:
        RuntimeError: `start_dim` comes after `end_dim`.

    Follows ``torch.flatten``.

    >>> import fastgrad as torch
    >>> torch.flatten(torch.zeros(2, 3, 4), start_dim=1).shape
    torch.Size([2, 12])
    """
    rank = input.ndim
    start, end = wrapped(start_dim, rank), wrapped(end_dim, rank)
    if rank == 0:
        return reshape(input, 1)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end:
        return input
    sizes = list(input.shape)
    sizes[start : end + 1] = [prod(sizes[start : end + 1])]
    return reshape(input, sizes)


def wrapped(dim: int, rank: int) -> int:
    """The dimension counted from the front; a number counts as having one dimension."""
    rank = rank or 1
    if not -rank <= dim < rank:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got "
            f"{dim})"
        )
    return dim % rank


def ravel(input: Tensor) -> Tensor:
    """The tensor with one dimension: a view where possible. Follows ``torch.ravel``.

    >>> import fastgrad as torch
    >>> torch.ravel(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshape(input, -1)


def unflatten(input: Tensor, dim: int, sizes: Sizes) -> Tensor:
    """One dimension made into several. One of the sizes may be -1.

    Raises:
        RuntimeError: the sizes do not multiply to that of the dimension.

    Follows ``torch.unflatten``.

    >>> import fastgrad as torch
    >>> torch.unflatten(torch.zeros(2, 6), 1, (2, -1)).shape
    torch.Size([2, 2, 3])
    """
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(
            f"unflatten(): argument 'sizes' must be tuple of ints, not {type(sizes).__name__}"
        )
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    at = wrapped(dim, input.ndim)
    if input.ndim == 0:
        raise RuntimeError("unflatten: a 0-dim tensor has no dimension to make into several")
    return view(
        input, (*input.shape[:at], *_fitting(sizes, input.shape[at], dim), *input.shape[at + 1 :])
    )


def _fitting(sizes: Sizes, n: int, dim: int) -> list[int]:
    """The sizes, with -1 worked out, that multiply to `n`."""
    known = 1
    for size in sizes:
        known *= size if size != -1 else 1
    if sizes.count(-1) > 1:
        raise RuntimeError(f"unflatten: only one dimension can be inferred, got {list(sizes)}")
    found = [n // known if size == -1 and known else size for size in sizes]
    product = 1
    for size in found:
        product *= size
    if product != n or min(found) < 0:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} "
            f"({n}) in the input tensor"
        )
    return found


def squeeze(input: Tensor, dim: Dims | None = None, *, axis: Dims | None = None) -> Tensor:
    """A view without the dimensions of size 1 (those among `dim`). Follows ``torch.squeeze``.

    >>> import fastgrad as torch
    >>> torch.squeeze(torch.zeros(2, 1, 3)).shape
    torch.Size([2, 3])
    """
    if axis is not None:
        dim = axis
    out = _core.squeeze_all(input) if dim is None else _core.squeeze(input, dim)
    if out.requires_grad:
        record(out, squeeze_vjp, _core.edges(input), (input.shape,))
    return out


def squeeze_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (reshape(grad, saved[0]),)


@direct(_core.unsqueeze, None)
def unsqueeze(input: Tensor, dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """A view with a dimension of size 1 put in at `dim`. Follows ``torch.unsqueeze``.

    >>> import fastgrad as torch
    >>> torch.unsqueeze(torch.zeros(2, 3), 1).shape
    torch.Size([2, 1, 3])
    """
    at = axis if dim is None else dim
    if at is None:
        raise TypeError('unsqueeze() missing 1 required positional arguments: "dim"')
    out = _core.unsqueeze(input, at)
    if out.requires_grad:
        record(out, unsqueeze_vjp, _core.edges(input), (input.shape,))
    return out


def unsqueeze_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (reshape(grad, saved[0]),)


@direct(_core.select)
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of one position along a dimension, which goes. Follows ``torch.select``.

    >>> import fastgrad as torch
    >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    out = _core.select(input, dim, index)
    if out.requires_grad:
        record(out, select_vjp, _core.edges(input), (input.shape, dim % input.ndim, index))
    return out


def select_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    from fastgrad.ops.indexing import getitem_backward

    shape, dim, index = saved
    return (getitem_backward(grad, shape, (*_all_of(dim), index)),)


def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """A view of `length` positions along a dimension, from `start` on.

    Raises:
        RuntimeError: the range is outside the dimension, or `start` is a tensor with dimensions.

    Follows ``torch.narrow``.

    >>> import fastgrad as torch
    >>> torch.narrow(torch.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    if isinstance(start, _core.TensorBase):
        if start.ndim or start.dtype.is_floating_point or start.dtype is _core.bool:
            raise RuntimeError("narrow: start must be a number or a 0-dim tensor of integers")
        start = int(start)
    out = _core.narrow(input, dim, start, length)
    if out.requires_grad:
        at = dim % input.ndim
        first = start % input.shape[at] if start < 0 else start
        record(out, narrow_vjp, _core.edges(input), (input.shape, at, first, length))
    return out


def narrow_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    from fastgrad.ops.indexing import getitem_backward

    shape, dim, start, length = saved
    return (getitem_backward(grad, shape, (*_all_of(dim), slice(start, start + length))),)


def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A copy of `length` positions along a dimension. Follows ``torch.narrow_copy``.

    >>> import fastgrad as torch
    >>> torch.narrow_copy(torch.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    from fastgrad.ops.conversion import clone

    return clone(narrow(input, dim, start, length))


def _all_of(dims: int) -> tuple[slice, ...]:
    return (slice(None),) * dims


def _each(tensors: tuple[Any, ...], change: Callable[[Tensor], Tensor]) -> Any:
    """The change of one tensor, or a tuple of changes of several, or of those in one sequence."""
    if len(tensors) == 1:
        if isinstance(tensors[0], _core.TensorBase):
            return change(tensors[0])  # type: ignore[arg-type]
        if not isinstance(tensors[0], (tuple, list)):
            raise TypeError(f"expected a Tensor or several, got {type(tensors[0]).__name__}")
        tensors = tuple(tensors[0])
    return tuple(change(x) for x in tensors)


def atleast_1d(*tensors: Any) -> Any:
    """Numbers as vectors of one element, other tensors as they are; a tuple for several.

    Follows ``torch.atleast_1d``.

    >>> import fastgrad as torch
    >>> torch.atleast_1d(torch.tensor(1))
    tensor([1])
    """
    return _each(tensors, lambda x: x if x.ndim else view(x, 1))


def atleast_2d(*tensors: Any) -> Any:
    """Numbers and vectors as matrices of one row, other tensors as they are; a tuple for several.

    Follows ``torch.atleast_2d``.

    >>> import fastgrad as torch
    >>> torch.atleast_2d(torch.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _each(tensors, lambda x: x if x.ndim > 1 else reshape(x, (1, x.numel())))


def _with_three(x: Tensor) -> Tensor:
    if x.ndim > 2:
        return x
    return unsqueeze(x, -1) if x.ndim == 2 else reshape(x, (1, x.numel(), 1))


def atleast_3d(*tensors: Any) -> Any:
    """Tensors with at least three dimensions: a matrix gets a last one, a vector one on each side.

    Follows ``torch.atleast_3d``.

    >>> import fastgrad as torch
    >>> torch.atleast_3d(torch.tensor([[1, 2]])).shape
    torch.Size([1, 2, 1])
    """
    return _each(tensors, _with_three)
