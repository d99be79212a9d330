"""Between the memory of tensors and the bytes of files."""

from __future__ import annotations

import mmap as mmap_module
from collections.abc import Sequence
from typing import IO

import fastgrad as fg
from fastgrad import _core


def memory_of(row: fg.Tensor) -> memoryview:
    """The bytes of a tensor in one dimension without gaps."""
    if not row.numel():
        return memoryview(b"")
    row = _core.to_device(row, -1, False)
    width = row.element_size()
    memory = _core.storage_bytes(row)
    return memoryview(_core.narrow(memory, 0, row.storage_offset() * width, row.numel() * width))


def map_file(path: str) -> mmap_module.mmap:
    """A file as memory; what is written there stays in memory.

    Raises:
        OSError: There is no such file, or it cannot be mapped.
        ValueError: It is empty.
    """
    with open(path, "rb") as file:
        return mmap_module.mmap(file.fileno(), 0, access=mmap_module.ACCESS_COPY)


def mapped_memory(
    mapped: mmap_module.mmap, begin: int, shape: Sequence[int], dtype: fg.dtype
) -> fg.Tensor:
    """A tensor on a part of a memory map, or on a copy of it where it is not aligned.

    Raises:
        ValueError: The map is too short, or a bool is neither 0 nor 1.
    """
    numel = 1
    for n in shape:
        numel *= n
    if not numel:
        return _core.empty_at(-1, tuple(shape), dtype)
    width = _core.empty((0,), dtype).element_size()
    piece: memoryview | bytearray = memoryview(mapped)[begin : begin + numel * width]
    if begin % width:
        piece = bytearray(piece)
    return fg.frombuffer(piece, dtype=dtype, count=numel).view(tuple(shape))


def read_memory(file: IO[bytes], dtype: fg.dtype, numel: int) -> fg.Tensor:
    """A tensor in one dimension with the next bytes of a file.

    Raises:
        EOFError: The file is too short.
        ValueError: A bool is neither 0 nor 1.
    """
    row = _core.empty_at(-1, (numel,), fg.uint8 if dtype is fg.bool else dtype)
    view = memory_of(row)
    done = 0
    while done < len(view):
        count = file.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the file ends within a tensor")
        done += count
    if dtype is not fg.bool:
        return row
    if numel and int(row.max()) > 1:
        raise ValueError("a bool is neither 0 nor 1")
    return row.to(fg.bool)
