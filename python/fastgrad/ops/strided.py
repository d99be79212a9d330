"""Views with strides of their own, above the gradient that adds up what they share."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from fastgrad._types import Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

    Geometry: TypeAlias = tuple[tuple[int, ...], tuple[int, ...], int]  # sizes, strides, offset

__all__ = ["as_strided"]


def as_strided(
    input: Tensor, size: Sizes, stride: Sizes, storage_offset: int | None = None
) -> Tensor:
    """A view of the tensor's memory with the given sizes and strides.

    Args:
        size: the sizes.
        stride: for each dimension, how far its positions lie apart in memory, in elements.
        storage_offset: where the view begins in memory (unless told, where the tensor does).

    Raises:
        RuntimeError: the view would reach beyond the memory, or a stride is negative.

    Follows ``torch.as_strided``.

    >>> import fastgrad as torch
    >>> torch.as_strided(torch.arange(4), (3, 2), (1, 1))
    tensor([[0, 1],
            [1, 2],
            [2, 3]])
    """
    offset = input.storage_offset() if storage_offset is None else storage_offset
    out = _core.as_strided(input, size, stride, offset)
    if out.requires_grad:
        saved = (geometry(input), geometry(out), not input.is_contiguous())
        record(out, as_strided_vjp, _core.edges(input), saved)
    return out


def as_strided_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (strided_backward(grad, *saved),)


def geometry(tensor: Tensor) -> Geometry:
    """Where the elements lie: what tells one view of a piece of memory from another."""
    return tensor.shape, tensor.stride(), tensor.storage_offset()


def _end(place: Geometry) -> int:
    """The first place in memory behind all elements."""
    sizes, strides, offset = place
    if 0 in sizes:
        return offset
    return offset + 1 + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))


def strided_backward(grad: Tensor, source: Geometry, view: Geometry, overlaps: bool) -> Tensor:
    """The gradient of a tensor that lies at `source`, from that of a view of its memory.

    The gradient is added up where it lies in memory. Where elements of the source may share a place
    in memory (`overlaps`), each gets an equal part.
    """
    sizes, strides, offset = source
    first = min(offset, view[2])
    extent = max(_end(source), _end(view)) - first
    memory = strided_add(grad, view[1], view[2] - first, extent)
    if overlaps:
        ones = _core.full_at(grad.get_device(), sizes, 1, grad.dtype)
        times = _core.strided_add(ones, strides, offset - first, extent)
        memory = memory / _core.maximum(times, 1)
    return as_strided(memory, sizes, strides, offset - first)


def strided_add(grad: Tensor, strides: Sizes, offset: int, n: int) -> Tensor:
    """`n` zeros with the gradient added at its places: the adjoint of as_strided()."""
    out = _core.strided_add(grad, strides, offset, n)
    if out.requires_grad:
        record(out, strided_add_vjp, _core.edges(grad), (grad.shape, strides, offset))
    return out


def strided_add_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    sizes, strides, offset = saved
    memory = grad.contiguous()
    return (as_strided(memory, sizes, strides, memory.storage_offset() + offset),)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of `size` positions along a dimension, `step` apart.

    The positions inside a window are a new last dimension.

    Raises:
        RuntimeError: `size` is longer than the dimension, or `step` is not positive.

    Follows ``torch.Tensor.unfold``.

    >>> import fastgrad as torch
    >>> torch.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    out = _core.unfold(input, dimension, size, step)
    if out.requires_grad:
        record(out, unfold_vjp, _core.edges(input), (input.shape, dimension, size, step))
    return out


def unfold_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    sizes, dimension, size, step = saved
    # The strides of the windows in a gradient whose elements lie in order.
    windows = _core.unfold(
        _core.empty_at(grad.get_device(), sizes, grad.dtype), dimension, size, step
    )
    return (strided_add(grad, windows.stride(), 0, sizes.numel()).view(sizes),)
