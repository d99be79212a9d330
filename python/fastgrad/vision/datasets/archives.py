"""Unpacking of archives from elsewhere, which may be damaged or made to do harm."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

_CHUNK = 1 << 20
_MAX_BYTES = 1 << 32
_MAX_MEMBERS = 1 << 20
# What a tar may hold besides its members' content: headers, padding.
_OVERHEAD = 1 << 24


class _Member(NamedTuple):
    name: str
    size: int
    open: Any


def extract_archive(
    from_path: str | os.PathLike[str],
    to_path: str | os.PathLike[str],
    *,
    max_bytes: int = _MAX_BYTES,
) -> None:
    """Unpacks a tar (plain, or packed with gzip, bzip2 or xz) or zip archive into a folder.

    Each file appears whole or not at all, and none appears when the archive is refused.

    Args:
        from_path: the archive; what it is is told from its content.
        to_path: the folder; made when missing. Files of the same names are replaced.
        max_bytes: refuse an archive that unpacks to more.

    Raises:
        FileNotFoundError: there is no such archive.
        ValueError: not an archive, damaged or too large, or with a member that is a link or a
            device, or whose name leads out of the folder.

    >>> import tempfile, zipfile
    >>> from pathlib import Path
    >>> from fastgrad.vision.datasets.archives import extract_archive
    >>> folder = Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(folder / "images.zip", "w") as archive:
    ...     archive.writestr("cats/1.txt", "meow")
    >>> extract_archive(folder / "images.zip", folder / "images")
    >>> (folder / "images" / "cats" / "1.txt").read_text()
    'meow'
    """
    source, target = Path(from_path), Path(to_path)
    target.mkdir(parents=True, exist_ok=True)
    # In the same file system, so that moving a file is one step.
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=target) as place:
        _unpack(source, Path(place), max_bytes)
        for folder, _, files in os.walk(place):
            inside = target / Path(folder).relative_to(place)
            inside.mkdir(exist_ok=True)
            for name in files:
                os.replace(Path(folder) / name, inside / name)


def _unpack(source: Path, place: Path, max_bytes: int) -> None:
    import bz2
    import gzip
    import lzma
    import tarfile
    import zipfile
    import zlib

    with open(source, "rb") as file:
        magic = file.read(6)
        file.seek(0)
        packings: list[tuple[bytes, Any]] = [
            (b"\x1f\x8b", gzip.open),
            (b"BZh", bz2.open),
            (b"\xfd7zXZ\0", lzma.open),
        ]
        opener = next((opener for start, opener in packings if magic.startswith(start)), None)
        try:
            if magic.startswith((b"PK\3\4", b"PK\5\6")):
                _write(source, _zip_members(source, file), place, max_bytes)
            else:
                stream = file if opener is None else opener(file)
                bounded = _Bounded(source, stream, max_bytes + _OVERHEAD)
                _write(source, _tar_members(source, bounded), place, max_bytes)
        except (
            *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile),
            *(EOFError, NotImplementedError, OSError, RuntimeError),
        ) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of this machine's disk, not of the archive
            raise _bad(source, f"damaged, or no archive of a known kind ({error})") from error


def _bad(source: Path, what: str) -> ValueError:
    return ValueError(f"{source}: this archive is {what}; replace it by a sound copy")


class _Bounded:
    """A stream that refuses to go on for ever, whatever a small file unpacks to."""

    def __init__(self, source: Path, stream: IO[bytes], limit: int) -> None:
        self._source = source
        self._stream = stream
        self._left = limit

    def read(self, size: int = _CHUNK) -> bytes:
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise _bad(self._source, "larger than the limit; pass max_bytes= if it is right")
        return data


def _zip_members(source: Path, file: IO[bytes]) -> Iterator[_Member]:
    import zipfile

    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _bad(source, f"unsafe: {info.filename!r} is a link or a device")
            if info.flag_bits & 1:
                raise _bad(source, f"locked: {info.filename!r} needs a password")
            opener = None if info.is_dir() else lambda info=info: archive.open(info)
            yield _Member(info.filename, info.file_size, opener)


def _tar_members(source: Path, stream: _Bounded) -> Iterator[_Member]:
    import tarfile

    with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
        for info in archive:
            if not (info.isfile() or info.isdir()):
                raise _bad(source, f"unsafe: {info.name!r} is a link or a device")
            opener = None if info.isdir() else lambda info=info: archive.extractfile(info)
            yield _Member(info.name, info.size, opener)
            archive.members.clear()  # it would keep them all


def _write(source: Path, members: Iterator[_Member], place: Path, max_bytes: int) -> None:
    left = max_bytes
    for number, member in enumerate(members):
        left -= member.size
        if left < 0 or number >= _MAX_MEMBERS:
            raise _bad(source, "larger than the limit; pass max_bytes= if it is right")
        path = place / _safe(source, member.name)
        if member.open is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as content, open(path, "xb") as file:
            _copy(source, content, file, member)


def _copy(source: Path, content: IO[bytes], file: IO[bytes], member: _Member) -> None:
    missing = member.size
    while missing and (chunk := content.read(min(missing, _CHUNK))):
        file.write(chunk)
        missing -= len(chunk)
    if missing or content.read(1):
        raise _bad(source, f"damaged: {member.name!r} has not the size that it says")


def _safe(source: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or any(c in name for c in "\\\0:")
    if unsafe or any(len(part) > 255 for part in path.parts) or len(name) > 1000:
        raise _bad(source, f"unsafe: the name {name!r} leads out of the folder, or is none")
    return path
