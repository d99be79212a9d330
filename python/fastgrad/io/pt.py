"""PyTorch's files (.pt, .pth): a zip archive of a pickle and one member for each piece of memory.

Read without executing the pickle (:mod:`fastgrad.io.unpickling`), written so that
``torch.load(weights_only=True)`` reads it. The members are stored, not compressed, at multiples of
64 bytes, so that they can be mapped into memory.
"""

from __future__ import annotations

import mmap as mmap_module
import struct
from collections import OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import IO, TYPE_CHECKING, Any, BinaryIO
from zipfile import ZIP64_LIMIT, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import fastgrad as fg
from fastgrad import _core
from fastgrad.io.memory import mapped_memory, memory_of, read_memory
from fastgrad.io.numpy_pickles import NAMES, with_arrays
from fastgrad.io.pickling import dumps, tensors_in
from fastgrad.io.places import Placing, as_saved
from fastgrad.io.storages import STORAGE_NAMES, Storages
from fastgrad.io.unpickling import Named, Unpickler, checked_key

if TYPE_CHECKING:
    from fastgrad.io.unpickling import Names

ALIGNMENT = 64
FOLDER = "archive"  # PyTorch's name inside of files that have no name of their own
LARGEST_PICKLE = 1 << 30


# Writing


def write(value: Any, file: IO[bytes]) -> None:
    """Write a value as PyTorch's archive; see :func:`fastgrad.save`."""
    storages = Storages(tensors_in(value))
    pickled = dumps(value, storages)
    with ZipFile(file, "w", ZIP_STORED) as archive:
        _add(archive, "data.pkl", pickled)
        _add(archive, ".format_version", b"1")
        _add(archive, ".storage_alignment", str(ALIGNMENT).encode())
        _add(archive, "byteorder", b"little")
        for number, piece in enumerate(storages.pieces):
            _add(archive, f"data/{number}", memory_of(piece))
        _add(archive, "version", b"3\n")


def _add(archive: ZipFile, name: str, data: bytes | memoryview) -> None:
    """Add a member whose bytes begin at a multiple of the alignment."""
    info = ZipInfo(f"{FOLDER}/{name}")
    assert archive.fp is not None
    header = archive.fp.tell() + 30 + len(info.filename)
    if len(data) * 1.05 > ZIP64_LIMIT:  # then zipfile adds another field with the sizes
        header += 20
    gap = -(header + 4) % ALIGNMENT  # an extra field: two letters, its length, and filling
    info.extra = b"FB" + struct.pack("<H", gap) + b"Z" * gap
    archive.writestr(info, data)


# Names that a pickle may ask for


def rebuild_tensor(
    storage: fg.Tensor,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    hooks: object = None,
    metadata: object = None,
) -> fg.Tensor:
    """A tensor on a storage.

    Raises:
        TypeError: Arguments of other types.
        ValueError: It would reach beyond the storage.
    """
    if not isinstance(storage, fg.Tensor) or type(requires_grad) is not bool:
        raise TypeError("expected a storage and a flag")
    sizes, strides = tuple(size), tuple(stride)
    if any(type(n) is not int or n < 0 for n in (offset, *sizes, *strides)):
        raise ValueError("offset, sizes and strides must be integers from 0 on")
    if len(sizes) != len(strides):
        raise ValueError(f"{len(sizes)} sizes and {len(strides)} strides")
    last = offset + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
    if 0 not in sizes and last >= storage.numel():
        raise ValueError(
            f"a tensor of size {list(sizes)}, strides {list(strides)} and offset {offset} reaches "
            f"beyond its storage of {storage.numel()} elements"
        )
    at = offset if 0 not in sizes else 0
    data = _core.detach(_core.as_strided(storage, sizes, strides, at))
    return data.requires_grad_() if requires_grad else data


def _rebuild_parameter(data: fg.Tensor, requires_grad: bool, hooks: object) -> fg.nn.Parameter:
    return fg.nn.Parameter(data, requires_grad)


def _rebuild_from_type(function: Named, kind: Named, args: Any, state: Any) -> fg.Tensor:
    """A tensor of a class of its own, which is read where it is PyTorch's and has no attributes."""
    if function.call is not rebuild_tensor or not isinstance(kind, Named):
        raise TypeError("expected _rebuild_tensor_v2 and a class")
    if state:
        raise ValueError("tensors with attributes cannot be read")
    result = rebuild_tensor(*args)
    return result if kind.name != "Parameter" else fg.nn.Parameter(result, result.requires_grad)


def _not_to_be_called(*args: Any) -> Any:
    raise TypeError("it is a class, and only named in files")


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"unexpected encoding {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


def _set(items: Any = ()) -> set[Any]:
    return {checked_key(item) for item in items}


def _ordered(items: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict((checked_key(key), value) for key, value in items)


def _size(items: tuple[int, ...]) -> fg.Size:
    return fg.Size(items)


def _device(kind: str, index: int | None = None) -> fg.device:
    return fg.device(kind) if index is None else fg.device(kind, index)


FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _ordered,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _rebuild_from_type,
    ("torch", "Tensor"): _not_to_be_called,
    ("torch.nn.parameter", "Parameter"): _not_to_be_called,
    ("torch", "Size"): _size,
    ("torch", "device"): _device,
    ("_codecs", "encode"): _encode,
    **{(module, "bytes"): _no_bytes for module in ("__builtin__", "builtins")},
    **{(module, "set"): _set for module in ("__builtin__", "builtins")},
    **{(module, "complex"): complex for module in ("__builtin__", "builtins")},
}
STORAGE_DTYPES = {name: dtype for dtype, name in STORAGE_NAMES.items()}


def names() -> Names:
    """What a pickle of PyTorch's may ask for."""
    table: dict[tuple[str, str], Any] = {
        key: Named(key[1], function) for key, function in FUNCTIONS.items()
    }
    table |= {key: called for key, called in NAMES.items() if key[0].startswith("numpy")}
    table |= {("torch", str(d).removeprefix("torch.")): d for d in STORAGE_NAMES}
    table |= {("torch", name): StorageType(dtype) for name, dtype in STORAGE_DTYPES.items()}
    return table


class StorageType:
    """``torch.FloatStorage`` and its like: the dtype of a piece of memory."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: fg.dtype) -> None:
        self.dtype = dtype


def storage_id(value: Any) -> tuple[fg.dtype, str, str, int]:
    """The dtype, the key, the place and the number of elements that a persistent id tells."""
    if not (type(value) is tuple and len(value) >= 5 and value[0] == "storage"):
        raise UnpicklingError("a persistent id is no storage")
    kind, key, place, numel = value[1:5]
    if not isinstance(kind, StorageType):
        raise UnpicklingError("a storage has an unknown type")
    if not (isinstance(key, str) and type(numel) is int and numel >= 0):
        raise UnpicklingError("a storage has no key or no size")
    return kind.dtype, key, str(place), numel


# Reading


class Archive:
    """PyTorch's zip file, open for reading.

    Args:
        file: A binary file that can be sought in.
        name: What errors call it.
        mapped: The file as a memory map, if the tensors are to lie in that.
        place: Brings each storage to where it goes.

    Raises:
        RuntimeError: It is damaged, compressed, or no file of PyTorch's.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        mapped: mmap_module.mmap | None,
        place: Placing = as_saved,
    ) -> None:
        self.name = name
        self.mapped = mapped
        self.place = place
        self.file = file
        self.storages: dict[str, fg.Tensor] = {}
        try:
            self.zip = ZipFile(file)
            self.members = self._checked_members()
        except (BadZipFile, EOFError, ValueError, struct.error, NotImplementedError) as error:
            raise RuntimeError(f"{name} is a damaged archive ({error})") from error

    def _checked_members(self) -> dict[str, ZipInfo]:
        """The members by their names without the first folder."""
        infos = sorted(self.zip.infolist(), key=lambda info: info.header_offset)
        end = 0
        members = {}
        for info in infos:
            if info.compress_type != ZIP_STORED or info.file_size != info.compress_size:
                raise BadZipFile(f"{info.filename} is compressed, as PyTorch never does")
            if info.flag_bits & 1:
                raise BadZipFile(f"{info.filename} is encrypted")
            if info.header_offset < end:
                raise BadZipFile(f"{info.filename} overlaps with another member")
            end = self._begin_of(info) + info.file_size
            short = info.filename.partition("/")[2]
            if short in members:
                raise BadZipFile(f"two members are called {info.filename}")
            members[short] = info
        if end > self.zip.start_dir:
            raise BadZipFile("a member reaches beyond the end")
        return members

    def _begin_of(self, info: ZipInfo) -> int:
        """Where the bytes of a member begin."""
        self.file.seek(info.header_offset)
        header = self.file.read(30)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise BadZipFile(f"{info.filename} has no header")
        name_length, extra_length = struct.unpack("<HH", header[26:])
        return int(info.header_offset + 30 + name_length + extra_length)

    def load(self) -> Any:
        """The value in the archive.

        Raises:
            RuntimeError: There is none that can be read as data.
            pickle.UnpicklingError: It asks for something other than data.
        """
        if "data.pkl" not in self.members:
            kind = "a TorchScript archive" if "constants.pkl" in self.members else "no such file"
            raise RuntimeError(f"{self.name}: expected a file of torch.save, got {kind}")
        if "byteorder" in self.members and self._read("byteorder") != b"little":
            raise RuntimeError(f"{self.name} was written on a big-endian machine")
        pickled = self._read("data.pkl")
        value = Unpickler(pickled, names(), self._storage).load()
        return with_arrays(value) if b"_reconstruct" in pickled else value

    def _read(self, name: str) -> bytes:
        info = self.members[name]
        if info.file_size > LARGEST_PICKLE:
            raise RuntimeError(f"{self.name}: {name} has {info.file_size} bytes, which is absurd")
        try:
            return self.zip.read(info)
        except (BadZipFile, EOFError, ValueError) as error:
            raise RuntimeError(f"{self.name} is a damaged archive ({error})") from error

    def _storage(self, persistent_id: Any) -> fg.Tensor:
        dtype, key, place, numel = storage_id(persistent_id)
        if key not in self.storages:
            self.storages[key] = self.place(self._read_storage(dtype, key, numel), place)
        known = self.storages[key]
        if known.dtype is not dtype or known.numel() != numel:
            raise UnpicklingError(f"storage {key!r} is described in two ways")
        return known

    def _read_storage(self, dtype: fg.dtype, key: str, numel: int) -> fg.Tensor:
        info = self.members.get(f"data/{key}")
        width = _core.empty((0,), dtype).element_size()
        if info is None or info.file_size != numel * width:
            got = "none" if info is None else f"one of {info.file_size}"
            raise UnpicklingError(f"expected a storage {key!r} of {numel * width} bytes, got {got}")
        if self.mapped is not None and numel:
            return mapped_memory(self.mapped, self._begin_of(info), (numel,), dtype)
        try:
            with self.zip.open(info) as member:
                return read_memory(member, dtype, numel)
        except (BadZipFile, EOFError, ValueError) as error:
            raise RuntimeError(f"{self.name} is a damaged archive ({error})") from error
