"""The handwritten digits of UCI, shipped with the package."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from fastgrad.vision.datasets.base import LabelledImages, Transform

_FOLDER = Path(__file__).parent / "digits"


class Digits(LabelledImages):
    """1,797 handwritten digits, 8x8 pixels with 17 grey levels: a first dataset without network.

    The train part has 1,442 images, the test part 355: of each digit every fifth image, in the
    order of the original file, belongs to the test part. So each class has the same share in
    both, and the split never changes. The writers are the same in both parts.

    Pixels go from 0 to 16 (`pixel_max`). `ToTensor()` divides by 255 as for any uint8 image; follow
    it by `Normalize((0.0,), (16 / 255,))` for values from 0 to 1, or use `data.float() / 16`.

    Args:
        train: the train part, or the test part.
        transform: applied to each image: a Pillow image, or the uint8 tensor [8, 8] when the
            first transform is `ToTensor`. Without one a batch of a DataLoader is uint8 [N, 8, 8].
        target_transform: applied to each class number.

    Attributes:
        data: uint8 [N, 8, 8].
        targets: int64 [N].

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository (1998), https://doi.org/10.24432/C50P49, licensed under CC BY 4.0.

    >>> from fastgrad.vision.datasets import Digits
    >>> digits = Digits(train=False)
    >>> digits.data.shape, digits.targets[:3]
    (torch.Size([355, 8, 8]), tensor([5, 0, 9]))
    """

    classes: ClassVar[Sequence[str]] = [str(digit) for digit in range(10)]
    pixel_max: ClassVar[int] = 16

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        super().__init__(train, transform, target_transform)
        part = "train" if train else "t10k"
        self._load(
            _FOLDER / f"{part}-images-idx3-ubyte.gz", _FOLDER / f"{part}-labels-idx1-ubyte.gz"
        )
