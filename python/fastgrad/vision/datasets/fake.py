"""Random images, to try a program without data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastgrad as fg
from fastgrad.vision.datasets.base import Transform
from fastgrad.vision.datasets.vision_dataset import VisionDataset
from fastgrad.vision.transforms.functional import to_pil_image


class FakeData(VisionDataset):
    """Random images with random classes; the same index gives the same sample each time.

    Args:
        size: the number of images.
        image_size: (channels, height, width) of each.
        num_classes: how many classes there are.
        transform, target_transform: applied to the image (a Pillow image) and to its class.
        random_offset: added to the index, for other images.

    Raises:
        IndexError: when a sample is asked for that there is not.

    Follows torchvision.datasets.FakeData.

    >>> from fastgrad.vision.datasets import FakeData
    >>> image, target = FakeData(10, image_size=(3, 4, 5))[2]
    >>> image.size, 0 <= target < 10
    ((5, 4), True)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: Sequence[int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__("", transform=transform, target_transform=target_transform)
        self.root = None
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index {index} out of range for {len(self)}")
        # A generator of its own: workers and the program's random numbers are not disturbed.
        generator = fg.Generator().manual_seed(index + self.random_offset)
        image = fg.randn(*self.image_size, generator=generator)
        target = fg.randint(0, self.num_classes, size=(1,), generator=generator)
        wrapped = (image * 255).long() % 256  # as a float becomes a byte on most machines
        return self._transformed(to_pil_image(wrapped.byte()), int(target.item()))

    def __len__(self) -> int:
        return self.size
