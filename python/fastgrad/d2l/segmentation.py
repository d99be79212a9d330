"""Photos whose pixels have classes, in the form of the Pascal VOC challenge."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fastgrad as torch
from fastgrad import Tensor
from fastgrad.d2l.classification import get_dataloader_workers
from fastgrad.d2l.files import download_extract
from fastgrad.utils import data
from fastgrad.vision import io, transforms

VOC_CLASSES = [
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "potted plant"),
    *("sheep", "sofa", "train", "tv/monitor"),
]


def _color(number: int) -> list[int]:
    """Of a class: the bits of its number go to red, green and blue in turn, the highest first."""
    return [
        sum((number >> (3 * place + channel) & 1) << (7 - place) for place in range(3))
        for channel in range(3)
    ]


VOC_COLORMAP = [_color(number) for number in range(len(VOC_CLASSES))]


def read_voc_images(voc_dir: str, is_train: bool = True) -> tuple[list[Tensor], list[Tensor]]:
    """The photos [3, H, W] of one part, and the pictures [3, H, W] of their classes' colours."""
    folder = Path(voc_dir)
    part = "train.txt" if is_train else "val.txt"
    names = (folder / "ImageSets" / "Segmentation" / part).read_text().split()
    mode = io.ImageReadMode.RGB
    photos = [io.read_image(folder / "JPEGImages" / f"{name}.jpg") for name in names]
    masks = [io.read_image(folder / "SegmentationClass" / f"{name}.png", mode) for name in names]
    return photos, masks


def voc_colormap2label() -> Tensor:
    """The class of each of the 256³ colours; 0 for those of no class."""
    found = torch.zeros(256**3, dtype=torch.long)
    for number, (red, green, blue) in enumerate(VOC_COLORMAP):
        found[(red * 256 + green) * 256 + blue] = number
    return found


def voc_label_indices(colormap: Tensor, colormap2label: Tensor) -> Tensor:
    """The classes [H, W] of a picture's colours [3, H, W]."""
    red, green, blue = colormap.long()
    return colormap2label[(red * 256 + green) * 256 + blue]


def voc_rand_crop(feature: Tensor, label: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The same random part of a photo and of the picture of its classes."""
    place = transforms.RandomCrop.get_params(feature, (height, width))
    cropped = [transforms.functional.crop(image, *place) for image in (feature, label)]
    return cropped[0], cropped[1]


class VOCSegDataset(data.Dataset[tuple[Tensor, Tensor]]):
    """Random parts of photos, and the classes of their pixels; photos that are too small are out.

    Args:
        is_train: which part.
        crop_size: height and width.
        voc_dir: the folder that has ``ImageSets``, ``JPEGImages`` and ``SegmentationClass``.
    """

    def __init__(self, is_train: bool, crop_size: tuple[int, int], voc_dir: str) -> None:
        # The mean and the spread of ImageNet's colours.
        self.transform = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        self.crop_size = crop_size
        features, labels = read_voc_images(voc_dir, is_train=is_train)
        self.features = [self.normalize_image(image) for image in self.filter(features)]
        self.labels = self.filter(labels)
        self.colormap2label = voc_colormap2label()
        print(f"read {len(self.features)} examples")

    def normalize_image(self, img: Tensor) -> Any:
        """Colours with mean 0 and spread 1."""
        return self.transform(img.float() / 255)

    def filter(self, imgs: list[Tensor]) -> list[Tensor]:
        """The images that a part can be cut from."""
        height, width = self.crop_size
        return [img for img in imgs if img.shape[1] >= height and img.shape[2] >= width]

    def __getitem__(self, idx: int) -> tuple[Tensor, Tensor]:
        feature, label = voc_rand_crop(self.features[idx], self.labels[idx], *self.crop_size)
        return feature, voc_label_indices(label, self.colormap2label)

    def __len__(self) -> int:
        return len(self.features)


def load_data_voc(batch_size: int, crop_size: tuple[int, int]) -> tuple[Any, Any]:
    """Batches of the two parts of Pascal VOC 2012."""
    folder = download_extract("voc2012", os.path.join("VOCdevkit", "VOC2012"))
    train, test = (
        data.DataLoader(
            VOCSegDataset(is_train, crop_size, folder),
            batch_size,
            shuffle=is_train,
            drop_last=True,
            num_workers=get_dataloader_workers(),
        )
        for is_train in (True, False)
    )
    return train, test
