"""Reading by index and by mask, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.broadcast import broadcast_shapes
from fastgrad.ops.direct import direct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, overload

    from fastgrad._types import Operand, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved, Vjp
    from fastgrad.tensor import Tensor

__all__ = [
    "argwhere",
    "gather",
    "index_select",
    "masked_fill",
    "masked_select",
    "nonzero",
    "take",
    "take_along_dim",
]


@direct(_core.getitem)
def getitem(input: Tensor, index: Any) -> Tensor:
    """``input[index]``: a view for integers, slices, None and ``...``, else a copy."""
    out = _core.getitem(input, index)
    if out.requires_grad:
        kind = index.__class__
        if kind is int or kind is slice:  # as it is: it cannot change later
            vjp = select_vjp if kind is int else slice_vjp
            record(out, vjp, _core.edges(input), (index,))
        else:
            frozen = _core.frozen_index(index)
            record(out, _vjp_of(frozen), _core.edges(input), frozen)
    return out


def select_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (getitem_backward(grad, needs[0].shape, saved),)


def slice_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (getitem_backward(grad, needs[0].shape, saved),)


def index_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (getitem_backward(grad, needs[0].shape, saved),)


def _vjp_of(index: tuple[Any, ...]) -> Vjp:
    """One function under the names of PyTorch's operations, of which the last is what prints."""
    last = index[-1] if index else None
    if last.__class__ is int:
        return select_vjp
    return (
        slice_vjp if all(part is None or isinstance(part, _VIEWS) for part in index) else index_vjp
    )


_VIEWS = (int, slice, type(...))


@direct(_core.getitem_backward)
def getitem_backward(grad: Tensor, shape: Sizes, index: tuple[Any, ...]) -> Tensor:
    """Zeros of `shape` with the gradient added at `index`: the adjoint of :func:`getitem`."""
    out = _core.getitem_backward(grad, shape, index)
    if out.requires_grad:
        record(out, getitem_backward_vjp, _core.edges(grad), index)
    return out


def getitem_backward_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (getitem(grad, saved),)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The positions along a dimension that a vector of indices names, in its order.

    Raises:
        IndexError: an index is out of bounds.

    Follows ``torch.index_select``.

    >>> import fastgrad as torch
    >>> torch.index_select(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([1, 0]))
    tensor([[2, 1],
            [4, 3]])
    """
    out = _core.index_select(input, dim, index)
    if out.requires_grad:
        record(out, index_select_vjp, _core.edges(input), (input.shape, dim, index))
    return out


def index_select_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, dim, index = saved
    if not shape:
        return (grad,)
    at = (slice(None),) * (dim % len(shape))
    return (getitem_backward(grad, shape, (*at, index.reshape(-1))),)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Along `dim`, the element that `index` names at each place; elsewhere the place itself.

    Args:
        input: the tensor to read.
        dim: the dimension along which to read.
        index: int64 (or int32), of as many dimensions; in dimensions other than `dim` its sizes
            may be smaller. The result has its shape.

    Raises:
        RuntimeError: an index is out of bounds, or the shapes do not fit.

    Follows ``torch.gather``.

    >>> import fastgrad as torch
    >>> torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    out = _core.gather(input, dim, index)
    if out.requires_grad:
        record(out, gather_vjp, _core.edges(input), (input.shape, dim, index))
    return out


def gather_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (gather_backward(grad, *saved),)


def gather_backward(grad: Tensor, shape: Sizes, dim: int, index: Tensor) -> Tensor:
    """Zeros of `shape` with the gradient added where :func:`gather` read."""
    out = _core.zeros_for(grad, index, shape)
    _core.scatter_add_(out, dim, index, grad)
    if _core.is_grad_enabled() and grad.requires_grad:
        record(out, gather_backward_vjp, _core.edges(grad), (dim, index))
    return out


def gather_backward_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (gather(grad, *saved),)


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at positions of the flattened tensor, in the shape of `index` (int64).

    Raises:
        IndexError: a position is out of bounds.
        RuntimeError: the index is not int64.

    Follows ``torch.take``.

    >>> import fastgrad as torch
    >>> torch.take(torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, -1]))
    tensor([1, 4])
    """
    check_long("take", index)
    return getitem(input.reshape(-1), (index,))


def check_long(name: str, index: Tensor) -> None:
    """RuntimeError unless an index is int64; TypeError unless it is a tensor."""
    if not isinstance(index, _core.TensorBase):
        raise TypeError(f"{name}(): the index must be a Tensor, not {type(index).__name__}")
    if index.dtype is not _core.int64:
        raise RuntimeError(
            f"{name}(): Expected a long tensor for index, but got {index.dtype}; convert it with "
            ".long()"
        )


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """:func:`gather` with broadcasting: the shapes may differ where one of them has size 1.

    Without `dim`, positions of the flattened tensor. Negative indices count from the end.

    Raises:
        RuntimeError: an index is out of bounds, is not int64, or the shapes do not fit.

    Follows ``torch.take_along_dim``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([[10, 30, 20], [60, 40, 50]])
    >>> torch.take_along_dim(x, torch.argsort(x, dim=1), dim=1)
    tensor([[10, 20, 30],
            [40, 50, 60]])
    """
    check_long("take_along_dim", indices)
    if dim is None:
        return take_along_dim(input.reshape(-1), indices.reshape(-1), 0)
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "take_along_dim(): input and indices should have the same number of dimensions, but "
            f"got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    if not input.ndim:
        return take_along_dim(input.reshape(-1), indices.reshape(-1), dim).view(())
    n = input.size(dim)
    before, after = slice(dim % input.ndim), slice(dim % input.ndim + 1, None)
    rest = [(*x.shape[before], 1, *x.shape[after]) for x in (input, indices)]
    common = broadcast_shapes(*rest)
    chosen = indices.expand((*common[before], indices.size(dim), *common[after]))
    from_the_end = _core.logical_and(_core.lt(chosen, 0), _core.ge(chosen, -n))
    chosen = _core.where(from_the_end, _core.add(chosen, n), chosen)
    return gather(input.expand((*common[before], n, *common[after])), dim, chosen)


if TYPE_CHECKING:

    @overload
    def nonzero(input: Tensor, *, as_tuple: Literal[False] = False) -> Tensor: ...
    @overload
    def nonzero(input: Tensor, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]: ...


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """The indices of the elements that are not 0: one row each, or one tensor per dimension.

    Follows ``torch.nonzero``.

    >>> import fastgrad as torch
    >>> torch.nonzero(torch.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    if not as_tuple:
        return _core.nonzero(input)
    return _core.nonzero(input if input.ndim else _core.view(input, (1,))).unbind(1)


def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not 0, one row each.

    Follows ``torch.argwhere``.

    >>> import fastgrad as torch
    >>> torch.argwhere(torch.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return _core.nonzero(input)


def check_mask(name: str, mask: Tensor) -> None:
    """RuntimeError unless a mask is bool; TypeError unless it is a tensor."""
    if not isinstance(mask, _core.TensorBase):
        raise TypeError(f"{name}(): the mask must be a Tensor, not {type(mask).__name__}")
    if mask.dtype is not _core.bool:
        raise RuntimeError(
            f"{name}: expected a bool mask, but got one of {mask.dtype}; compare first, e.g. "
            "mask != 0"
        )


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, as a vector; tensor and mask are broadcast together.

    Raises:
        RuntimeError: the mask is not bool, or the shapes do not fit.

    Follows ``torch.masked_select``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([[1, 2], [3, 4]])
    >>> torch.masked_select(x, x > 2)
    tensor([3, 4])
    """
    check_mask("masked_select", mask)
    shape = broadcast_shapes(input.shape, mask.shape)
    return getitem(input.expand(shape), mask.expand(shape)).view(-1)


def masked_fill(input: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """`input` with `value` where the mask holds.

    Args:
        input: the tensor; broadcast together with the mask.
        mask: bool.
        value: a number, or a tensor without dimensions; converted to the dtype of `input`.

    Raises:
        RuntimeError: the mask is not bool, or `value` is a tensor with dimensions.

    Follows ``torch.masked_fill``.

    >>> import fastgrad as torch
    >>> torch.masked_fill(torch.tensor([1, 2]), torch.tensor([True, False]), 0)
    tensor([0, 2])
    """
    check_mask("masked_fill", mask)
    fill = single_value("masked_fill", value, input)
    out = _core.where(mask, fill, input)
    if out.requires_grad:
        record(out, masked_fill_vjp, _core.edges(input, fill), (mask,))
    return out


def masked_fill_into(out: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """`out` itself, changed: see ``scatter``."""
    check_mask("masked_fill_", mask)
    return _core.masked_fill_(out, mask, single_value("masked_fill_", value, out))


def masked_fill_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (mask,) = saved
    to_input = None if needs[0] is None else masked_fill(grad, mask, 0.0)
    return to_input, None if needs[1] is None else masked_fill(grad, ~mask, 0.0)


def single_value(name: str, value: Operand, like: Tensor) -> Tensor:
    """A number, or a tensor without dimensions, as a tensor of the dtype of another one."""
    if not isinstance(value, _core.TensorBase):
        return _core.full_at(like.get_device(), (), value, like.dtype)
    if value.ndim > 0:
        raise RuntimeError(
            f"{name} only supports a 0-dimensional value tensor, but got tensor with {value.ndim} "
            "dimension(s)."
        )
    return value.to(like.dtype)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Labels as vectors that are 1 at the label and 0 elsewhere (int64), in a new last dimension.

    Raises:
        RuntimeError: labels are no integers, or outside [0, num_classes); says which and where.

    Follows ``torch.nn.functional.one_hot``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.one_hot(torch.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    return _core.one_hot(tensor, num_classes)
