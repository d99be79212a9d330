"""CIFAR-10 and CIFAR-100: 60,000 small photos, in the files that Python's pickle wrote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, ClassVar

from fastgrad.io.numpy_pickles import read_arrays
from fastgrad.vision.datasets.archives import extract_archive
from fastgrad.vision.datasets.base import LabelledImages, Transform
from fastgrad.vision.datasets.download import fetch

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE
_LARGEST_FILE = 1 << 29


class CIFAR10(LabelledImages):
    """Photos of 32x32 pixels in ten classes: 50,000 to train with and 10,000 to test.

    The files are those of the archive `cifar-10-python.tar.gz`, in `root/cifar-10-batches-py`. They
    are pickles, and are read without running what a pickle may run.

    Args:
        root: folder of the data; `~` is the home folder.
        train: the train part, or the test part.
        transform: applied to each image: a Pillow image, or the uint8 array [32, 32, 3] when the
            first transform is `ToTensor`. Without one a batch of a DataLoader is uint8
            [N, 32, 32, 3].
        target_transform: applied to each class number.
        download: fetch and unpack the archive (170 MB) if the files are missing.

    Attributes:
        data: a uint8 array [N, 32, 32, 3].
        targets: a list of the class of each image.
        mirrors: addresses to download from, tried in this order.

    Raises:
        RuntimeError: the files are missing, or could not be downloaded.
        ValueError: a file is damaged.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).
    Follows torchvision.datasets.CIFAR10.

    >>> from fastgrad.vision.datasets import CIFAR10
    >>> CIFAR10("no_such_folder")
    Traceback (most recent call last):
    RuntimeError: CIFAR10: Dataset not found or corrupted: there is no file \
no_such_folder/cifar-10-batches-py/data_batch_1. You can use download=True to download it, or \
unpack cifar-10-python.tar.gz in no_such_folder
    """

    base_folder: ClassVar[str] = "cifar-10-batches-py"
    filename: ClassVar[str] = "cifar-10-python.tar.gz"
    sha256: ClassVar[str] = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
    mirrors: ClassVar[Sequence[str]] = ["https://www.cs.toronto.edu/~kriz/"]
    train_list: ClassVar[Sequence[str]] = [f"data_batch_{i}" for i in range(1, 6)]
    test_list: ClassVar[Sequence[str]] = ["test_batch"]
    classes: ClassVar[Sequence[str]] = [
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ]
    _labels: ClassVar[str] = "labels"

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        import numpy

        super().__init__(train, transform, target_transform)
        self.root = Path(root).expanduser()
        if download:
            self.download()
        parts = [self._part(name) for name in self._names()]
        rows = numpy.concatenate([images for images, _ in parts])
        planes = rows.reshape(-1, 3, _SIDE, _SIDE)
        self.data = numpy.ascontiguousarray(planes.transpose(0, 2, 3, 1))
        self.targets = [label for _, labels in parts for label in labels]

    def _names(self) -> Sequence[str]:
        return self.train_list if self.train else self.test_list

    def download(self) -> None:
        """Fetches and unpacks the archive, unless all files are there."""
        folder = self.root / self.base_folder
        if all((folder / name).is_file() for name in (*self.train_list, *self.test_list)):
            return
        archive = fetch(self.filename, self.mirrors, self.root, self.sha256)
        extract_archive(archive, self.root, max_bytes=_LARGEST_FILE)

    def _part(self, name: str) -> tuple[Any, list[int]]:
        path = self.root / self.base_folder / name
        if not path.is_file():
            raise RuntimeError(
                f"{type(self).__name__}: Dataset not found or corrupted: there is no file {path}. "
                f"You can use download=True to download it, or unpack {self.filename} in "
                f"{self.root}"
            )
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"{path}: larger than {_LARGEST_FILE} bytes; replace the file")
        try:
            content = read_arrays(path.read_bytes())
        except UnpicklingError as error:
            raise ValueError(f"{path}: {error}; replace the file by a sound copy") from error
        images, labels = content.get("data"), content.get(self._labels)
        self._check(path, images, labels)
        return images, labels  # type: ignore[return-value]

    def _check(self, path: Path, images: Any, labels: Any) -> None:
        import numpy

        if not isinstance(images, numpy.ndarray) or images.dtype != numpy.uint8:
            raise ValueError(f"{path}: expected an array 'data' of uint8, got {type(images)}")
        if images.ndim != 2 or images.shape[1] != _PIXELS:
            raise ValueError(f"{path}: expected 'data' [N, {_PIXELS}], got {list(images.shape)}")
        if type(labels) is not list or len(labels) != len(images):
            raise ValueError(f"{path}: expected a list {self._labels!r} of {len(images)} classes")
        if not all(type(n) is int and 0 <= n < len(self.classes) for n in labels):
            raise ValueError(
                f"{path}: expected classes from 0 to {len(self.classes) - 1} in {self._labels!r}"
            )


class CIFAR100(CIFAR10):
    """Photos of 32x32 pixels in a hundred classes: 50,000 to train with and 10,000 to test.

    Arguments, attributes and errors are those of `CIFAR10`; the files are those of the archive
    `cifar-100-python.tar.gz`, in `root/cifar-100-python`, and the classes the fine ones.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).
    Follows torchvision.datasets.CIFAR100.

    >>> from fastgrad.vision.datasets import CIFAR100
    >>> len(CIFAR100.classes), CIFAR100.classes[0]
    (100, 'apple')
    """

    base_folder: ClassVar[str] = "cifar-100-python"
    filename: ClassVar[str] = "cifar-100-python.tar.gz"
    sha256: ClassVar[str] = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
    train_list: ClassVar[Sequence[str]] = ["train"]
    test_list: ClassVar[Sequence[str]] = ["test"]
    classes: ClassVar[Sequence[str]] = [
        *("apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle"),
        *("bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle"),
        *("caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch"),
        *("crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest"),
        *("fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower"),
        *("leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain"),
        *("mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear"),
        *("pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit"),
        *("raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk"),
        *("skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower"),
        *("sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train"),
        *("trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm"),
    ]
    _labels: ClassVar[str] = "fine_labels"
