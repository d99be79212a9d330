"""Images in folders, one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from fastgrad.vision._images import open_image
from fastgrad.vision.datasets.base import Transform
from fastgrad.vision.datasets.vision_dataset import VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

Path = str | os.PathLike[str]
Samples = list[tuple[str, int]]


def default_loader(path: Path) -> Any:
    """The image file as a Pillow image of red, green and blue.

    Raises:
        OSError: not an image, or a damaged one.
        PIL.Image.DecompressionBombError: an absurd number of pixels.

    Follows torchvision.datasets.folder.default_loader.

    >>> import tempfile
    >>> from fastgrad.vision.datasets.folder import default_loader
    >>> from fastgrad.vision.transforms.functional import to_pil_image
    >>> import fastgrad as torch
    >>> path = tempfile.mkdtemp() + "/black.png"
    >>> to_pil_image(torch.zeros(1, 2, 3)).save(path)
    >>> default_loader(path).mode
    'RGB'
    """
    return open_image(path, "RGB")


def find_classes(directory: Path) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in a folder, in order, and their numbers.

    Raises:
        FileNotFoundError: there is no such folder, or none in it.

    Follows torchvision.datasets.folder.find_classes.

    >>> import os, tempfile
    >>> from fastgrad.vision.datasets.folder import find_classes
    >>> root = tempfile.mkdtemp()
    >>> os.mkdir(root + "/dogs"), os.mkdir(root + "/cats")
    (None, None)
    >>> find_classes(root)
    (['cats', 'dogs'], {'cats': 0, 'dogs': 1})
    """
    with os.scandir(directory) as entries:
        classes = sorted(entry.name for entry in entries if entry.is_dir())
    if not classes:
        raise FileNotFoundError(
            f"Couldn't find any class folder in {directory}; the images of each class belong "
            "in a folder of their own, whose name is the class"
        )
    return classes, {name: number for number, name in enumerate(classes)}


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether a name ends in one of the extensions, in small letters or large ones.

    Follows torchvision.datasets.folder.has_file_allowed_extension.

    >>> from fastgrad.vision.datasets.folder import has_file_allowed_extension
    >>> has_file_allowed_extension("IMG_1.JPG", (".jpg", ".png"))
    True
    """
    return filename.lower().endswith(extensions)


def make_dataset(
    directory: Path,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> Samples:
    """The files of each class in a folder, at any depth, with the number of the class.

    Args:
        directory: has a folder for each class.
        class_to_idx: the classes to look for; without, those of :func:`find_classes`.
        extensions: how the names of files end, or
        is_valid_file: says of a path whether to take it.
        allow_empty: let classes have no files.

    Raises:
        ValueError: no classes; or both or none of `extensions` and `is_valid_file`.
        FileNotFoundError: a class without files; the message names all of these.

    Follows torchvision.datasets.folder.make_dataset.

    >>> import os, pathlib, tempfile
    >>> from fastgrad.vision.datasets.folder import make_dataset
    >>> os.chdir(tempfile.mkdtemp())
    >>> for name in ("b/1.png", "a/deep/2.png", "a/3.txt"):
    ...     pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
    ...     pathlib.Path(name).touch()
    >>> make_dataset(".", extensions=(".png",))
    [('./a/deep/2.png', 0), ('./b/1.png', 1)]
    """
    root = os.path.expanduser(directory)
    if class_to_idx is None:
        class_to_idx = find_classes(root)[1]
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError(
            "Both extensions and is_valid_file cannot be None or not None at the same time"
        )
    samples: Samples = []
    missing = set(class_to_idx)
    for name in sorted(class_to_idx):
        for path in _files(os.path.join(root, name)):
            if (
                is_valid_file(path)
                if is_valid_file is not None
                else has_file_allowed_extension(path, extensions or ())
            ):
                samples.append((path, class_to_idx[name]))
                missing.discard(name)
    if missing and not allow_empty:
        known = [extensions] if isinstance(extensions, str) else extensions
        raise FileNotFoundError(
            f"Found no valid file for the classes {', '.join(sorted(missing))} in {root}."
            + (f" Supported extensions are: {', '.join(known)}." if known else "")
            + " Add images, remove the folders, or pass allow_empty=True"
        )
    return samples


def _files(folder: str) -> Iterator[str]:
    for place, files in sorted(_walk(folder)):
        yield from (os.path.join(place, name) for name in sorted(files))


def _walk(folder: str) -> Iterator[tuple[str, list[str]]]:
    for place, folders, files in os.walk(folder, followlinks=True):
        yield place, files
        here = os.path.realpath(place)
        # A link to a folder above would lead round in circles.
        folders[:] = [f for f in folders if not _contains(os.path.join(place, f), here)]


def _contains(folder: str, inner: str) -> bool:
    outer = os.path.realpath(folder)
    return os.path.commonpath([outer, inner]) == outer


class DatasetFolder(VisionDataset):
    """Files in folders: `root/class/any/depth/name.ext` is a sample of that class.

    Args:
        root: has a folder for each class.
        loader: makes a sample of a path.
        extensions: how the names of files end, or
        is_valid_file: says of a path whether to take it.
        transform, target_transform: applied to the sample and to the number of its class.
        allow_empty: let classes have no files.

    Attributes:
        classes: names of the classes, in order.
        class_to_idx: the number of each class.
        samples: (path, number of the class) of each file.
        targets: the numbers of the classes of all files.

    Raises:
        FileNotFoundError: no such folder, no classes in it, or classes without files.
        ValueError: both or none of `extensions` and `is_valid_file`.

    Follows torchvision.datasets.DatasetFolder.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastgrad.vision.datasets import DatasetFolder
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "odd").mkdir()
    >>> _ = (root / "odd" / "1.txt").write_text("one")
    >>> DatasetFolder(root, loader=lambda path: Path(path).read_text(), extensions=".txt")[0]
    ('one', 0)
    """

    def __init__(
        self,
        root: Path,
        loader: Callable[[str], Any],
        extensions: str | tuple[str, ...] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(
            self.root, self.class_to_idx, extensions, is_valid_file, allow_empty
        )
        self.loader = loader
        self.extensions = extensions
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory: Path) -> tuple[list[str], dict[str, int]]:
        """The names of the classes and their numbers; a subclass may look for them elsewhere."""
        return find_classes(directory)

    @staticmethod
    def make_dataset(
        directory: Path,
        class_to_idx: dict[str, int],
        extensions: str | tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> Samples:
        """The paths of all samples with the number of their class."""
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in folders: `root/class/any/depth/name.png` is an image of that class.

    Args:
        root: has a folder for each class.
        transform, target_transform: applied to the image (a Pillow image of red, green and blue)
            and to the number of its class.
        loader: makes an image of a path.
        is_valid_file: says of a path whether to take it; without, its extension does.
        allow_empty: let classes have no files.

    Attributes:
        classes, class_to_idx, samples, targets: those of `DatasetFolder`.
        imgs: `samples`.

    Raises:
        FileNotFoundError: no such folder, no classes in it, or classes without images.
        OSError: when a sample is asked for: its file is no image, or damaged.

    Follows torchvision.datasets.ImageFolder.

    >>> import pathlib, tempfile
    >>> import fastgrad as torch
    >>> from fastgrad.vision.datasets import ImageFolder
    >>> from fastgrad.vision.transforms import ToPILImage, ToTensor
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("cats", "dogs"):
    ...     (root / name).mkdir()
    ...     ToPILImage()(torch.zeros(3, 4, 5)).save(root / name / "1.png")
    >>> photos = ImageFolder(root, transform=ToTensor())
    >>> photos.classes, photos[1][0].shape, photos[1][1]
    (['cats', 'dogs'], torch.Size([3, 4, 5]), 1)
    """

    def __init__(
        self,
        root: Path,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader, extensions, transform, target_transform, is_valid_file, allow_empty
        )
        self.imgs = self.samples
