"""Named tensors in NumPy's .npz archives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

import fastgrad as fg
from fastgrad.io.atomic import PathLike

# A small file that claims to hold more than this is taken for a trap.
ALLOWED_RATIO, ALLOWED_BYTES = 100, 1 << 30


def write(tensors: Mapping[str, fg.Tensor], file: IO[bytes]) -> None:
    """Write named tensors to an open file, as ``numpy.savez``.

    Raises:
        TypeError: A name is not text, a value is no tensor, or NumPy lacks its dtype (bfloat16).
    """
    import numpy

    arrays = {}
    for name, tensor in tensors.items():
        if not (isinstance(name, str) and isinstance(tensor, fg.Tensor)):
            raise TypeError(f".npz files hold named tensors, got {name!r}: {type(tensor).__name__}")
        arrays[name] = tensor.numpy(force=True)
    numpy.savez(file, **arrays)  # type: ignore[arg-type]


def load_file(path: PathLike) -> dict[str, fg.Tensor]:
    """Read the arrays of an .npz file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, holds Python objects, or unpacks to absurdly many bytes.
        TypeError: An array has a dtype that fastgrad lacks.
    """
    import numpy

    name = os.fspath(path)
    try:
        with ZipFile(name) as archive:
            total = sum(info.file_size for info in archive.infolist())
        if total > max(ALLOWED_BYTES, ALLOWED_RATIO * os.path.getsize(name)):
            raise ValueError(f"it unpacks to {total} bytes; if you trust it, use numpy.load")
        with numpy.load(name, allow_pickle=False) as arrays:
            return {key: fg.from_numpy(arrays[key]) for key in arrays.files}
    except (BadZipFile, ZlibError, EOFError, ValueError, NotImplementedError) as error:
        raise ValueError(f"{name} cannot be read as an .npz file ({error})") from error
