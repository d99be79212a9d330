"""Tensors in the safetensors format: no pickle, no code in the file.

The ``safetensors`` package (https://github.com/huggingface/safetensors) reads and checks the
bytes; this module adds fastgrad tensors, atomic writing and errors that name the file.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import fastgrad as fg
from fastgrad.io.atomic import PathLike, atomic_write

if TYPE_CHECKING:
    from numpy.typing import NDArray

READABLE_DTYPES = frozenset({"F32", "F64", "I64", "I32", "U8", "BOOL"})


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
    from safetensors.numpy import save

    arrays = {name: _to_array(name, tensor) for name, tensor in tensors.items()}
    data = save(arrays, dict(metadata) if metadata else None)
    with atomic_write(path) as file:
        file.write(data)


def load_file(path: PathLike) -> dict[str, fg.Tensor]:
    """Read all tensors of a safetensors file.

    Args:
        path: The file to read.

    Returns:
        Name -> tensor, on the CPU, each with memory of its own.

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
    with _open(path) as file:
        return {name: _to_tensor(path, file, name) for name in file.keys()}  # noqa: SIM118


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


def _to_array(name: str, tensor: fg.Tensor) -> "NDArray[Any]":
    if not isinstance(tensor, fg.Tensor):
        raise TypeError(f"tensors[{name!r}] must be a Tensor, got {type(tensor).__name__}")
    # The format has no strides, and the safetensors package does not look at them.
    return tensor.detach().cpu().contiguous().numpy()


def _to_tensor(path: PathLike, file: Any, name: str) -> fg.Tensor:
    dtype = file.get_slice(name).get_dtype()
    if dtype not in READABLE_DTYPES:
        known = ", ".join(sorted(READABLE_DTYPES))
        raise ValueError(
            f"{os.fspath(path)}: tensor {name!r} has dtype {dtype}, which fastgrad lacks: "
            f"convert it to one of {known} first"
        )
    return fg.from_numpy(file.get_tensor(name))


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
