"""The data of ``fastgrad train``, as tensors ready for a model."""

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.train.errors import DataError
from fastgrad.utils.data import TensorDataset
from fastgrad.vision.datasets import MNIST, Digits, FashionMNIST

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE_SUFFIXES = (".csv", ".tsv", ".dat", ".txt")
TEST_SHARE = 0.2
SPLIT_SEED = 0
FEWEST_ROWS = 10


@dataclass(frozen=True, slots=True)
class Source:
    """Data to train on and to test on.

    Attributes:
        train: Inputs, float32 of shape (N, 1, height, width) for images and (N, features) for
            tables, and targets, int64 classes or float32 quantities of shape (N,).
        test: The same, held out.
        classes: The names of the classes; None when the targets are quantities.
        checksum: CRC-32 of all values, to know the data again.
        preparation: How the inputs were made from the stored values, for whoever uses the weights.
    """

    train: TensorDataset
    test: TensorDataset
    classes: tuple[str, ...] | None
    checksum: str
    preparation: dict[str, Any]

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return tuple(self.train.tensors[0].shape[1:])

    @property
    def is_images(self) -> bool:
        return len(self.sample_shape) == 3

    def to(self, device: str) -> "Source":
        """Return the same data on a device."""
        moved = [
            TensorDataset(*(tensor.to(device) for tensor in data.tensors))
            for data in (self.train, self.test)
        ]
        return replace(self, train=moved[0], test=moved[1])

    def one_against_the_rest(self, positive: int) -> "Source":
        """Return the same inputs with two classes: whether a sample is of class ``positive``.

        Raises:
            DataError: There is no such class.
        """
        classes = self.classes or ()
        if positive >= len(classes):
            last = len(classes) - 1
            raise DataError(f"there is no class {positive}: --positive goes from 0 to {last}")
        if len(classes) != 2 or positive != 1:
            classes = (f"not {classes[positive]}", classes[positive])
        train, test = (_relabel(data, positive) for data in (self.train, self.test))
        return replace(self, train=train, test=test, classes=classes)


def load(data: str, *, quantities: bool = False) -> Source:
    """Load a named data set, a folder of IDX files, or a table.

    Args:
        data: digits, mnist, fashion-mnist, or a path.
        quantities: Whether the last column of a table is a quantity and not a class.

    Raises:
        DataError: The data cannot be found, read or used.
    """
    try:
        return _load(data, quantities)
    except (OSError, RuntimeError, ValueError) as error:  # the documented errors of the readers
        raise DataError(f"cannot use the data {data}: {error}") from error


def _load(data: str, quantities: bool) -> Source:
    if data == "digits":
        return _from_images(lambda train: Digits(train=train))
    if data == "mnist":
        return _from_images(lambda train: MNIST(**_stored(data), train=train))
    if data == "fashion-mnist":
        return _from_images(lambda train: FashionMNIST(**_stored(data), train=train))
    if os.path.isdir(data):
        return _from_images(lambda train: MNIST(data, train=train))
    return _from_table(Path(data), quantities)


def _stored(name: str) -> dict[str, Any]:
    """Return where a data set is: in FASTGRAD_DATA, or downloaded to the cache."""
    if offline := os.environ.get("FASTGRAD_DATA"):
        return {"root": os.path.join(offline, name), "download": False}
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return {"root": os.path.join(cache, "fastgrad", name), "download": True}


# Images


def _from_images(make: Callable[[bool], Digits | MNIST]) -> Source:
    """Scale the pixels of a training and a test set to 0..1."""
    sets = [make(True), make(False)]
    pixels, targets = [item.data for item in sets], [item.targets for item in sets]
    sizes = [tuple(images.shape[1:]) for images in pixels]
    if sizes[0] != sizes[1] or not all(map(len, pixels)):
        raise ValueError(
            f"expected training and test images of one size, got {len(pixels[0])} of {sizes[0]} "
            f"and {len(pixels[1])} of {sizes[1]}"
        )
    white = sets[0].pixel_max
    train, test = (
        TensorDataset(images.unsqueeze(1).float().div_(white), labels)
        for images, labels in zip(pixels, targets, strict=True)
    )
    return Source(
        train=train,
        test=test,
        classes=tuple(name.split(" - ")[0] for name in sets[0].classes),  # "7", not "7 - seven"
        checksum=_checksum(*pixels, *targets),
        preparation={"pixels divided by": white},
    )


def _checksum(*tensors: Tensor) -> str:
    value = 0
    for tensor in tensors:
        value = zlib.crc32(tensor.contiguous().numpy().data, value)
    return f"{value:08x}"


def _relabel(data: TensorDataset, positive: int) -> TensorDataset:
    inputs, targets = data.tensors
    return TensorDataset(inputs, (targets == positive).long())


# Tables


def _from_table(path: Path, quantities: bool) -> Source:
    """Split the rows of a table four to one and standardise the features by the training rows."""
    table = _read_table(path)
    features, last = table[:, :-1], table[:, -1]
    classes, targets = (None, last.astype("float32")) if quantities else _as_classes(last)
    order = fg.randperm(len(table), generator=fg.Generator().manual_seed(SPLIT_SEED)).numpy()
    cut = len(order) - round(TEST_SHARE * len(order))
    mean, std = features[order[:cut]].mean(0), features[order[:cut]].std(0)
    std[std == 0] = 1.0  # a constant column stays a column of zeros
    inputs = ((features - mean) / std).astype("float32")
    train, test = (
        TensorDataset(fg.from_numpy(inputs[rows]), fg.from_numpy(targets[rows]))
        for rows in (order[:cut], order[cut:])
    )
    return Source(
        train=train,
        test=test,
        classes=classes,
        checksum=f"{zlib.crc32(table.tobytes()):08x}",
        preparation={"feature mean": mean.tolist(), "feature std": std.tolist()},
    )


def _read_table(path: Path) -> "NDArray[Any]":
    """Read a table of numbers, with or without a line of names above it."""
    import numpy as np

    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise ValueError(f"expected a folder of IDX files or a table ({', '.join(TABLE_SUFFIXES)})")
    with path.open(encoding="utf-8") as file:
        first = next((line for line in file if line.strip()), "")
    separator = next((mark for mark in "\t;," if mark in first), None)
    cells = first.split(separator)
    if not cells:
        raise ValueError("the table is empty")
    skip = 0 if any(map(_is_number, cells)) else 1
    table = np.loadtxt(path, delimiter=separator, skiprows=skip, ndmin=2, encoding="utf-8")
    if len(table) < FEWEST_ROWS or table.shape[1] < 2:
        rows, columns = table.shape
        raise ValueError(
            f"expected at least {FEWEST_ROWS} rows and 2 columns, got {rows} and {columns}"
        )
    if not np.isfinite(table).all():
        row = int(np.argwhere(~np.isfinite(table))[0, 0])
        raise ValueError(f"data row {row + 1} holds nan or inf: fill it or leave it out")
    return table


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _as_classes(column: "NDArray[Any]") -> tuple[tuple[str, ...], "NDArray[Any]"]:
    """Number the distinct values of a column of whole numbers."""
    import numpy as np

    values, labels = np.unique(column, return_inverse=True)
    if (values != np.floor(values)).any():
        raise ValueError("the last column holds quantities and not classes: use --model linear")
    if len(values) < 2:
        raise ValueError("the last column holds one class only: there is nothing to tell apart")
    return tuple(str(int(value)) for value in values), labels.astype("int64")
