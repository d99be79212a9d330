"""Sorting, selecting and searching, each above its gradient. NaN counts as the largest element."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import printed_as, record, record_result
from fastgrad.ops.extremes import extreme_of_all_vjp, to_chosen
from fastgrad.ops.indexing import gather_backward
from fastgrad.ops.results import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import overload

    from fastgrad._types import Operand
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "argsort",
    "bucketize",
    "kthvalue",
    "median",
    "mode",
    "msort",
    "nanmedian",
    "searchsorted",
    "sort",
    "topk",
]


class sort_result(Result):
    values: Tensor
    indices: Tensor


class topk_result(Result):
    values: Tensor
    indices: Tensor


class kthvalue_result(Result):
    values: Tensor
    indices: Tensor


class median_result(Result):
    values: Tensor
    indices: Tensor


class nanmedian_result(Result):
    values: Tensor
    indices: Tensor


class mode_result(Result):
    values: Tensor
    indices: Tensor


def sort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    *,
    stable: bool | None = None,
    axis: int | None = None,
) -> sort_result:
    """The elements in ascending order along a dimension, and the indices that they came from.

    Equal elements keep their order, whatever `stable` says.

    Follows ``torch.sort``.

    >>> import fastgrad as torch
    >>> torch.sort(torch.tensor([3, 1, 2]))
    torch.return_types.sort(
    values=tensor([1, 2, 3]),
    indices=tensor([1, 2, 0]))
    """
    at = dim if axis is None else axis
    values, indices = _core.sort(input, at, descending)
    if values.requires_grad:
        record(values, sort_vjp, _core.edges(input), (input.shape, at, indices))
    return sort_result((values, indices))


def sort_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, dim, indices = saved
    return (gather_backward(grad, shape, dim, indices),)


def argsort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    *,
    stable: bool = False,
    axis: int | None = None,
) -> Tensor:
    """The indices (int64) that sort along a dimension; equal elements keep their order.

    Follows ``torch.argsort``.

    >>> import fastgrad as torch
    >>> torch.argsort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return _core.sort(input, dim if axis is None else axis, descending)[1]


def msort(input: Tensor) -> Tensor:
    """The elements in ascending order along the first dimension. Follows ``torch.msort``.

    >>> import fastgrad as torch
    >>> torch.msort(torch.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    return sort(input, 0).values


def topk(
    input: Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    axis: int | None = None,
) -> topk_result:
    """The k largest (or smallest) elements along a dimension, best first, and their indices.

    Of equal elements the first is taken first. Without `sorted` the order may be any.

    Raises:
        RuntimeError: there are fewer than k elements.

    Follows ``torch.topk``.

    >>> import fastgrad as torch
    >>> torch.topk(torch.tensor([1, 4, 3, 2]), 2)
    torch.return_types.topk(
    values=tensor([4, 3]),
    indices=tensor([1, 2]))
    """
    at = dim if axis is None else axis
    values, indices = _core.topk(input, k, at, largest, sorted)
    if values.requires_grad:
        record(values, topk_vjp, _core.edges(input), (input.shape, at, indices))
    return topk_result((values, indices))


def topk_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, dim, indices = saved
    return (gather_backward(grad, shape, dim, indices),)


def kthvalue(
    input: Tensor,
    k: int,
    dim: int = -1,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool | None = None,
) -> kthvalue_result:
    """The k-th smallest element along a dimension, counted from 1, and its index.

    Raises:
        RuntimeError: there is no k-th element.

    Follows ``torch.kthvalue``.

    >>> import fastgrad as torch
    >>> torch.kthvalue(torch.tensor([30, 10, 20]), 2)
    torch.return_types.kthvalue(
    values=tensor(20),
    indices=tensor(2))
    """
    at, keep = dim if axis is None else axis, keepdim if keepdims is None else keepdims
    values, indices = _core.kthvalue(input, k, at, keep)
    if values.requires_grad:
        record(values, kthvalue_vjp, _core.edges(input), (input.shape, at, keep, indices))
    return kthvalue_result((values, indices))


def kthvalue_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (to_chosen(grad, *saved),)


if TYPE_CHECKING:

    @overload
    def median(input: Tensor) -> Tensor: ...
    @overload
    def median(input: Tensor, dim: int, keepdim: bool = False) -> median_result: ...
    @overload
    def median(input: Tensor, *, axis: int, keepdims: bool = False) -> median_result: ...


def median(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool | None = None,
) -> Tensor | median_result:
    """The median, the lower one of two; along `dim`, a named tuple (values, indices).

    NaN where there is one. The gradient goes to the chosen element along a dimension; of the
    whole tensor, equal elements share it.

    Follows ``torch.median``.

    >>> import fastgrad as torch
    >>> torch.median(torch.tensor([4.0, 1.0, 3.0, 2.0]))
    tensor(2.)
    """
    at, keep = dim if axis is None else axis, keepdim if keepdims is None else keepdims
    if at is None:
        return _median_of_all(input, False)
    values, indices = _core.median(input, at, keep, False)
    if values.requires_grad:
        record(values, median_vjp, _core.edges(input), (input.shape, at, keep, indices))
    return median_result((values, indices))


def median_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (to_chosen(grad, *saved),)


if TYPE_CHECKING:

    @overload
    def nanmedian(input: Tensor) -> Tensor: ...
    @overload
    def nanmedian(input: Tensor, dim: int, keepdim: bool = False) -> nanmedian_result: ...
    @overload
    def nanmedian(input: Tensor, *, axis: int, keepdims: bool = False) -> nanmedian_result: ...


def nanmedian(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool | None = None,
) -> Tensor | nanmedian_result:
    """:func:`median` of what is not NaN; NaN where all is.

    Follows ``torch.nanmedian``.

    >>> import fastgrad as torch
    >>> torch.nanmedian(torch.tensor([4.0, float("nan"), 3.0]))
    tensor(3.)
    """
    at, keep = dim if axis is None else axis, keepdim if keepdims is None else keepdims
    if at is None:
        return _median_of_all(input, True)
    values, indices = _core.median(input, at, keep, True)
    if values.requires_grad:
        record(values, median_vjp, _core.edges(input), (input.shape, at, keep, indices))
    return nanmedian_result((values, indices))


def _median_of_all(input: Tensor, ignore_nan: bool) -> Tensor:
    if input.numel() == 0:
        if not input.dtype.is_floating_point:
            raise RuntimeError(
                f"median(): an empty tensor of {input.dtype} has no median, and no NaN to say so; "
                "convert it with .float()"
            )
        return _core.full((), float("nan"), input.dtype)
    out = _core.median(_core.reshape(input, (-1,)), 0, False, ignore_nan)[0]
    if out.requires_grad:
        record_result(out, extreme_of_all_vjp, _core.edges(input), (input,))
    return printed_as(out, "nanmedian" if ignore_nan else "median")


def mode(
    input: Tensor,
    dim: int = -1,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool | None = None,
) -> mode_result:
    """The most frequent element along a dimension, the smallest of such, and its last index.

    Follows ``torch.mode``.

    >>> import fastgrad as torch
    >>> torch.mode(torch.tensor([3, 1, 2, 1]))
    torch.return_types.mode(
    values=tensor(1),
    indices=tensor(3))
    """
    at, keep = dim if axis is None else axis, keepdim if keepdims is None else keepdims
    values, indices = _core.mode(input, at, keep)
    if values.requires_grad:
        record(values, mode_vjp, _core.edges(input), (input.shape, at, keep, indices))
    return mode_result((values, indices))


def mode_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (to_chosen(grad, *saved),)


def searchsorted(
    sorted_sequence: Tensor,
    input: Operand,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """For each value, where it could be put into a sorted sequence that would remain sorted.

    Args:
        sorted_sequence: one sequence for all values, or as many as the values have rows.
        right: where there are equal elements, the place after them and not before.
        side: "left" or "right", another way to say so.
        sorter: the indices that sort the sequence, if it is not sorted.

    Raises:
        RuntimeError: the shapes do not fit, or `side` contradicts `right`.

    Follows ``torch.searchsorted``.

    >>> import fastgrad as torch
    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([0, 3, 6]))
    tensor([0, 1, 3])
    """
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"searchsorted(): side can only be 'left' or 'right' but got {side}")
        if right and side == "left":
            raise RuntimeError(
                "searchsorted(): side and right can't be set to opposites, got side of left while "
                "right was True"
            )
        right = side == "right"
    found = _core.searchsorted(
        sorted_sequence, _wanted(input, sorted_sequence), sorter, bool(right)
    )
    return found.to(_core.int32) if out_int32 else found


def _wanted(value: Operand, sequence: Tensor) -> Tensor:
    """The values to look for as a tensor."""
    if isinstance(value, _core.TensorBase):
        return value
    if sequence.ndim != 1:
        raise RuntimeError(
            "searchsorted(): input value can be a scalar only when boundaries tensor dimension is "
            f"1, but we got boundaries tensor dim({sequence.ndim})"
        )
    kind = _core.result_type(sequence, value)
    return _core.full_at(sequence.get_device(), (), value, kind)


def bucketize(
    input: Operand, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """For each value, the index of the bucket that it falls into, between sorted boundaries.

    A value that equals a boundary belongs to the bucket below it, with `right` above it.

    Raises:
        RuntimeError: `boundaries` is no vector.

    Follows ``torch.bucketize``.

    >>> import fastgrad as torch
    >>> torch.bucketize(torch.tensor([0.5, 3.0]), torch.tensor([1.0, 2.0]))
    tensor([0, 2])
    """
    if boundaries.ndim != 1:
        raise RuntimeError(
            f"bucketize(): boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
