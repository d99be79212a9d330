"""The memory of tensors, cut into the pieces that a file of PyTorch's format keeps.

A file keeps what its tensors show and no more: a view is not saved with the whole of its base.
Tensors that overlap in memory stay together, so that they share memory again when they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import fastgrad as fg
from fastgrad import _core
from fastgrad.ops.copying import packed

STORAGE_NAMES = {
    fg.float32: "FloatStorage",
    fg.float64: "DoubleStorage",
    fg.float16: "HalfStorage",
    fg.bfloat16: "BFloat16Storage",
    fg.int64: "LongStorage",
    fg.int32: "IntStorage",
    fg.int16: "ShortStorage",
    fg.int8: "CharStorage",
    fg.uint8: "ByteStorage",
    fg.bool: "BoolStorage",
}


class Place(NamedTuple):
    """Where a tensor lies: the number of its storage, elements in that, and how to find its own."""

    storage: int
    numel: int
    offset: int
    strides: tuple[int, ...]


class _Extent(NamedTuple):
    """The bytes of memory that a tensor reaches, and the tensor without its graph."""

    begin: int
    end: int
    tensor: fg.Tensor


def _extent(tensor: fg.Tensor) -> _Extent:
    data = _core.detach(tensor)
    last = sum((n - 1) * step for n, step in zip(data.shape, data.stride(), strict=True))
    return _Extent(data.data_ptr(), data.data_ptr() + (last + 1) * data.element_size(), data)


def _key(tensor: fg.Tensor) -> tuple[object, ...]:
    """Equal for tensors that show the same elements of memory in the same way."""
    at = tensor.data_ptr() if tensor.numel() else 0
    return (at, tensor.dtype, tuple(tensor.shape), tensor.stride())


class Storages:
    """The pieces of memory that some tensors need, and the place of each tensor in them.

    Attributes:
        pieces: Tensors in one dimension without gaps; what the file keeps.

    Raises:
        RuntimeError: Tensors show the same memory as different dtypes.
    """

    def __init__(self, tensors: Iterable[fg.Tensor]) -> None:
        self.pieces: list[fg.Tensor] = []
        self._places: dict[tuple[object, ...], Place] = {}
        unique = {_key(tensor): tensor for tensor in tensors}
        extents = []
        for tensor in unique.values():
            if tensor.numel():
                extents.append(_extent(tensor))
            else:
                self._add_alone(tensor)
        extents.sort(key=lambda extent: extent[:2])
        for group in _overlapping(extents):
            self._add_alone(group[0].tensor) if len(group) == 1 else self._add_together(group)

    def place_of(self, tensor: fg.Tensor) -> Place:
        """Where one of the tensors lies."""
        return self._places[_key(tensor)]

    def _add_alone(self, tensor: fg.Tensor) -> None:
        row, strides = packed(_core.detach(tensor))
        self._places[_key(tensor)] = Place(len(self.pieces), row.numel(), 0, strides)
        self.pieces.append(row)

    def _add_together(self, group: list[_Extent]) -> None:
        """One piece for tensors that share memory."""
        dtype, width = group[0].tensor.dtype, group[0].tensor.element_size()
        begin, end = group[0].begin, max(extent.end for extent in group)
        piece = _core.empty_at(group[0].tensor.get_device(), ((end - begin) // width,), dtype)
        done = begin
        for extent in group:
            tensor = extent.tensor
            if tensor.dtype is not dtype or (extent.begin - begin) % width:
                raise RuntimeError(
                    "save: cannot save tensors that view the same memory as different types "
                    f"({dtype} and {tensor.dtype}): clone() one of them"
                )
            offset = (extent.begin - begin) // width
            self._places[_key(tensor)] = Place(
                len(self.pieces), piece.numel(), offset, tensor.stride()
            )
            if extent.end > done:
                new, skip = (extent.end - done) // width, (done - extent.begin) // width
                source = _core.as_strided(tensor, (new,), (1,), tensor.storage_offset() + skip)
                _core.copy_(_core.narrow(piece, 0, (done - begin) // width, new), source)
                done = extent.end
        self.pieces.append(piece)


def _overlapping(extents: list[_Extent]) -> Iterator[list[_Extent]]:
    """Groups of extents, in the order of their addresses, that have memory in common."""
    group: list[_Extent] = []
    reach = 0
    for extent in extents:
        if group and extent.begin >= reach:
            yield group
            group = []
        group.append(extent)
        reach = max(reach, extent.end) if len(group) > 1 else extent.end
    if group:
        yield group
