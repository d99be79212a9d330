"""Tensors in the safetensors format: no pickle, no code in the file.

The ``safetensors`` package (https://github.com/huggingface/safetensors) checks the files that are
read; this module adds fastgrad tensors, memory maps, errors that name the file, and atomic writing
(of bfloat16 too, which the package writes through PyTorch or NumPy only).
"""

import json
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import fastgrad as fg
from fastgrad import _core
from fastgrad.io.atomic import PathLike, atomic_write
from fastgrad.io.memory import map_file, mapped_memory, memory_of

DTYPES = {
    "F32": fg.float32,
    "F64": fg.float64,
    "F16": fg.float16,
    "BF16": fg.bfloat16,
    "I64": fg.int64,
    "I32": fg.int32,
    "I16": fg.int16,
    "I8": fg.int8,
    "U8": fg.uint8,
    "BOOL": fg.bool,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def save_file(
    tensors: Mapping[str, fg.Tensor], path: PathLike, metadata: Mapping[str, str] | None = None
) -> None:
    """Write named tensors to a safetensors file, atomically.

    Args:
        tensors: Name -> tensor of any shape. Strided views are written as what they show.
        path: The file to write or to replace.
        metadata: Text to keep in the header, readable with :func:`load_metadata`.

    Raises:
        TypeError: A value is not a tensor, or a metadata value is not a string.
        OSError: The file cannot be written; see :func:`fastgrad.io.atomic.atomic_write`.

    Follows ``safetensors.torch.save_file``.

    Example:
        >>> import tempfile
        >>> import fastgrad as torch
        >>> from fastgrad.io.safetensors import load_file, save_file
        >>> path = tempfile.mkdtemp() + "/model.safetensors"
        >>> save_file({"weight": torch.ones(2, 3).t()}, path, {"made by": "an example"})
        >>> load_file(path)["weight"].shape
        torch.Size([3, 2])
    """
    with atomic_write(path) as file:
        write(tensors, file, metadata)


def write(
    tensors: Mapping[str, fg.Tensor],
    file: IO[bytes],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write named tensors to an open file; see :func:`save_file`."""
    header: dict[str, Any] = {"__metadata__": _checked_metadata(metadata)} if metadata else {}
    rows = []
    end = 0
    # Wide elements first, so that all are aligned.
    for name in sorted(tensors, key=lambda name: -_checked(name, tensors[name]).element_size()):
        # The format has no strides.
        row = tensors[name].detach().contiguous().reshape(-1)
        begin, end = end, end + row.numel() * row.element_size()
        rows.append(row)
        shape = list(tensors[name].shape)
        header[name] = {"dtype": NAMES[row.dtype], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for row in rows:
        file.write(memory_of(row))


def load_file(path: PathLike, *, mmap: bool = False) -> dict[str, fg.Tensor]:
    """Read all tensors of a safetensors file.

    Args:
        path: The file to read.
        mmap: Leave the tensors in the file, which is mapped into memory: what is not used is not
            read, and what is written to a tensor does not reach the file. The file must not
            be changed meanwhile.

    Returns:
        Name -> tensor, on the CPU, in the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is truncated, damaged or in another format, or holds a dtype that
            fastgrad lacks.

    Follows ``safetensors.torch.load_file``.

    Example:
        >>> import tempfile
        >>> import fastgrad as torch
        >>> from fastgrad.io.safetensors import load_file, save_file
        >>> path = tempfile.mkdtemp() + "/model.safetensors"
        >>> save_file({"bias": torch.zeros(2)}, path)
        >>> load_file(path)
        {'bias': tensor([0., 0.])}
    """
    load_metadata(path)  # which checks the header: offsets, sizes, and that the file is whole
    mapped = map_file(os.fspath(path))
    length = struct.unpack("<Q", mapped[:8])[0]
    header = json.loads(mapped[8 : 8 + length])
    header.pop("__metadata__", None)
    parts = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    tensors = {}
    for name, part in parts:
        dtype = _known_dtype(path, name, part["dtype"])
        begin = 8 + length + part["data_offsets"][0]
        row = mapped_memory(mapped, begin, part["shape"], dtype)
        tensors[name] = row if mmap else _core.clone(row)
    return tensors


def load_metadata(path: PathLike) -> dict[str, str]:
    """Read the metadata of a safetensors file without its tensors.

    Args:
        path: The file to read.

    Returns:
        What ``metadata`` was given to :func:`save_file`; empty when nothing was.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is truncated, damaged or in another format.

    Example:
        >>> import tempfile
        >>> from fastgrad.io.safetensors import load_metadata, save_file
        >>> path = tempfile.mkdtemp() + "/empty.safetensors"
        >>> save_file({}, path, {"format": "an example"})
        >>> load_metadata(path)
        {'format': 'an example'}
    """
    with _open(path) as file:
        return dict(file.metadata() or {})


def _checked(name: str, tensor: fg.Tensor) -> fg.Tensor:
    if not isinstance(name, str):
        raise TypeError(f"names of tensors must be text, got {name!r}")
    if name == "__metadata__":
        raise ValueError("a tensor cannot be called '__metadata__' in a safetensors file")
    if not isinstance(tensor, fg.Tensor):
        raise TypeError(f"tensors[{name!r}] must be a Tensor, got {type(tensor).__name__}")
    return tensor


def _checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    for key, value in metadata.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise TypeError(f"metadata must be text, got {key!r}: {value!r}")
    return dict(metadata)


def _known_dtype(path: PathLike, name: str, dtype: str) -> fg.dtype:
    if dtype not in DTYPES:
        raise ValueError(
            f"{os.fspath(path)}: tensor {name!r} has dtype {dtype}, which fastgrad lacks: "
            f"convert it to one of {', '.join(sorted(DTYPES))} first"
        )
    return DTYPES[dtype]


@contextmanager
def _open(path: PathLike) -> Iterator[Any]:
    """Open a safetensors file, with errors that name it."""
    from safetensors import SafetensorError, safe_open

    name = os.fspath(path)
    if not os.path.exists(name):
        raise FileNotFoundError(f"{name}: no such file")
    if not os.path.isfile(name):
        raise ValueError(f"{name} is not a safetensors file but a folder or a device")
    try:
        with safe_open(name, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise ValueError(
            f"{name} is not a whole safetensors file ({error}): copy or download it again"
        ) from error
