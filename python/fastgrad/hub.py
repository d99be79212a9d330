"""Weights from the network: files of tensors, never code. Follows torch.hub as far as that goes."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from fastgrad.io import load as _load_file
from fastgrad.io.atomic import atomic_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, NoReturn

__all__ = ["download_url_to_file", "get_dir", "load", "load_state_dict_from_url", "set_dir"]

_CHUNK = 1 << 16
_SECONDS = 30.0  # that a server may stay silent
_folder: list[str] = []


def get_dir() -> str:
    """The folder of downloads: what :func:`set_dir` said, ``$TORCH_HOME/hub``, or the user's cache.

    Follows ``torch.hub.get_dir``.

    >>> from fastgrad import hub
    >>> hub.get_dir().endswith("hub")
    True
    """
    if _folder:
        return _folder[-1]
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return os.path.join(os.path.expanduser(os.environ.get("TORCH_HOME") or f"{cache}/torch"), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Choose the folder of downloads. Follows ``torch.hub.set_dir``.

    >>> from fastgrad import hub
    >>> hub.set_dir(hub.get_dir())
    """
    _folder[:] = [os.path.expanduser(d)]


def download_url_to_file(
    url: str, dst: str | os.PathLike[str], hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Download a file; it takes its name when it is whole.

    Args:
        url: its address.
        dst: where it goes, in a folder that exists.
        hash_prefix: the first letters of its SHA-256, which are then checked.
        progress: of no consequence.

    Raises:
        OSError: the network or the disk refuses.
        RuntimeError: the checksum is another.

    Follows ``torch.hub.download_url_to_file``.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastgrad import hub
    >>> source = Path(tempfile.mkdtemp()) / "a.txt"
    >>> _ = source.write_text("weights")
    >>> hub.download_url_to_file(source.as_uri(), source.with_name("b.txt"))
    >>> source.with_name("b.txt").read_text()
    'weights'
    """
    with atomic_write(dst) as file:
        found = _copied(url, file)
        if hash_prefix and not found.startswith(hash_prefix):
            raise RuntimeError(
                f'invalid hash value (expected "{hash_prefix}", got "{found}") of {url}'
            )


def _copied(url: str, file: BinaryIO) -> str:
    """Write what the address gives to a file, and return its SHA-256."""
    from hashlib import sha256
    from urllib.request import Request, urlopen

    digest = sha256()
    with urlopen(Request(url, headers={"User-Agent": "fastgrad"}), timeout=_SECONDS) as response:
        while chunk := response.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """Load a file of weights from the network, or from the folder of downloads if it is there.

    Args:
        url: its address.
        model_dir: the folder; ``checkpoints`` in that of :func:`get_dir` by default.
        map_location: see :func:`fastgrad.load`.
        progress: of no consequence.
        check_hash: whether the name ends in ``-`` and the first letters of its SHA-256.
        file_name: another name than the address has.
        weights_only: must be true, no code of a file is run.

    Raises:
        OSError: the network or the disk refuses.
        RuntimeError: the checksum is another.
        ValueError: `weights_only` is false.

    Follows ``torch.hub.load_state_dict_from_url``.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import fastgrad as torch
    >>> file, folder = Path(tempfile.mkdtemp()) / "net.pt", tempfile.mkdtemp()
    >>> torch.save({"weight": torch.ones(2)}, file)
    >>> torch.hub.load_state_dict_from_url(file.as_uri(), folder)
    {'weight': tensor([1., 1.])}
    """
    if not weights_only:
        raise ValueError("load_state_dict_from_url: expected weights_only=True, no code is run")
    folder = Path(model_dir or os.path.join(get_dir(), "checkpoints"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (file_name or os.path.basename(urlsplit(url).path))
    if not path.exists():
        prefix = path.stem.rpartition("-")[2] if check_hash else None
        download_url_to_file(url, path, prefix, progress)
    return _load_file(path, map_location=map_location)


load_url = load_state_dict_from_url  # its name in torch.utils.model_zoo


def load(repo_or_dir: str, model: str, *args: Any, **kwargs: Any) -> NoReturn:
    """RuntimeError: this would run code from elsewhere.

    >>> from fastgrad import hub
    >>> hub.load("someone/something", "net")
    Traceback (most recent call last):
    RuntimeError: hub.load('someone/something', 'net'): fastgrad runs no code from elsewhere; ...
    """
    raise RuntimeError(
        f"hub.load({repo_or_dir!r}, {model!r}): fastgrad runs no code from elsewhere; build the "
        "model here (fastgrad.vision.models has torchvision's) and load its weights with "
        "load_state_dict(torch.load(path))"
    )
