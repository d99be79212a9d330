"""``fastgrad.save`` and ``fastgrad.load``: which format, and from where."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import fastgrad as fg
from fastgrad.io.atomic import PathLike, atomic_write
from fastgrad.io.places import Placing, placing

if TYPE_CHECKING:
    MapLocation: TypeAlias = str | fg.device | Mapping[str, str] | Callable[[Any, str], Any] | None

FORMATS = ("pt", "safetensors", "npz")
SUFFIXES = {".safetensors": "safetensors", ".npz": "npz"}


def save(obj: Any, f: PathLike | IO[bytes], *, format: str | None = None) -> None:
    """Write tensors, and containers and numbers around them, to a file.

    A file is written whole or not at all. A view is written at its own size, without its base;
    tensors that share memory share it again when they are loaded.

    Args:
        obj: A tensor, a ``state_dict()``, or nested dictionaries, lists, tuples and sets of
            tensors, numbers, text, bytes, sizes, dtypes and devices.
        f: A path, or a binary file open for writing.
        format: "pt" is PyTorch's, which ``torch.load`` reads; "safetensors" and "npz" (NumPy's)
            hold a dictionary of named tensors. By default the suffix of the path decides
            between ".safetensors", ".npz" and, for all others, "pt".

    Raises:
        TypeError: Something in `obj` cannot be written; the message says what, where, and what to
            save instead (for a module: its ``state_dict()``).
        RuntimeError: Tensors in `obj` view the same memory as different dtypes.
        ValueError: `format` is unknown.
        OSError: The file cannot be written; an old one of that name is as it was.

    Follows ``torch.save`` (https://docs.pytorch.org/docs/stable/generated/torch.save.html).

    >>> import tempfile
    >>> import fastgrad as torch
    >>> path = tempfile.mkdtemp() + "/run.pt"
    >>> torch.save({"epoch": 3, "weight": torch.ones(2)}, path)
    >>> torch.load(path)
    {'epoch': 3, 'weight': tensor([1., 1.])}
    """
    chosen = _chosen_format(f, format)
    if isinstance(f, (str, os.PathLike)):
        with atomic_write(f) as file:
            _write(obj, file, chosen)
    elif hasattr(f, "write"):
        _write(obj, f, chosen)
    else:
        raise TypeError(f"save: expected a path or an open file, got {type(f).__name__}")


def _chosen_format(f: Any, format: str | None) -> str:
    if format is None:
        suffix = os.path.splitext(f)[1] if isinstance(f, (str, os.PathLike)) else ""
        return SUFFIXES.get(str(suffix), "pt")
    if format not in FORMATS:
        raise ValueError(f"save: format must be one of {', '.join(FORMATS)}; got {format!r}")
    return format


def _write(obj: Any, file: IO[bytes], format: str) -> None:
    if format == "pt":
        from fastgrad.io import pt

        pt.write(obj, file)
        return
    if not isinstance(obj, Mapping):
        raise TypeError(
            f"save: {format} files hold a dictionary of named tensors, got {type(obj).__name__}: "
            'use a path that ends in ".pt"'
        )
    if format == "safetensors":
        from fastgrad.io import safetensors

        safetensors.write(obj, file, {"format": "pt"})
    else:
        from fastgrad.io import npz

        npz.write(obj, file)


def load(
    f: PathLike | IO[bytes],
    map_location: MapLocation = None,
    pickle_module: None = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """Read what :func:`save` or PyTorch wrote; the content of the file tells its format.

    No file can run code: PyTorch's pickles are read by an interpreter that knows data only.

    Args:
        f: A path, or a binary file open for reading.
        map_location: Where the tensors go: a device; a dictionary from the file's names of places
            to devices; or a function of a storage, as a tensor on the CPU, and the file's name of
            its place, which returns it where it is to be, or None. Unless told, where they were,
            or on the CPU if CUDA is not available.
        pickle_module: Must be None: pickles are not executed.
        weights_only: True or None. With False, too, only data is read, and other files are refused.
        mmap: Leave the tensors of a path in the file, mapped into memory, until they are used.

    Raises:
        FileNotFoundError: There is no such file.
        pickle.UnpicklingError: The file asks for something other than data; the message names it.
        RuntimeError: The file is damaged, or of no known format.
        ValueError: The same, for safetensors and npz files; or an argument does not fit.

    Follows ``torch.load`` (https://docs.pytorch.org/docs/stable/generated/torch.load.html).

    >>> import io
    >>> import fastgrad as torch
    >>> file = io.BytesIO()
    >>> torch.save([torch.arange(3), "text"], file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    [tensor([0, 1, 2]), 'text']
    """
    if pickle_module is not None:
        raise ValueError("load: pickle_module must be None, because pickles are not executed")
    place = placing(map_location)
    if isinstance(f, (str, os.PathLike)):
        return _load_path(os.fspath(f), bool(mmap), place)
    if not hasattr(f, "read"):
        raise TypeError(f"load: expected a path or an open file, got {type(f).__name__}")
    if mmap:
        raise ValueError("load: mmap=True needs the path of a file")
    return _load_bytes(f.read(), place)


def _placed(tensors: dict[str, fg.Tensor], place: Placing) -> dict[str, fg.Tensor]:
    """Tensors of a file that does not say where they were."""
    return {name: place(tensor, "cpu") for name, tensor in tensors.items()}


def _load_path(path: str, mmap: bool, place: Placing) -> Any:
    if not os.path.exists(path):
        raise FileNotFoundError(f"[Errno 2] No such file or directory: {path!r}")
    if not os.path.isfile(path):
        raise RuntimeError(f"{path} is not a file but a folder or a device")
    with open(path, "rb") as file:
        start = file.read(16)
    if start[:4] == b"PK\3\4":
        return _load_archive(path, mmap, place)
    if start[8:9] == b"{":
        from fastgrad.io import safetensors

        return _placed(safetensors.load_file(path, mmap=mmap), place)
    with open(path, "rb") as file:
        return _load_old(file.read(), path, place)


def _load_archive(path: str, mmap: bool, place: Placing) -> Any:
    from zipfile import BadZipFile, ZipFile

    from fastgrad.io import npz, pt
    from fastgrad.io.memory import map_file

    try:
        with ZipFile(path) as archive:
            is_npz = any(name.endswith(".npy") for name in archive.namelist())
    except BadZipFile as error:
        raise RuntimeError(f"{path} is a damaged archive ({error})") from error
    if is_npz:
        return _placed(npz.load_file(path), place)
    with open(path, "rb") as file:
        return pt.Archive(file, path, map_file(path) if mmap else None, place).load()


def _load_bytes(data: bytes, place: Placing) -> Any:
    from io import BytesIO

    from fastgrad.io import pt

    if data[:4] == b"PK\3\4":
        return pt.Archive(BytesIO(data), "the file", None, place).load()
    if data[8:9] == b"{":
        raise ValueError("load: safetensors files are read from a path only")
    return _load_old(data, "the file", place)


def _load_old(data: bytes, name: str, place: Placing) -> Any:
    from fastgrad.io import pt_legacy

    if not data.startswith(pt_legacy.START):
        raise RuntimeError(
            f"{name} is of no known format: expected a file of torch.save, safetensors or npz"
        )
    return pt_legacy.load(data, name, place)
