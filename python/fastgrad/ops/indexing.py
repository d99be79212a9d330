"""Reading and writing by index, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, overload

    from fastgrad._types import Operand, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "argsort",
    "bincount",
    "gather",
    "index_put",
    "index_select",
    "masked_fill",
    "nonzero",
]


def getitem(input: Tensor, index: Any) -> Tensor:
    """``input[index]``: a view for integers, slices, None and ``...``, else a copy."""
    out = _core.getitem(input, index)
    if out.requires_grad:
        record(out, getitem_vjp, _core.edges(input), (input.shape, *_frozen(index)))
    return out


def getitem_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, *index = saved
    return (getitem_backward(grad, shape, tuple(index)),)


def getitem_backward(grad: Tensor, shape: Sizes, index: tuple[Any, ...]) -> Tensor:
    """Zeros of `shape` with the gradient added at `index`: the adjoint of :func:`getitem`."""
    out = _core.getitem_backward(grad, shape, index)
    if out.requires_grad:
        record(out, getitem_backward_vjp, _core.edges(grad), index)
    return out


def getitem_backward_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (getitem(grad, saved),)


def _frozen(index: Any) -> tuple[Any, ...]:
    """The index as a tuple, safe from later changes of lists; tensors have versions."""
    if index.__class__ is int:
        return (index,)
    entries = index if isinstance(index, tuple) else (index,)
    return tuple(_core.tensor(e, None) if isinstance(e, list) and e else e for e in entries)


def index_put(input: Tensor, indices: Any, values: Operand, accumulate: bool = False) -> Tensor:
    """A copy of `input` with ``copy[indices] = values``, or ``+=`` with `accumulate`.

    Raises:
        IndexError: an index is out of bounds.

    Follows ``torch.index_put``.

    >>> import fastgrad as torch
    >>> torch.index_put(torch.zeros(3), (torch.tensor([0, 2]),), torch.tensor([5.0, 6.0]))
    tensor([5., 0., 6.])
    """
    out = _core.clone(input)
    given = values if isinstance(values, _core.TensorBase) else _core.tensor(values, input.dtype)
    recorded = out.requires_grad or (_core.is_grad_enabled() and given.requires_grad)
    plain = _core.detach(out)
    if accumulate:
        change = _core.getitem_backward(
            _core.detach(given).expand(plain[indices].shape), out.shape, indices
        )
        _core.add_(plain, change)
    else:
        _core.setitem(plain, indices, _core.detach(given))
    if recorded:
        saved = (accumulate, *_frozen(indices))
        record(plain, index_put_vjp, _core.edges(input, given), saved)
    return plain


def index_put_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    accumulate, *rest = saved
    index = tuple(rest)
    to_input = grad
    if not accumulate and needs[0] is not None:
        to_input = index_put(grad, index, 0.0)
    return to_input, None if needs[1] is None else getitem(grad, index)


def fitted(value: Operand, target: Tensor) -> Tensor:
    """A value to assign as a tensor of the target's dtype; PyTorch drops leading sizes of 1."""
    tensor = value if isinstance(value, _core.TensorBase) else _core.tensor(value, target.dtype)
    while tensor.ndim > target.ndim and tensor.shape[0] == 1:
        tensor = tensor.squeeze(0)
    return tensor


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
        return (grad.sum().view(()),)
    at = (slice(None),) * (dim % len(shape))
    return (getitem_backward(grad, shape, (*at, index)),)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Along `dim`, the element that `index` names at each place; elsewhere the place itself.

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
    out = _core.full(shape, 0, grad.dtype)
    _core.scatter_(out, dim, index, grad, True)
    if _core.is_grad_enabled() and grad.requires_grad:
        record(out, gather_backward_vjp, _core.edges(grad), (dim, index))
    return out


def gather_backward_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (gather(grad, *saved),)


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
    found = _core.nonzero(input)
    return found.unbind(1) if as_tuple else found


def masked_fill(input: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """`input` with `value` where the mask holds.

    Raises:
        RuntimeError: `value` is a tensor with dimensions.

    Follows ``torch.masked_fill``.

    >>> import fastgrad as torch
    >>> torch.masked_fill(torch.tensor([1, 2]), torch.tensor([True, False]), 0)
    tensor([0, 2])
    """
    from fastgrad.ops.ternary import where

    if isinstance(value, _core.TensorBase) and value.ndim > 0:
        raise RuntimeError(
            "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    value = (
        value.to(input.dtype)
        if isinstance(value, _core.TensorBase)
        else _core.tensor(value, input.dtype)
    )
    return where(mask, value, input)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices (int64) that sort along a dimension; always stable. NaN counts as the largest.

    Follows ``torch.argsort``.

    >>> import fastgrad as torch
    >>> torch.argsort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return _core.argsort(input, dim, descending)


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


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each non-negative integer occurs in a vector, or the sum of its weights.

    Raises:
        RuntimeError: an element is negative, or the tensor is no vector of integers.

    Follows ``torch.bincount``.

    >>> import fastgrad as torch
    >>> torch.bincount(torch.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    return _core.bincount(input, weights, minlength)
