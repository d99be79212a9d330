"""MNIST, Fashion-MNIST and KMNIST: 70,000 grey images of 28x28 pixels in ten classes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from fastgrad.vision.datasets.base import LabelledImages, Transform
from fastgrad.vision.datasets.download import fetch


class MNIST(LabelledImages):
    """Handwritten digits: 60,000 images to train with and 10,000 to test.

    The four files are looked for in `root/MNIST/raw` (where torchvision keeps them) and in `root`
    itself, packed with gzip or not. So a folder with the files works without a network.

    Args:
        root: folder of the data; `~` is the home folder.
        train: the train part, or the test part.
        transform: applied to each image: a Pillow image, or the uint8 tensor [28, 28] when the
            first transform is `ToTensor`. Without one a batch of a DataLoader is uint8 [N, 28, 28].
        target_transform: applied to each class number.
        download: fetch the files that are missing.

    Attributes:
        data: uint8 [N, 28, 28].
        targets: int64 [N].
        mirrors: addresses to download from, tried in this order.

    Raises:
        RuntimeError: the files are missing, or no mirror delivers them.
        ValueError: a file is damaged.

    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits (1998).
    Follows torchvision.datasets.MNIST.

    >>> from fastgrad.vision.datasets import MNIST
    >>> MNIST("no_such_folder")
    Traceback (most recent call last):
    RuntimeError: MNIST: train-images-idx3-ubyte(.gz) not found in no_such_folder/MNIST/raw or \
no_such_folder; pass download=True, or copy the MNIST files there
    """

    mirrors: ClassVar[Sequence[str]] = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ]
    # SHA-256 of the files as published: they guard a download, whatever mirror it came from.
    checksums: ClassVar[Mapping[str, str]] = {
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    }
    classes: ClassVar[Sequence[str]] = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(train, transform, target_transform)
        self.root = Path(root).expanduser()
        if download:
            self.download()
        images, labels = self._names()
        self._load(self._path(images), self._path(labels))

    def _names(self) -> tuple[str, str]:
        """The files of the images and of the labels, without `.gz`."""
        part = "train" if self.train else "t10k"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    @property
    def raw_folder(self) -> Path:
        """Where downloads go: `root/<class name>/raw`, as in torchvision."""
        return self.root / type(self).__name__ / "raw"

    def download(self) -> None:
        """Fetches those of the four files that are not there yet."""
        for name, sha256 in self.checksums.items():
            if self._find(name.removesuffix(".gz")) is None:
                fetch(name, self.mirrors, self.raw_folder, sha256)

    def _folders(self) -> list[Path]:
        """Where the files may be."""
        return [self.raw_folder, self.root]

    def _find(self, name: str) -> Path | None:
        places = [folder / name for folder in self._folders()]
        candidates = [path for place in places for path in (place, Path(f"{place}.gz"))]
        return next((path for path in candidates if path.is_file()), None)

    def _path(self, name: str) -> Path:
        path = self._find(name)
        if path is None:
            kind = type(self).__name__
            raise RuntimeError(
                f"{kind}: {name}(.gz) not found in {self.raw_folder} or {self.root}; "
                f"pass download=True, or copy the {kind} files there"
            )
        return path


class FashionMNIST(MNIST):
    """Pictures of clothes: 60,000 images to train with and 10,000 to test, in the form of MNIST.

    Arguments, attributes and errors are those of `MNIST`; the files lie in `root/FashionMNIST/raw`
    or in `root` itself.

    Source: H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking
    Machine Learning Algorithms, https://arxiv.org/abs/1708.07747 (2017), MIT license.
    Follows torchvision.datasets.FashionMNIST.

    >>> from fastgrad.vision.datasets import FashionMNIST
    >>> FashionMNIST.classes[9]
    'Ankle boot'
    """

    mirrors: ClassVar[Sequence[str]] = [
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ]
    checksums: ClassVar[Mapping[str, str]] = {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    }
    classes: ClassVar[Sequence[str]] = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """Old Japanese characters: 60,000 images to train with and 10,000 to test, as of MNIST.

    Arguments, attributes and errors are those of `MNIST`; the files lie in `root/KMNIST/raw` or in
    `root` itself.

    Source: T. Clanuwat et al., Deep Learning for Classical Japanese Literature,
    https://arxiv.org/abs/1812.01718 (2018), CC BY-SA 4.0.
    Follows torchvision.datasets.KMNIST.

    >>> from fastgrad.vision.datasets import KMNIST
    >>> KMNIST.classes[:3]
    ['o', 'ki', 'su']
    """

    mirrors: ClassVar[Sequence[str]] = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    checksums: ClassVar[Mapping[str, str]] = {
        "train-images-idx3-ubyte.gz": (
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"
        ),
        "train-labels-idx1-ubyte.gz": (
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"
        ),
    }
    classes: ClassVar[Sequence[str]] = [
        *("o", "ki", "su", "tsu", "na"),
        *("ha", "ma", "ya", "re", "wo"),
    ]
