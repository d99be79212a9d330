"""The book's small set for the detection of objects: a banana in each image."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import fastgrad as torch
from fastgrad import Tensor
from fastgrad.d2l.files import download_extract
from fastgrad.utils import data
from fastgrad.vision import io

SIDE = 256  # pixels of an image


def read_data_bananas(is_train: bool = True) -> tuple[list[Tensor], Tensor]:
    """The images [3, 256, 256], and [N, 1, 5]: class, left, top, right, bottom, of the side."""
    part = "bananas_train" if is_train else "bananas_val"
    folder = Path(download_extract("banana-detection")) / part
    with open(folder / "label.csv", newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    images = [io.read_image(folder / "images" / name) for name, *_ in rows]
    targets = [[int(value) for value in values] for _, *values in rows]
    return images, torch.tensor(targets).unsqueeze(1) / SIDE


class BananasDataset(data.Dataset[tuple[Tensor, Tensor]]):
    """The images, and what is to be found in them."""

    def __init__(self, is_train: bool) -> None:
        self.features, self.labels = read_data_bananas(is_train)
        kind = "training" if is_train else "validation"
        print(f"read {len(self.features)} {kind} examples")

    def __getitem__(self, idx: int) -> tuple[Tensor, Tensor]:
        return self.features[idx].float(), self.labels[idx]

    def __len__(self) -> int:
        return len(self.features)


def load_data_bananas(batch_size: int) -> tuple[Any, Any]:
    """Batches of the two parts."""
    train, val = (
        data.DataLoader(BananasDataset(is_train), batch_size, shuffle=is_train)
        for is_train in (True, False)
    )
    return train, val
