"""Writing at positions, whole rows or elements, each above its gradient.

As in ``scatter``, ``<name>_into`` writes into the tensor it is given and leaves no graph.
"""

from __future__ import annotations

from fastgrad import _core
from fastgrad.ops.broadcast import broadcast_shapes
from fastgrad.ops.direct import autocast
from fastgrad.ops.indexing import check_long, check_mask, getitem, index_select, single_value
from fastgrad.ops.scatter import copied, recorded, scatter_reduce

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._types import Operand
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_reduce",
    "masked_scatter",
    "put",
]


@autocast("widest")
def index_put(
    input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False
) -> Tensor:
    """A copy of `input` with ``copy[indices] = values``, or ``+=`` with `accumulate`.

    Args:
        input: the tensor to start from.
        indices: index tensors and masks of the first dimensions.
        values: of the dtype of `input`; broadcast to the shape of ``input[indices]``.
        accumulate: add the values, those of repeated indices one after the other.

    Raises:
        IndexError: an index is out of bounds.

    Follows ``torch.index_put``.

    >>> import fastgrad as torch
    >>> torch.index_put(torch.zeros(3), (torch.tensor([0, 2]),), torch.tensor([5.0, 6.0]))
    tensor([5., 0., 6.])
    """
    return put_at(input, _tensors(indices, values), values, accumulate)


def index_put_into(
    out: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False
) -> Tensor:
    return _core.index_put_(out, _tensors(indices, values), values, accumulate)


def _tensors(indices: Sequence[Tensor], values: Tensor) -> tuple[Tensor, ...]:
    """The indices of ``index_put`` as a tuple, if they and the values are tensors."""
    if not isinstance(indices, (tuple, list)):
        raise TypeError(
            "index_put(): argument 'indices' must be a tuple of Tensors, not "
            f"{type(indices).__name__}"
        )
    for at, value in enumerate((*indices, values)):
        if not isinstance(value, _core.TensorBase):
            name = f"element {at} of 'indices'" if at < len(indices) else "argument 'values'"
            raise TypeError(f"index_put(): {name} must be a Tensor, not {type(value).__name__}")
    return tuple(indices)


def put_at(input: Tensor, index: Any, value: Operand, accumulate: bool = False) -> Tensor:
    """A copy of `input` with ``copy[index] = value``, for whatever an index may be."""
    out = _core.index_put_(copied(input), index, value, accumulate)
    if not isinstance(value, _core.TensorBase):
        value = _core.full((), 0, out.dtype)
    saved = (accumulate, *_core.frozen_index(index))
    return recorded(out, index_put_vjp, (input, value), saved)


def index_put_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    accumulate, *rest = saved
    index = tuple(rest)
    to_input = grad
    if not accumulate and needs[0] is not None:
        to_input = put_at(grad, index, 0.0)
    return to_input, None if needs[1] is None else getitem(grad, index)


def fitted(value: Operand, target: Tensor) -> Tensor:
    """A value to assign as a tensor of the target's dtype; PyTorch drops leading sizes of 1."""
    if not isinstance(value, _core.TensorBase):
        return _core.index_put_(
            _core.full_at(target.get_device(), target.shape, 0, target.dtype), ..., value, False
        )
    while value.ndim > target.ndim and value.shape[0] == 1:
        value = value.squeeze(0)
    return value


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with elements at positions of the flattened tensor replaced (or added to).

    Raises:
        IndexError: a position is out of bounds, or there are more or fewer than source elements.
        RuntimeError: the index is not int64, or the source is of another dtype.

    Follows ``torch.put``.

    >>> import fastgrad as torch
    >>> torch.put(torch.zeros(2, 2), torch.tensor([0, -1]), torch.tensor([5.0, 6.0]))
    tensor([[5., 0.],
            [0., 6.]])
    """
    check_long("put", index)
    if index.numel() != source.numel():
        raise IndexError(
            "put(): Expected source and index to have the same number of elements, but got "
            f"{source.numel()} and {index.numel()}"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"put(): self and source expected to have the same dtype, but got {input.dtype} and "
            f"{source.dtype}"
        )
    flat, at = input.reshape(-1), (index.reshape(-1),)
    return put_at(flat, at, source.reshape(-1), accumulate).view(input.shape)


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with its elements where the mask holds replaced by those of `source`, in order.

    Raises:
        RuntimeError: the mask is not bool, the source is of another dtype or has too few elements.

    Follows ``torch.masked_scatter``.

    >>> import fastgrad as torch
    >>> mask = torch.tensor([[True, False], [False, True]])
    >>> torch.masked_scatter(torch.zeros(2, 2), mask, torch.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    check_mask("masked_scatter", mask)
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {input.dtype} "
            f"and {source.dtype}"
        )
    shape = broadcast_shapes(input.shape, mask.shape)
    places = _core.nonzero(_core.reshape(_core.expand(mask, shape), (-1,))).view(-1)
    count = places.numel()
    if source.numel() < count:
        raise RuntimeError(
            f"masked_scatter: the mask holds at {count} elements, but source has only "
            f"{source.numel()}"
        )
    flat = input.expand(shape).reshape(-1)
    return put_at(flat, (places,), source.reshape(-1)[:count]).view(shape)


# Along a dimension, a position for each row


def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """A copy with ``alpha * source`` added to the positions along `dim` that a vector names.

    Args:
        input: the tensor to start from.
        dim: the dimension of which `index` names positions.
        index: a vector of int64 (or int32).
        source: of the dtype of `input` and its shape, but along `dim` of the length of `index`.
        alpha: a factor.

    Raises:
        RuntimeError: an index is out of bounds, or dtypes or shapes do not fit.

    Follows ``torch.index_add``.

    >>> import fastgrad as torch
    >>> torch.zeros(3, 2).index_add(0, torch.tensor([0, 2, 0]), torch.ones(3, 2))
    tensor([[2., 2.],
            [0., 0.],
            [1., 1.]])
    """
    out = index_add_into(copied(input), dim, index, source, alpha=alpha)
    return recorded(out, index_add_vjp, (input, source), (dim, index, source.shape, alpha))


def index_add_into(
    out: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    if alpha != 1:
        factor = _core.tensor(alpha, source.dtype)
        source = _core.detach(source * factor)
    return _core.index_add_(out, dim, index, source)


def index_add_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, index, shape, alpha = saved
    if needs[1] is None:
        return grad, None
    taken = index_select(grad, dim, index).view(shape)
    return grad, taken if alpha == 1 else taken * alpha


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy with the positions along `dim` that a vector names replaced by those of `source`.

    Args:
        input: the tensor to start from.
        dim: the dimension of which `index` names positions.
        index: a vector of int64.
        source: of the dtype of `input` and its shape, but along `dim` of the length of `index`.

    Raises:
        IndexError: an index is out of bounds.
        RuntimeError: dtypes or shapes do not fit.

    Follows ``torch.index_copy``.

    >>> import fastgrad as torch
    >>> torch.zeros(3, 2).index_copy(0, torch.tensor([2]), torch.tensor([[5.0, 6.0]]))
    tensor([[0., 0.],
            [0., 0.],
            [5., 6.]])
    """
    out = index_copy_into(copied(input), dim, index, source)
    return recorded(out, index_copy_vjp, (input, source), (dim, index, source.shape))


def index_copy_into(out: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    check_long("index_copy", index)
    return _core.index_copy_(out, dim, index, source)


def index_copy_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, index, shape = saved
    to_input = None if needs[0] is None else index_fill(grad, dim, index, 0.0)
    return to_input, None if needs[1] is None else index_select(grad, dim, index).view(shape)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Operand) -> Tensor:
    """A copy with one number at the positions along `dim` that a vector names.

    Args:
        input: the tensor to start from.
        dim: the dimension of which `index` names positions.
        index: a vector of int64; negative ones count from the end.
        value: a number, or a tensor without dimensions.

    Raises:
        IndexError: an index is out of bounds, or not int64.

    Follows ``torch.index_fill``.

    >>> import fastgrad as torch
    >>> torch.zeros(2, 3).index_fill(1, torch.tensor([0, -1]), 7)
    tensor([[7., 0., 7.],
            [7., 0., 7.]])
    """
    fill = single_value("index_fill", value, input)
    out = index_fill_into(copied(input), dim, index, fill)
    return recorded(out, index_fill_vjp, (input, fill), (dim, index))


def index_fill_into(out: Tensor, dim: int, index: Tensor, value: Operand) -> Tensor:
    number = single_value("index_fill", value, out).item()
    return _core.index_fill_(out, dim, index, number)


def index_fill_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, index = saved
    to_input = None if needs[0] is None else index_fill(grad, dim, index, 0.0)
    if needs[1] is None:
        return to_input, None
    return to_input, (grad - index_fill(grad, dim, index, 0.0)).sum()


def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """A copy in which the positions along `dim` that a vector names are reduced with `source`.

    Args:
        input: the tensor to start from.
        dim: the dimension of which `index` names positions.
        index: a vector of int64 (or int32).
        source: of the dtype of `input` and its shape, but along `dim` of the length of `index`.
        reduce: ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether the elements of `input` that something is sent to take part.

    Raises:
        RuntimeError: an index is out of bounds, or dtypes or shapes do not fit.

    Follows ``torch.index_reduce``.

    >>> import fastgrad as torch
    >>> torch.ones(3).index_reduce(0, torch.tensor([0, 0]), torch.tensor([4.0, 3.0]), "amax")
    tensor([4., 1., 1.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    rows = _core.row_index(input, dim, index, source)
    return scatter_reduce(input, dim, rows, source, reduce, include_self=include_self)
