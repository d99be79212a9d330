"""What the datasets of labelled images in memory have in common."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import fastgrad
from fastgrad.tensor import Tensor
from fastgrad.utils.data import Dataset
from fastgrad.vision.datasets.idx import read_idx
from fastgrad.vision.transforms.batches import batched, takes_raw

Transform = Callable[[Any], Any]


class LabelledImages(Dataset[tuple[Any, Any]]):
    """Images in memory, each with the number of its class.

    Attributes:
        data: uint8 [N, H, W], values from 0 to `pixel_max`; of coloured images a NumPy array
            [N, H, W, 3], as in torchvision.
        targets: int64 [N], the class of each image; of coloured images a list.
        classes: names of the classes.
        pixel_max: the value of a fully inked pixel.
        train: whether this is the training part.
        transform, target_transform: applied to the image and to the class of a sample.
    """

    classes: ClassVar[Sequence[str]]
    pixel_max: ClassVar[int] = 255
    data: Any
    targets: Any

    def __init__(
        self, train: bool, transform: Transform | None, target_transform: Transform | None
    ) -> None:
        self.train = train
        self.transform = transform
        self.target_transform = target_transform

    def _load(self, images: Path, labels: Path) -> None:
        self.data, targets = read_idx(images), read_idx(labels)
        _check_images(images, self.data)
        _check_labels(labels, targets, len(self.data), len(self.classes))
        self.targets = targets.long()

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class, by its name."""
        return {name: number for number, name in enumerate(self.classes)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        target = int(self.targets[index])
        if self.target_transform is not None:
            target = self.target_transform(target)
        return self._image(index), target

    def _image(self, index: int) -> Any:
        raw = self.data[index]
        if self.transform is None:
            return _to_pillow(raw)
        return self.transform(raw if takes_raw(self.transform) else _to_pillow(raw))

    def __getbatch__(self, indices: Tensor) -> Any:
        if self.target_transform is not None:
            return NotImplemented
        transform = batched(self.transform) if self.transform is not None else None
        if transform is None and self.transform is not None:
            return NotImplemented
        # Looked up in what is there now, a tensor, an array or a list: it may be replaced.
        images = fastgrad.as_tensor(self.data)[indices]
        targets = self.targets
        if isinstance(targets, list):
            targets = fastgrad.tensor([targets[i] for i in indices.tolist()])
        else:
            targets = fastgrad.as_tensor(targets)[indices]
        return [images if transform is None else transform(images), targets]

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        part = "train" if self.train else "test"
        lines = [f"{type(self).__name__}: {len(self)} images, {part} part"]
        lines += [f"transform: {self.transform}"] if self.transform else []
        lines += [f"target_transform: {self.target_transform}"] if self.target_transform else []
        return "\n".join(lines).replace("\n", "\n    ")


def _to_pillow(raw: Tensor) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "a sample without ToTensor() as its first transform is a Pillow image; "
            "pip install 'fastgrad[vision]', or pass transform=ToTensor()"
        ) from error
    return Image.fromarray(raw.numpy() if isinstance(raw, Tensor) else raw)


def _check_images(path: Path, images: Tensor) -> None:
    if images.dim() != 3 or images.dtype != fastgrad.uint8:
        raise ValueError(
            f"{path}: expected images, a uint8 array [N, H, W], got {images.dtype} "
            f"{list(images.shape)}; are the image and the label file swapped?"
        )


def _check_labels(path: Path, labels: Tensor, images: int, classes: int) -> None:
    if labels.dim() != 1 or len(labels) != images:
        raise ValueError(
            f"{path}: expected one label for each of {images} images, got shape "
            f"{list(labels.shape)}; do the image and the label file belong together?"
        )
    if images and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(
            f"{path}: expected labels from 0 to {classes - 1}, got {int(labels.min())} to "
            f"{int(labels.max())}; is this the label file of another dataset?"
        )
