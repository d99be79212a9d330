"""Whole files or none: the one way in which fastgrad writes a file."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeAlias

PathLike: TypeAlias = str | os.PathLike[str]


@contextmanager
def atomic_write(path: PathLike) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of ``path`` when the block ends without an error.

    The bytes go to a temporary file in the same folder, which is flushed to the disk and renamed.
    Whoever reads ``path`` meets the old content or the new one, never a part; after an error or a
    crash the old file is still there.

    Args:
        path: The file to write. A symbolic link is followed; the folder must exist.

    Raises:
        FileNotFoundError: The folder does not exist.
        FileExistsError: ``path`` is a folder, a device or another thing that is not a file.
        OSError: The folder cannot be written, or the disk is full.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from fastgrad.io.atomic import atomic_write
        >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with atomic_write(path) as file:
        ...     count = file.write(b"all of it")
        >>> path.read_bytes()
        b'all of it'
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{path} is not a file: choose another name to write to")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:  # an interrupt must not leave the temporary file behind either
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def write_text(path: PathLike, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, atomically; see :func:`atomic_write`.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from fastgrad.io.atomic import write_text
        >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> write_text(path, "naïve")
        >>> path.read_text(encoding="utf-8")
        'naïve'
    """
    with atomic_write(path) as file:
        file.write(text.encode())
