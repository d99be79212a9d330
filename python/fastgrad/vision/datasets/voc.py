"""Folders in the form of the Pascal VOC challenges: images with masks, or with boxes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fastgrad.vision._images import open_image
from fastgrad.vision.datasets.base import Transform
from fastgrad.vision.datasets.vision_dataset import Joint, VisionDataset

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_YEARS = tuple(str(year) for year in range(2007, 2013))
_LONGEST_XML = 1 << 24
_DEEPEST_XML = 32


class _VOC(VisionDataset):
    """Images and targets with the names that a list in the folder has."""

    _lists: ClassVar[str]
    _targets: ClassVar[str]
    _extension: ClassVar[str]

    def __init__(
        self,
        root: str | os.PathLike[str],
        year: str = "2012",
        image_set: str = "train",
        download: bool = False,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        transforms: Joint | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        _check("year", year, _YEARS)
        sets = ("train", "trainval", "val", *(("test",) if year == "2007" else ()))
        _check("image_set", image_set, sets)
        self.year = year
        self.image_set = image_set
        folder = Path(self.root, *(("TrainVal",) if year == "2011" else ()), "VOCdevkit")
        base = folder / f"VOC{year}"
        if not base.is_dir():
            raise RuntimeError(
                f"Dataset not found or corrupted: there is no folder {base}. "
                + ("download=True: these archives are not downloaded here. " if download else "")
                + f"Unpack the archive of the year {year} from "
                f"http://host.robots.ox.ac.uk/pascal/VOC/ in {self.root}"
            )
        names = _names(base / "ImageSets" / self._lists / f"{image_set}.txt")
        self.images = [str(base / "JPEGImages" / f"{name}.jpg") for name in names]
        self.targets = [str(base / self._targets / f"{name}{self._extension}") for name in names]

    def _target(self, path: str) -> Any:
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = open_image(self.images[index], "RGB")
        return self._transformed(image, self._target(self.targets[index]))

    def __len__(self) -> int:
        return len(self.images)


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(
            f"Unknown value {value!r} for argument {name}. Valid values are {', '.join(known)}."
        )


def _names(path: Path) -> list[str]:
    if not path.is_file():
        raise RuntimeError(f"Dataset not found or corrupted: there is no file {path}")
    names = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
    for name in names:
        if name in (".", "..") or any(c in name for c in "/\\\0"):
            raise RuntimeError(f"Dataset corrupted: {path} has {name!r}, which is no name")
    if not names:
        raise RuntimeError(f"Dataset not found or corrupted: {path} names no image")
    return names


class VOCSegmentation(_VOC):
    """Photos, each with an image of the class of every pixel.

    A folder of one's own works, too, if it looks like this:
    `root/VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt` (a name in each line),
    `.../JPEGImages/name.jpg` and `.../SegmentationClass/name.png`.

    Args:
        root: the folder in which the archive was unpacked.
        year: "2007" to "2012".
        image_set: "train", "trainval" or "val", and "test" in 2007.
        download: not done here: only the error then says so.
        transform, target_transform: applied to the photo (a Pillow image) and to the mask (one
            with a palette: its values are classes, 255 where nobody knows), or
        transforms: to both together.

    Raises:
        ValueError: there is no such year or set.
        RuntimeError: the folder is not there, or has no such list.

    Source: M. Everingham et al., The Pascal Visual Object Classes (VOC) Challenge, 2010.
    Follows torchvision.datasets.VOCSegmentation.

    >>> from fastgrad.vision.datasets import VOCSegmentation
    >>> VOCSegmentation("no_such_folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found or corrupted: there is no folder \
no_such_folder/VOCdevkit/VOC2012. Unpack the archive of the year 2012 from \
http://host.robots.ox.ac.uk/pascal/VOC/ in no_such_folder
    """

    _lists = "Segmentation"
    _targets = "SegmentationClass"
    _extension = ".png"

    @property
    def masks(self) -> list[str]:
        """The paths of the masks."""
        return self.targets

    def _target(self, path: str) -> Any:
        return open_image(path)


class VOCDetection(_VOC):
    """Photos, each with the boxes and the classes of the things in it.

    A folder of one's own works, too, if it looks like this:
    `root/VOCdevkit/VOC2012/ImageSets/Main/train.txt` (a name in each line),
    `.../JPEGImages/name.jpg` and `.../Annotations/name.xml`.

    Args:
        root, year, image_set, download, transforms: those of `VOCSegmentation`.
        transform, target_transform: applied to the photo and to what is said of it: a dictionary
            like the XML file, with a list under `["annotation"]["object"]`.

    Raises:
        ValueError: there is no such year or set; or, when a sample is asked for, its XML is
            damaged or absurd.
        RuntimeError: the folder is not there, or has no such list.

    Follows torchvision.datasets.VOCDetection.

    >>> from fastgrad.vision.datasets import VOCDetection
    >>> VOCDetection("no_such_folder", year="1999")
    Traceback (most recent call last):
    ValueError: Unknown value '1999' for argument year. Valid values are 2007, 2008, 2009, 2010, \
2011, 2012.
    """

    _lists = "Main"
    _targets = "Annotations"
    _extension = ".xml"

    @property
    def annotations(self) -> list[str]:
        """The paths of the XML files."""
        return self.targets

    def _target(self, path: str) -> Any:
        from xml.etree import ElementTree

        with open(path, "rb") as file:
            text = file.read(_LONGEST_XML + 1)
        # Entities can grow without bounds, and lead to other files.
        if len(text) > _LONGEST_XML or b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            raise ValueError(f"{path}: larger than {_LONGEST_XML} bytes, or with entities")
        try:
            return self.parse_voc_xml(ElementTree.fromstring(text))
        except ElementTree.ParseError as error:
            raise ValueError(f"{path}: damaged XML ({error})") from error

    @staticmethod
    def parse_voc_xml(node: Element) -> dict[str, Any]:
        """An element as a dictionary of its children, lists where there are several of a name.

        Raises:
            ValueError: elements inside of each other without end.
        """
        return _as_dictionary(node, 0)


def _as_dictionary(node: Element, depth: int) -> dict[str, Any]:
    if depth > _DEEPEST_XML:
        raise ValueError(f"XML elements lie deeper than {_DEEPEST_XML} inside of each other")
    text = (node.text or "").strip()
    if not len(node):
        return {node.tag: text} if node.text else {}
    inner: dict[str, list[Any]] = {}
    for child in node:
        for tag, value in _as_dictionary(child, depth + 1).items():
            inner.setdefault(tag, []).append(value)
    if node.tag == "annotation":
        inner["object"] = [inner.get("object", [])]
    return {node.tag: {tag: v[0] if len(v) == 1 else v for tag, v in inner.items()}}
