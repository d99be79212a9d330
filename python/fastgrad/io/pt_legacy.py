"""PyTorch's files from before version 1.6: five pickles one after the other, then the memory."""

from __future__ import annotations

import struct
from io import BytesIO
from pickle import UnpicklingError
from typing import Any

import fastgrad as fg
from fastgrad import _core
from fastgrad.io.memory import read_memory
from fastgrad.io.places import Placing, as_saved
from fastgrad.io.pt import names, storage_id
from fastgrad.io.unpickling import Unpickler

MAGIC = 0x1950A86A20F9469CFC6C
START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the pickle of the magic number


def load(data: bytes, name: str, place: Placing = as_saved) -> Any:
    """The value in such a file.

    Raises:
        RuntimeError: The file is damaged.
        pickle.UnpicklingError: It asks for something other than data.
    """
    storages: dict[str, fg.Tensor] = {}
    views: list[Any] = []

    def storage(persistent_id: Any) -> fg.Tensor:
        dtype, key, at, numel = storage_id(persistent_id)
        if len(persistent_id) > 5 and persistent_id[5] is not None:
            raise UnpicklingError("views of storages of an old kind cannot be read")
        if key not in storages:
            width = _core.empty((0,), dtype).element_size()
            if numel * width > len(data):
                raise UnpicklingError(f"storage {key!r} is larger than the file")
            storages[key] = place(_core.empty_at(-1, (numel,), dtype), at)
        if storages[key].dtype is not dtype or storages[key].numel() != numel:
            raise UnpicklingError(f"storage {key!r} is described in two ways")
        return storages[key]

    position = 0
    for _ in range(5):  # magic number, protocol, system, value, keys
        unpickler = Unpickler(data, names(), storage, position)
        views.append(unpickler.load())
        position = unpickler.position
    magic, _, _, value, keys = views
    if magic != MAGIC or not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages):
        raise RuntimeError(f"{name} is a damaged file: its parts do not fit together")
    file = BytesIO(data)
    file.seek(position)
    for key in keys:
        _fill(storages[key], file, name)
    return value


def _fill(storage: fg.Tensor, file: BytesIO, name: str) -> None:
    """Read the memory of a storage that tensors lie on already."""
    header = file.read(8)
    if len(header) < 8 or struct.unpack("<q", header)[0] != storage.numel():
        raise RuntimeError(f"{name} is a damaged file: a storage has another size than was told")
    try:
        _core.copy_(storage, read_memory(file, storage.dtype, storage.numel()))
    except (EOFError, ValueError) as error:
        raise RuntimeError(f"{name} is a damaged file ({error})") from error
