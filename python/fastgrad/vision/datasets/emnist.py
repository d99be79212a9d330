"""EMNIST: handwritten letters and digits in the form of MNIST."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from fastgrad.vision.datasets.archives import extract_archive
from fastgrad.vision.datasets.download import fetch
from fastgrad.vision.datasets.mnist import MNIST

_ALL = sorted(string.digits + string.ascii_letters)
# Letters whose small and large form are one class in two of the splits.
_MERGED = sorted(set(_ALL) - set("cijklmopsuvwxyz"))


class EMNIST(MNIST):
    """Handwritten letters and digits, up to 814,255 images of 28x28 pixels, in six splits.

    The files are looked for in `root/EMNIST/raw/gzip`, `root/EMNIST/raw` (where torchvision keeps
    them) and `root`. As in torchvision, the images are those of the files: they lie on their side.

    Args:
        root: folder of the data; `~` is the home folder.
        split: "byclass" (62 classes), "bymerge" or "balanced" (47), "letters" (classes from 1),
            "digits" or "mnist" (10).
        train, transform, target_transform, download: those of `MNIST`. The download has 562 MB.

    Raises:
        ValueError: there is no such split, or a file is damaged.
        RuntimeError: the files are missing, or could not be downloaded.

    Source: G. Cohen et al., EMNIST: an extension of MNIST to handwritten letters,
    https://arxiv.org/abs/1702.05373 (2017). Follows torchvision.datasets.EMNIST.

    >>> from fastgrad.vision.datasets import EMNIST
    >>> EMNIST.classes_split_dict["letters"][:4]
    ['N/A', 'a', 'b', 'c']
    """

    splits: ClassVar[Sequence[str]] = (
        *("byclass", "bymerge", "balanced"),
        *("letters", "digits", "mnist"),
    )
    classes_split_dict: ClassVar[Mapping[str, Sequence[str]]] = {
        "byclass": _ALL,
        "bymerge": _MERGED,
        "balanced": _MERGED,
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }
    mirrors: ClassVar[Sequence[str]] = ["https://biometrics.nist.gov/cs_links/EMNIST/"]
    checksums: ClassVar[Mapping[str, str]] = {
        "gzip.zip": "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"
    }

    def __init__(self, root: Any, split: str, **options: Any) -> None:
        if split not in self.splits:
            raise ValueError(
                f"Unknown value {split!r} for argument split. Valid values are "
                f"{', '.join(self.splits)}."
            )
        self.split = split
        self.classes = self.classes_split_dict[split]  # type: ignore[misc]
        super().__init__(root, **options)

    def _names(self) -> tuple[str, str]:
        part = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def _folders(self) -> list[Path]:
        return [self.raw_folder / "gzip", *super()._folders()]

    def download(self) -> None:
        """Fetches and unpacks the archive of all splits, unless the files of this one are there."""
        if all(self._find(name) is not None for name in self._names()):
            return
        for name, sha256 in self.checksums.items():
            archive = fetch(name, self.mirrors, self.raw_folder, sha256, max_bytes=1 << 30)
            extract_archive(archive, self.raw_folder)
            archive.unlink()
