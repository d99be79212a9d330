"""What the datasets of image files have in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from fastgrad.utils.data import Dataset
from fastgrad.vision.datasets.base import Transform

Joint = Callable[[Any, Any], tuple[Any, Any]]


class VisionDataset(Dataset[Any]):
    """A dataset of images and targets in a folder: the base class of those with image files.

    Args:
        root: the folder; `~` is the home folder.
        transforms: applied to image and target together, or
        transform, target_transform: to each of them.

    Raises:
        ValueError: both kinds of transforms.

    Follows torchvision.datasets.VisionDataset.

    >>> from fastgrad.vision.datasets import VisionDataset
    >>> class Numbers(VisionDataset):
    ...     def __len__(self):
    ...         return 3
    >>> print(Numbers("photos"))
    Dataset Numbers
        Number of datapoints: 3
        Root location: photos
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transforms: Joint | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError(
                "Only transforms or transform/target_transform can be passed as argument"
            )
        self.root: Any = os.path.expanduser(root)
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = transforms

    def _transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        if self.transforms is not None:
            return self.transforms(image, target)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__(self)")

    def extra_repr(self) -> str:
        """More lines for the text of the dataset."""
        return ""

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        for name in ("transforms", "transform", "target_transform"):
            if (value := getattr(self, name)) is not None:
                lines += f"{name}: {value}".splitlines()
        return "\n    ".join([f"Dataset {type(self).__name__}", *lines])
