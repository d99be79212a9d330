"""Tensors taken apart: all results are views."""

from __future__ import annotations

from itertools import accumulate

from fastgrad import _core
from fastgrad.autograd.graph import record_several
from fastgrad.ops import joining, shape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._types import Dims
    from fastgrad.autograd.graph import Grads, Needs, Saved, Vjp
    from fastgrad.tensor import Tensor

__all__ = [
    "chunk",
    "dsplit",
    "hsplit",
    "split",
    "split_with_sizes",
    "tensor_split",
    "unbind",
    "vsplit",
]


def _length(name: str, tensor: Tensor, dim: int) -> int:
    """The size of a dimension that is to be split."""
    if tensor.ndim == 0:
        raise RuntimeError(f"{name} expects at least a 1-dimensional tensor")
    return tensor.size(dim)


def split(
    tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Views of pieces of a given size (the last may be smaller), or of the given sizes.

    Raises:
        RuntimeError: the sizes do not add up, or the size is not positive.

    Follows ``torch.split``.

    >>> import fastgrad as torch
    >>> torch.split(torch.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    size = split_size_or_sections
    if not isinstance(size, int):
        return split_with_sizes(tensor, size, dim)
    n = _length("split", tensor, dim)
    if size < 0 or (size == 0 and n > 0):
        raise RuntimeError(
            f"split expects split_size be positive, but got split_size={size} for dimension size "
            f"{n}"
        )
    starts = range(0, n, size) if n else (0,)
    return _pieces(tensor, dim, [min(size, n - at) for at in starts], split_vjp)


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of pieces of the given sizes.

    Raises:
        RuntimeError: the sizes do not add up, or one is negative.

    Follows ``torch.split_with_sizes``.

    >>> import fastgrad as torch
    >>> torch.split_with_sizes(torch.arange(5), [2, 3])
    (tensor([0, 1]), tensor([2, 3, 4]))
    """
    if not isinstance(split_sizes, (tuple, list)):
        raise TypeError(
            "split_with_sizes(): argument 'split_sizes' must be tuple of ints, not "
            f"{type(split_sizes).__name__}"
        )
    n = _length("split", input, dim)
    if sum(split_sizes) != n or min(split_sizes, default=0) < 0:
        raise RuntimeError(
            "split_with_sizes expects split_sizes have only non-negative entries that sum exactly "
            f"to {n} (input tensor's size at dimension {dim}), but got "
            f"split_sizes={list(split_sizes)}"
        )
    return _pieces(input, dim, split_sizes, split_with_sizes_vjp)


def _pieces(input: Tensor, dim: int, sizes: Sequence[int], vjp: Vjp) -> tuple[Tensor, ...]:
    """Views of consecutive pieces: one node for them all, so that backward joins gradients once."""
    ends = list(accumulate(sizes))
    pieces = tuple(
        [_core.narrow(input, dim, end - n, n) for end, n in zip(ends, sizes, strict=True)]
    )
    if pieces and pieces[0].requires_grad:
        record_several(pieces, vjp, _core.edges(input), (dim, [x.shape for x in pieces]))
    return pieces


def split_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, shapes = saved
    return (joining.cat(_filled(grad, shapes), dim),)


def split_with_sizes_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return split_vjp(grad, saved, needs)


def _filled(grads: Any, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """The gradients of all pieces: 0 for those that were not used."""
    known = next(grad for grad in grads if grad is not None)
    place, dtype = known.get_device(), known.dtype
    return [
        _core.full_at(place, shape, 0, dtype) if grad is None else grad
        for grad, shape in zip(grads, shapes, strict=True)
    ]


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most `chunks` pieces of equal size (the last may be smaller).

    Raises:
        RuntimeError: `chunks` is not positive.

    Follows ``torch.chunk``.

    >>> import fastgrad as torch
    >>> torch.chunk(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    n = _length("chunk", input, dim)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if n == 0:
        return split_with_sizes(input, [0] * chunks, dim)
    return split(input, -(-n // chunks), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of every position along a dimension. Follows ``torch.unbind``.

    >>> import fastgrad as torch
    >>> torch.unbind(torch.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    rows = tuple([_core.select(input, dim, i) for i in range(input.size(dim))])
    if rows and rows[0].requires_grad:
        saved = (dim, [rows[0].shape] * len(rows))
        record_several(rows, unbind_vjp, _core.edges(input), saved)
    return rows


def unbind_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, shapes = saved
    return (joining.stack(_filled(grad, shapes), dim),)


def tensor_split(
    input: Tensor,
    indices_or_sections: int | Sequence[int] | Tensor | None = None,
    dim: int = 0,
    *,
    indices: Sequence[int] | None = None,
    sections: int | None = None,
) -> tuple[Tensor, ...]:
    """Views of `sections` pieces whose sizes differ by at most 1, or of the pieces between indices.

    Raises:
        RuntimeError: `sections` is not positive, or a tensor of indices is not of int64.

    Follows ``torch.tensor_split``.

    >>> import fastgrad as torch
    >>> torch.tensor_split(torch.arange(5), 3)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    >>> torch.tensor_split(torch.arange(5), (1, 3))
    (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    given = (x for x in (indices_or_sections, indices, sections) if x is not None)
    places = next(given, None)
    if isinstance(places, _core.TensorBase):
        places = _listed(places)
    n = _length("tensor_split", input, dim)
    if isinstance(places, int):
        return split_with_sizes(input, _even_sizes(n, places), dim)
    if not isinstance(places, (tuple, list)):
        raise TypeError(
            "tensor_split() expects a number of sections, or a tuple of indices, but got "
            f"{type(places).__name__}"
        )
    pairs = zip((0, *places), (*places, n), strict=True)
    bounds = [slice(start, end).indices(n) for start, end in pairs]
    return tuple(shape.narrow(input, dim, a, max(b - a, 0)) for a, b, _ in bounds)


def _listed(places: _core.TensorBase) -> int | list[int]:
    """A tensor of indices, or of one number of sections, as Python numbers."""
    if places.dtype is not _core.int64 or places.ndim > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a tensor of int64 with at most "
            f"one dimension, but got {places.dtype} and shape {list(places.shape)}"
        )
    found: int | list[int] = places.tolist()
    return found


def _even_sizes(n: int, sections: int) -> list[int]:
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    size, larger = divmod(n, sections)
    return [size + 1] * larger + [size] * (sections - larger)


def _split_evenly(
    name: str, input: Tensor, places: Dims, dim: int, rank: int
) -> tuple[Tensor, ...]:
    """What hsplit, vsplit and dsplit do: tensor_split() into equal pieces only."""
    if input.ndim < rank:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {rank} dimension, but got a tensor with "
            f"{input.ndim} dimensions!"
        )
    n = input.shape[dim]
    if isinstance(places, int) and (places <= 0 or n % places):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{n} is not divisible by the split_size {places}!"
        )
    return tensor_split(input, places, dim)


def hsplit(input: Tensor, indices_or_sections: Dims) -> tuple[Tensor, ...]:
    """Views of equal pieces, or of those between indices, along the second dimension.

    A vector is split along its only one.

    Raises:
        RuntimeError: the pieces would not be equal.

    Follows ``torch.hsplit``.

    >>> import fastgrad as torch
    >>> torch.hsplit(torch.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    return _split_evenly("hsplit", input, indices_or_sections, min(input.ndim - 1, 1), 1)


def vsplit(input: Tensor, indices_or_sections: Dims) -> tuple[Tensor, ...]:
    """Views of equal pieces, or of those between indices, along the first dimension.

    Raises:
        RuntimeError: the pieces would not be equal, or the tensor is a vector.

    Follows ``torch.vsplit``.

    >>> import fastgrad as torch
    >>> torch.vsplit(torch.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _split_evenly("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Tensor, indices_or_sections: Dims) -> tuple[Tensor, ...]:
    """Views of equal pieces, or of those between indices, along the third dimension.

    Raises:
        RuntimeError: the pieces would not be equal, or there are fewer than three dimensions.

    Follows ``torch.dsplit``.

    >>> import fastgrad as torch
    >>> torch.dsplit(torch.tensor([[[1, 2]]]), 2)
    (tensor([[[1]]]), tensor([[[2]]]))
    """
    return _split_evenly("dsplit", input, indices_or_sections, 2, 3)
