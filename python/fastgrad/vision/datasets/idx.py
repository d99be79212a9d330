"""The IDX format of the MNIST files: a small big-endian header, then the values.

Header: two zero bytes, one byte for the dtype, one for the number of dimensions, and the size of
each dimension as an unsigned 32-bit integer. A file may be packed with gzip; that is told from its
first bytes, not from its name.

The header of a file from elsewhere is a claim. It is checked before memory is taken, and no more
is read than it announces, however far a small gzip file would unpack.
"""

import gzip
import math
import os
import struct
import zlib
from typing import IO, NamedTuple, TypeAlias

import fastgrad
from fastgrad.io.atomic import atomic_write
from fastgrad.tensor import Tensor

PathLike: TypeAlias = str | os.PathLike[str]

_DTYPES = {
    0x08: (fastgrad.uint8, ">u1"),
    0x0C: (fastgrad.int32, ">i4"),
    0x0D: (fastgrad.float32, ">f4"),
    0x0E: (fastgrad.float64, ">f8"),
}
_UNSUPPORTED = {0x09: "int8", 0x0B: "int16"}
_MAX_DIMS = 64
_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_Stream: TypeAlias = IO[bytes] | gzip.GzipFile


class _Header(NamedTuple):
    numpy_dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of the values. Python integers: no header can make this overflow."""
        return math.prod(self.shape) * int(self.numpy_dtype[-1])


def read_idx(path: PathLike, *, max_bytes: int = 1 << 30) -> Tensor:
    """Reads an IDX file, plain or packed with gzip.

    Args:
        path: the file.
        max_bytes: refuse a file whose header announces more bytes of values than this.

    Returns:
        A uint8, int32, float32 or float64 tensor of the shape in the header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a whole and sound IDX file, or larger than `max_bytes`.

    >>> import tempfile, fastgrad as torch
    >>> from pathlib import Path
    >>> from fastgrad.vision.datasets.idx import read_idx, write_idx
    >>> path = Path(tempfile.mkdtemp()) / "labels-idx1-ubyte.gz"
    >>> write_idx(path, torch.tensor([7, 2, 1], dtype=torch.uint8))
    >>> read_idx(path)
    tensor([7, 2, 1], dtype=torch.uint8)
    """
    _check_is_file(path)
    try:
        with open(path, "rb") as file:
            stream = _unpacked(file)
            header = _read_header(stream, path, max_bytes)
            values = _read_values(stream, path, header.size)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _bad(path, "a sound gzip file", f"a damaged one ({error})") from error
    return _to_tensor(values, header)


def write_idx(path: PathLike, tensor: Tensor) -> None:
    """Writes a tensor as an IDX file, packed with gzip when the name ends in `.gz`.

    The same tensor gives the same bytes each time. The file appears whole or not at all.

    Args:
        path: the file.
        tensor: dtype uint8, int32, float32 or float64, at most 64 dimensions.

    Raises:
        TypeError: another dtype.

    >>> import tempfile, fastgrad as torch
    >>> from pathlib import Path
    >>> from fastgrad.vision.datasets.idx import write_idx
    >>> path = Path(tempfile.mkdtemp()) / "image-idx2-ubyte"
    >>> write_idx(path, torch.zeros(28, 28, dtype=torch.uint8))
    >>> path.stat().st_size
    796
    """
    content = _encode(tensor)
    with atomic_write(path) as file:
        if not str(path).endswith(".gz"):
            file.write(content)
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            packed.write(content)


def _bad(path: PathLike, expected: str, got: str) -> ValueError:
    return ValueError(
        f"{os.fspath(path)}: expected {expected}, got {got}; replace the file by a sound copy"
    )


def _check_is_file(path: PathLike) -> None:
    if not os.path.exists(path):
        raise FileNotFoundError(f"{os.fspath(path)}: no such file; expected an IDX file")
    # A folder, or a pipe that would block for ever.
    if not os.path.isfile(path):
        what = "a folder" if os.path.isdir(path) else "something that is not a file"
        raise ValueError(f"{os.fspath(path)}: expected an IDX file, got {what}; name the file")


def _unpacked(file: IO[bytes]) -> _Stream:
    packed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    file.seek(0)
    return gzip.open(file) if packed else file


def _read_header(stream: _Stream, path: PathLike, max_bytes: int) -> _Header:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise _bad(path, "an IDX file, which starts with two zero bytes", _describe(magic))
    numpy_dtype = _numpy_dtype(path, magic[2])
    if magic[3] > _MAX_DIMS:
        raise _bad(path, f"at most {_MAX_DIMS} dimensions", str(magic[3]))
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise _bad(path, f"the sizes of {magic[3]} dimensions", "the end of the file")
    header = _Header(numpy_dtype, struct.unpack(f">{magic[3]}I", sizes))
    _check_size(path, header, max_bytes)
    return header


def _describe(start: bytes) -> str:
    return f"0x{start.hex()}" if start else "an empty file"


def _numpy_dtype(path: PathLike, code: int) -> str:
    if code in _UNSUPPORTED:
        raise ValueError(
            f"{os.fspath(path)}: expected uint8, int32, float32 or float64 values, got "
            f"{_UNSUPPORTED[code]}; convert them before writing the file"
        )
    if code not in _DTYPES:
        raise _bad(path, f"a dtype code among {', '.join(map(hex, _DTYPES))}", hex(code))
    return _DTYPES[code][1]


def _check_size(path: PathLike, header: _Header, max_bytes: int) -> None:
    # A dimension of size 0 must not hide others that no array can have.
    if math.prod(size or 1 for size in header.shape) > max_bytes or header.size > max_bytes:
        raise ValueError(
            f"{os.fspath(path)}: the header announces shape {list(header.shape)}, {header.size} "
            f"bytes, more than the limit of {max_bytes}; pass max_bytes= if the file is right"
        )


def _read_values(stream: _Stream, path: PathLike, size: int) -> bytearray:
    values = bytearray()
    while len(values) < size:
        chunk = stream.read(min(_CHUNK, size - len(values)))
        if not chunk:
            raise _bad(path, f"{size} bytes of values after the header", f"only {len(values)}")
        values += chunk
    if stream.read(1):  # reading to the end also makes gzip compare its checksum
        raise _bad(path, f"{size} bytes of values after the header", "more")
    return values


def _to_tensor(values: bytearray, header: _Header) -> Tensor:
    import numpy

    array = numpy.ndarray(header.shape, header.numpy_dtype, values)
    return fastgrad.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))


def _encode(tensor: Tensor) -> bytes:
    for code, (dtype, numpy_dtype) in _DTYPES.items():
        if tensor.dtype == dtype:
            header = struct.pack(f">HBB{tensor.dim()}I", 0, code, tensor.dim(), *tensor.shape)
            values: bytes = tensor.numpy().astype(numpy_dtype).tobytes()
            return header + values
    raise TypeError(
        f"write_idx: expected a uint8, int32, float32 or float64 tensor, got {tensor.dtype}; "
        "convert it, for example with .to(torch.int32)"
    )
