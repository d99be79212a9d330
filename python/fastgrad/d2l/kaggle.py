"""The folders of the competitions' images, sorted by class as ImageFolder wants them."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

SORTED = "train_valid_test"


def read_csv_labels(fname: str) -> dict[str, str]:
    """Name -> label, from a file of two columns with a heading."""
    with open(fname, newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    return {row[0]: row[1] for row in rows}


def copyfile(filename: str, target_dir: str) -> None:
    """Copy a file into a folder, which is made if it is not there."""
    Path(target_dir).mkdir(parents=True, exist_ok=True)
    shutil.copy(filename, target_dir)


def reorg_train_valid(data_dir: str, labels: dict[str, str], valid_ratio: float) -> int:
    """Copy the images of ``train`` into a folder for each class, some of them for validation.

    Returns:
        How many of each class are for validation: that share of the smallest class.
    """
    smallest = min(Counter(labels.values()).values())
    count = max(1, int(smallest * valid_ratio))
    taken: Counter[str] = Counter()
    for path in sorted((Path(data_dir) / "train").iterdir()):
        label = labels[path.stem]
        taken[label] += 1
        for part in ("train_valid", "valid" if taken[label] <= count else "train"):
            copyfile(str(path), str(Path(data_dir) / SORTED / part / label))
    return count


def reorg_test(data_dir: str) -> None:
    """Copy the images of ``test`` into the folder of an unknown class."""
    for path in sorted((Path(data_dir) / "test").iterdir()):
        copyfile(str(path), str(Path(data_dir) / SORTED / "test" / "unknown"))
