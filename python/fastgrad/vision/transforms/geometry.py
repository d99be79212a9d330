"""Transforms that move pixels. Follows torchvision.transforms.

With the same seed as PyTorch's, the random ones draw the same numbers as torchvision's.
Source: https://docs.pytorch.org/vision/stable/transforms.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import fastgrad as fg
from fastgrad.vision.transforms import functional as F
from fastgrad.vision.transforms._checks import two_lengths
from fastgrad.vision.transforms.functional import InterpolationMode


def uniform(low: float, high: float) -> float:
    """A number between two others, from the default generator."""
    return float(fg.empty(1).uniform_(float(low), float(high)).item())


def place(room: int) -> int:
    """A place from 0 up to `room`, from the default generator."""
    return int(fg.randint(0, room + 1, size=(1,)).item())


def interval(name: str, value: float | Sequence[float]) -> tuple[float, float]:
    """(-value, value) for a number; a pair as it is.

    Raises:
        ValueError: a negative number, or no pair.
    """
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return (-float(value), float(value))
    if len(value) != 2:
        raise ValueError(f"{name} should be a sequence of length 2, got {value}")
    return (float(value[0]), float(value[1]))


class Resize:
    """The image at another size; see :func:`fastgrad.vision.transforms.functional.resize`.

    Follows torchvision.transforms.Resize.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import Resize
    >>> Resize(8)(torch.zeros(1, 4, 6)).shape
    torch.Size([1, 8, 12])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def __call__(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        mode = getattr(self.interpolation, "value", self.interpolation)
        return (
            f"Resize(size={self.size}, interpolation={mode}, max_size={self.max_size}, "
            f"antialias={self.antialias})"
        )


class CenterCrop:
    """The middle of the image, with a black border where it is too small.

    Follows torchvision.transforms.CenterCrop.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import CenterCrop
    >>> CenterCrop(2)(torch.arange(16).reshape(1, 4, 4))
    tensor([[[ 5,  6],
             [ 9, 10]]])
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = two_lengths(size)

    def __call__(self, img: Any) -> Any:
        return F.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"CenterCrop(size={self.size})"


class Pad:
    """The image with a border; see :func:`fastgrad.vision.transforms.functional.pad`.

    Follows torchvision.transforms.Pad.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import Pad
    >>> Pad(1)(torch.ones(1, 2, 2)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(
        self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
    ) -> None:
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"Pad(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class RandomCrop:
    """A piece of the image from a random place.

    Args:
        size: (height, width), or one length for both.
        padding: a border that the image gets before; see `Pad`.
        pad_if_needed: give an image that is too small a border.
        fill, padding_mode: of the border.

    Raises:
        ValueError: when called: the image is smaller.

    Follows torchvision.transforms.RandomCrop.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomCrop
    >>> RandomCrop(3, padding=1)(torch.ones(1, 4, 4)).shape
    torch.Size([1, 3, 3])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = two_lengths(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """The top, the left, the height and the width of a random piece."""
        _, height, width = F.get_dimensions(img)
        h, w = output_size
        if height < h or width < w:
            raise ValueError(
                f"Required crop size {(h, w)} is larger than input image size {(height, width)}"
            )
        if (height, width) == (h, w):
            return 0, 0, h, w
        return place(height - h), place(width - w), h, w

    def __call__(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            for side, missing in enumerate(self._missing(img)):
                if missing > 0:
                    border = [0, missing] if side == 0 else [missing, 0]
                    img = F.pad(img, border, self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def _missing(self, img: Any) -> tuple[int, int]:
        """How much too low and too narrow the image is; the width is mended first."""
        _, height, width = F.get_dimensions(img)
        return self.size[0] - height, self.size[1] - width

    def __repr__(self) -> str:
        return f"RandomCrop(size={self.size}, padding={self.padding})"


class RandomResizedCrop:
    """A piece of a random size and shape, resized.

    Args:
        size: (height, width) of the result, or one length for both.
        scale: between which shares of the image's area the piece's lies.
        ratio: between which ratios its width over its height lies.

    Follows torchvision.transforms.RandomResizedCrop.
    Source: Szegedy et al. 2014, "Going Deeper with Convolutions".

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomResizedCrop
    >>> RandomResizedCrop(5)(torch.ones(3, 8, 9)).shape
    torch.Size([3, 5, 5])
    """

    TRIES = 10

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        self.size = two_lengths(size)
        for name, value in (("Scale", scale), ("Ratio", ratio)):
            if not isinstance(value, Sequence):
                raise TypeError(f"{name} should be a sequence")
            if len(value) != 2 or not 0 < value[0] <= value[1]:
                raise ValueError(f"{name} should be of kind (min, max), got {value}")
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation
        self.antialias = antialias

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """The top, the left, the height and the width of a random piece."""
        _, height, width = F.get_dimensions(img)
        logs = fg.log(fg.tensor(ratio)).tolist()
        for _ in range(RandomResizedCrop.TRIES):
            area = height * width * uniform(*scale)
            shape = fg.exp(fg.tensor([uniform(*logs)])).item()
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                return place(height - h), place(width - w), h, w
        # No luck: as much of the middle as the ratios allow.
        h, w = height, width
        if width / height < min(ratio):
            h = round(width / min(ratio))
        elif width / height > max(ratio):
            w = round(height * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def __call__(self, img: Any) -> Any:
        piece = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *piece, self.size, self.interpolation, self.antialias)

    def __repr__(self) -> str:
        scale, ratio = (tuple(round(v, 4) for v in pair) for pair in (self.scale, self.ratio))
        mode = getattr(self.interpolation, "value", self.interpolation)
        return (
            f"RandomResizedCrop(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={mode}, antialias={self.antialias})"
        )


class _RandomFlip:
    """Flips an image with the probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def _flipped(self, img: Any) -> Any:
        raise NotImplementedError

    def __call__(self, img: Any) -> Any:
        return self._flipped(img) if fg.rand(1).item() < self.p else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_RandomFlip):
    """Left and right exchanged, with the probability `p`.

    Follows torchvision.transforms.RandomHorizontalFlip.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomHorizontalFlip
    >>> RandomHorizontalFlip(p=1.0)(torch.tensor([[[1, 2]]]))
    tensor([[[2, 1]]])
    """

    def _flipped(self, img: Any) -> Any:
        return F.hflip(img)


class RandomVerticalFlip(_RandomFlip):
    """Top and bottom exchanged, with the probability `p`.

    Follows torchvision.transforms.RandomVerticalFlip.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomVerticalFlip
    >>> RandomVerticalFlip(p=0.0)(torch.tensor([[[1], [2]]]))
    tensor([[[1],
             [2]]])
    """

    def _flipped(self, img: Any) -> Any:
        return F.vflip(img)


class FiveCrop:
    """The corners and the middle of the image. Follows torchvision.transforms.FiveCrop.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import FiveCrop
    >>> [int(piece[0, 0, 0]) for piece in FiveCrop(1)(torch.arange(9).reshape(1, 3, 3))]
    [0, 2, 6, 8, 4]
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = two_lengths(size)

    def __call__(self, img: Any) -> tuple[Any, ...]:
        return F.five_crop(img, self.size)

    def __repr__(self) -> str:
        return f"FiveCrop(size={self.size})"


class TenCrop:
    """The corners and the middle of the image and of its mirror image.

    Follows torchvision.transforms.TenCrop.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import TenCrop
    >>> len(TenCrop(1)(torch.zeros(1, 3, 3)))
    10
    """

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        self.size = two_lengths(size)
        self.vertical_flip = vertical_flip

    def __call__(self, img: Any) -> tuple[Any, ...]:
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self) -> str:
        return f"TenCrop(size={self.size}, vertical_flip={self.vertical_flip})"
