"""Downloads that survive dead mirrors, broken connections and wrong files."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_CHUNK = 1 << 16
_MAX_BYTES = 1 << 28
_MAX_SECONDS = 3600.0


def fetch(
    name: str,
    mirrors: Iterable[str],
    folder: Path,
    sha256: str,
    *,
    timeout: float = 30.0,
    max_bytes: int = _MAX_BYTES,
) -> Path:
    """Downloads `name` into `folder` from the first mirror that delivers the right content.

    What arrives is kept in `name.part` and continued by the next mirror or the next call, and
    takes its name only when its checksum is right. Processes that fetch the same file wait for
    the first of them.

    Args:
        name: the file, a path below each mirror.
        mirrors: addresses of folders, tried in this order.
        folder: where the file goes; made when missing.
        sha256: checksum of the file, in hexadecimal.
        timeout: seconds that a mirror may stay silent.
        max_bytes: give up on a file that is larger.

    Raises:
        RuntimeError: no mirror delivered the file; the message says what each one did.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, partial = folder / name, folder / f"{name}.part"
    with open(partial, "a+b") as file:
        _lock(file)
        if target.exists():  # another process finished it while this one waited
            partial.unlink(missing_ok=True)
            return target
        urls = [f"{mirror.rstrip('/')}/{name}" for mirror in mirrors]
        failures = _try_mirrors(urls, file, sha256, (timeout, max_bytes))
        if failures is None:
            os.fsync(file.fileno())
            os.replace(partial, target)
            return target
        kept = _size(file)
        if not kept:
            partial.unlink()
    raise RuntimeError(
        f"could not download {name}: {'; '.join(failures) or 'there is no mirror'}. "
        + (f"The first {kept} bytes are kept and the next call continues them. " if kept else "")
        + f"Without a network, copy {name} from elsewhere into {folder}"
    )


def _lock(file: IO[bytes]) -> None:
    import fcntl

    with suppress(OSError):  # some network file systems have no locks
        fcntl.flock(file, fcntl.LOCK_EX)


def _try_mirrors(
    urls: list[str], file: IO[bytes], sha256: str, limits: tuple[float, int]
) -> list[str] | None:
    """Fills `file`; returns None, or what went wrong with each address."""
    from http.client import HTTPException

    if _size(file) and _sha256(file) == sha256:
        return None
    failures = []
    for url in urls:
        print(f"Downloading {url}", file=sys.stderr)
        try:
            _complete(url, file, sha256, limits)
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"{url}: {getattr(error, 'reason', None) or error}")
        else:
            return None
    return failures


def _complete(url: str, file: IO[bytes], sha256: str, limits: tuple[float, int]) -> None:
    resumed = _size(file) > 0
    _append(url, file, *limits)
    found = _sha256(file)
    if found == sha256:
        return
    file.truncate(0)
    if not resumed:
        raise ValueError(f"expected SHA-256 {sha256}, got {found}")
    _complete(url, file, sha256, limits)  # the kept part may have been at fault, not the mirror


def _append(url: str, file: IO[bytes], timeout: float, max_bytes: int) -> None:
    """Downloads what is missing at the end of `file`, or all of it if the server cannot resume."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    offset = _size(file)
    headers = {"User-Agent": "fastgrad"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        with urlopen(Request(url, headers=headers), timeout=timeout) as response:
            if not str(response.headers["Content-Range"]).startswith(f"bytes {offset}-"):
                file.truncate(0)
            _copy(response, file, max_bytes)
    except HTTPError as error:
        error.close()
        if error.code != 416:  # "range not satisfiable": there is no more, let the checksum judge
            raise


def _copy(response: Any, file: IO[bytes], max_bytes: int) -> None:
    from time import monotonic

    deadline = monotonic() + _MAX_SECONDS
    size = response.headers["Content-Length"]
    missing = max_bytes if size is None else int(size)
    if _size(file) + missing > max_bytes and size is not None:
        raise ValueError(f"{size} bytes are announced, more than the limit of {max_bytes}")
    while missing and (chunk := response.read1(min(missing, _CHUNK))):
        file.write(chunk)
        missing -= len(chunk)
        if monotonic() > deadline:
            raise TimeoutError(f"not complete after {_MAX_SECONDS:.0f} seconds")
    file.flush()
    if missing and size is not None:
        raise OSError(f"connection closed {missing} bytes before the end")


def _size(file: IO[bytes]) -> int:
    return file.seek(0, os.SEEK_END)


def _sha256(file: IO[bytes]) -> str:
    import hashlib

    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
