"""Transforms that change values. Follows torchvision.transforms.

With the same seed as PyTorch's, the random ones draw the same numbers as torchvision's.
Source: https://docs.pytorch.org/vision/stable/transforms.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.vision.transforms import functional as F
from fastgrad.vision.transforms._checks import two_lengths
from fastgrad.vision.transforms.geometry import place, uniform

Range: TypeAlias = tuple[float, float]


class ColorJitter:
    """Changes brightness, contrast, saturation and hue at random, in a random order.

    Args:
        brightness, contrast, saturation: (lowest, highest) factor, or a number: from 1 minus it
            (at least 0) to 1 plus it.
        hue: (lowest, highest) share of the colour wheel within -0.5 and 0.5, or a number for both
            directions.

    Raises:
        ValueError, TypeError: something else.

    Follows torchvision.transforms.ColorJitter.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import ColorJitter
    >>> ColorJitter(brightness=0.5, hue=0.1)(torch.rand(3, 4, 4)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        self.brightness = _range("brightness", brightness)
        self.contrast = _range("contrast", contrast)
        self.saturation = _range("saturation", saturation)
        self.hue = _range("hue", hue, center=0, bound=(-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: Range | None,
        contrast: Range | None,
        saturation: Range | None,
        hue: Range | None,
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """A random order of the four changes, and the factor of each."""
        order = fg.randperm(4)
        b, c, s, h = (
            None if limits is None else uniform(*limits)
            for limits in (brightness, contrast, saturation, hue)
        )
        return order, b, c, s, h

    def __call__(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order.tolist():
            factor = factors[i]
            if factor is not None:
                img = changes[i](img, factor)
        return img

    def __repr__(self) -> str:
        return (
            f"ColorJitter(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


def _range(
    name: str,
    value: float | Sequence[float],
    center: float = 1,
    bound: tuple[float, float] = (0, math.inf),
) -> Range | None:
    """(lowest, highest), or None where nothing changes."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        low, high = center - float(value), center + float(value)
        low = max(low, 0.0) if center else low
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        low, high = float(value[0]), float(value[1])
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not bound[0] <= low <= high <= bound[1]:
        raise ValueError(f"{name} values should be between {bound}, but got {(low, high)}.")
    return None if low == high == center else (low, high)


class Grayscale:
    """Grey in 1 or 3 channels. Follows torchvision.transforms.Grayscale.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import Grayscale
    >>> Grayscale()(torch.ones(3, 1, 1))
    tensor([[[0.9999]]])
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def __call__(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"Grayscale(num_output_channels={self.num_output_channels})"


class RandomGrayscale:
    """Grey with the probability `p`, in as many channels as before.

    Follows torchvision.transforms.RandomGrayscale.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomGrayscale
    >>> RandomGrayscale(p=1.0)(torch.rand(3, 2, 2)).shape
    torch.Size([3, 2, 2])
    """

    def __init__(self, p: float = 0.1) -> None:
        self.p = p

    def __call__(self, img: Any) -> Any:
        channels = F.get_dimensions(img)[0]
        return F.rgb_to_grayscale(img, channels) if fg.rand(1).item() < self.p else img

    def __repr__(self) -> str:
        return f"RandomGrayscale(p={self.p})"


class GaussianBlur:
    """The image blurred by a random amount; see the function ``gaussian_blur``.

    Args:
        kernel_size: odd; one number, or (width, height).
        sigma: (lowest, highest), or a number.

    Follows torchvision.transforms.GaussianBlur.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import GaussianBlur
    >>> GaussianBlur(3)(torch.ones(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(
        self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)
    ) -> None:
        self.kernel_size = two_lengths(kernel_size)
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        low, high = (sigma, sigma) if isinstance(sigma, (int, float)) else sigma
        if not 0.0 < low <= high:
            raise ValueError(
                f"sigma values should be positive and of the form (min, max). Got {sigma}"
            )
        self.sigma = (float(low), float(high))

    def __call__(self, img: Any) -> Any:
        sigma = uniform(*self.sigma)
        return F.gaussian_blur(img, self.kernel_size, (sigma, sigma))

    def __repr__(self) -> str:
        return f"GaussianBlur(kernel_size={self.kernel_size}, sigma={self.sigma})"


class RandomInvert:
    """Black for white with the probability `p`. Follows torchvision.transforms.RandomInvert.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomInvert
    >>> RandomInvert(p=1.0)(torch.tensor([[[0.25]]]))
    tensor([[[0.7500]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, img: Any) -> Any:
        return F.invert(img) if fg.rand(1).item() < self.p else img

    def __repr__(self) -> str:
        return f"RandomInvert(p={self.p})"


class RandomErasing:
    """Overwrites a rectangle of a tensor [..., C, H, W] with the probability `p`.

    Args:
        scale: between which shares of the image's area the rectangle's lies.
        ratio: between which ratios its height over its width lies.
        value: a number, one for each channel, or "random": normal random numbers.

    Raises:
        TypeError, ValueError: arguments that do not fit.

    Source: Zhong et al. 2017, "Random Erasing Data Augmentation". Follows
    torchvision.transforms.RandomErasing.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomErasing
    >>> bool((RandomErasing(p=1.0)(torch.ones(1, 9, 9)) == 0).any())
    True
    """

    TRIES = 10

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | str | Sequence[float] = 0,
        inplace: bool = False,
    ) -> None:
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        if not 0 <= scale[0] <= scale[1] <= 1:
            raise ValueError("Scale should be between 0 and 1")
        if not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f"Ratio should be of kind (min, max), got {ratio}")
        if not 0 <= p <= 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Tensor,
        scale: Sequence[float],
        ratio: Sequence[float],
        value: Sequence[float] | None = None,
    ) -> tuple[int, int, int, int, Tensor]:
        """The top, the left, the height, the width and the content of a random rectangle."""
        channels, height, width = img.shape[-3:]
        logs = fg.log(fg.tensor(ratio)).tolist()
        for _ in range(RandomErasing.TRIES):
            area = height * width * uniform(*scale)
            shape = fg.exp(fg.tensor([uniform(*logs)])).item()
            h, w = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if not (h < height and w < width):
                continue
            if value is None:
                content = fg.empty([channels, h, w], dtype=fg.float32).normal_()
            else:
                content = fg.tensor(list(value))[:, None, None]
            return place(height - h), place(width - w), h, w, content
        return 0, 0, height, width, img

    def __call__(self, img: Tensor) -> Tensor:
        if fg.rand(1).item() >= self.p:
            return img
        value = None if isinstance(self.value, str) else self.value
        values = [value] if isinstance(value, (int, float)) else value
        if values is not None and len(values) not in (1, img.shape[-3]):
            raise ValueError(
                f"If value is a sequence, it should have either a single value or {img.shape[-3]} "
                "(number of input channels)"
            )
        drawn = self.get_params(img, self.scale, self.ratio, values)
        return F.erase(img, *drawn, self.inplace)

    def __repr__(self) -> str:
        return (
            f"RandomErasing(p={self.p}, scale={self.scale}, ratio={self.ratio}, "
            f"value={self.value}, inplace={self.inplace})"
        )
