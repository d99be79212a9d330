"""Transforms that turn, shear and bend images. Follows torchvision.transforms.

With the same seed as PyTorch's, the random ones draw the same numbers as torchvision's.
Source: https://docs.pytorch.org/vision/stable/transforms.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.vision.transforms import functional as F
from fastgrad.vision.transforms.functional import InterpolationMode
from fastgrad.vision.transforms.geometry import interval, uniform


class RandomRotation:
    """The image turned by a random angle; see the function ``rotate``.

    Args:
        degrees: (lowest, highest), or one number for both directions.

    Follows torchvision.transforms.RandomRotation.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomRotation
    >>> RandomRotation((90, 90))(torch.tensor([[[1, 2], [3, 4]]]))
    tensor([[[2, 4],
             [1, 3]]])
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[int] | None = None,
        fill: Any = 0,
    ) -> None:
        self.degrees = interval("degrees", degrees)
        self.interpolation = interpolation
        self.expand = expand
        self.center = center
        self.fill = fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return uniform(*degrees)

    def __call__(self, img: Any) -> Any:
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)

    def __repr__(self) -> str:
        mode = getattr(self.interpolation, "value", self.interpolation)
        center = "" if self.center is None else f", center={self.center}"
        return (
            f"RandomRotation(degrees={list(self.degrees)}, interpolation={mode}, "
            f"expand={self.expand}{center}, fill={self.fill})"
        )


class RandomAffine:
    """The image turned, moved, enlarged and sheared at random; see the function ``affine``.

    Args:
        degrees: (lowest, highest), or one number for both directions.
        translate: up to which shares of the width and the height the image moves.
        scale: (lowest, highest) factor.
        shear: (lowest, highest) along x, perhaps followed by those along y; or one number.

    Follows torchvision.transforms.RandomAffine.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomAffine
    >>> RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1))(torch.ones(1, 5, 5)).shape
    torch.Size([1, 5, 5])
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[int] | None = None,
    ) -> None:
        self.degrees = interval("degrees", degrees)
        if translate is not None and not all(0.0 <= t <= 1.0 for t in translate):
            raise ValueError("translation values should be between 0 and 1")
        if scale is not None and not all(s > 0 for s in scale):
            raise ValueError("scale values should be positive")
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else self._shears(shear)
        self.interpolation = interpolation
        self.fill = fill
        self.center = center

    @staticmethod
    def _shears(shear: float | Sequence[float]) -> tuple[float, ...]:
        if not isinstance(shear, (int, float)) and len(shear) == 4:
            return tuple(map(float, shear))
        return interval("shear", shear)

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Random arguments of ``affine`` for an image of a width and a height."""
        angle = uniform(*degrees)
        moved = (0, 0)
        if translate is not None:
            far = [float(t * side) for t, side in zip(translate, img_size, strict=True)]
            moved = (round(uniform(-far[0], far[0])), round(uniform(-far[1], far[1])))
        scale = 1.0 if scale_ranges is None else uniform(*scale_ranges)
        shear = [0.0, 0.0]
        for at in range(0, len(shears or ()), 2):
            assert shears is not None
            shear[at // 2] = uniform(shears[at], shears[at + 1])
        return angle, moved, scale, (shear[0], shear[1])

    def __call__(self, img: Any) -> Any:
        drawn = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, F.get_image_size(img)
        )
        return F.affine(
            img, *drawn, interpolation=self.interpolation, fill=self.fill, center=self.center
        )

    def __repr__(self) -> str:
        parts = [f"degrees={list(self.degrees)}"]
        if self.translate is not None:
            parts.append(f"translate={self.translate}")
        if self.scale is not None:
            parts.append(f"scale={self.scale}")
        if self.shear is not None:
            parts.append(f"shear={list(self.shear)}")
        if self.interpolation is not InterpolationMode.NEAREST:
            parts.append(f"interpolation={getattr(self.interpolation, 'value', 'by number')}")
        if self.fill != 0:
            parts.append(f"fill={self.fill}")
        if self.center is not None:
            parts.append(f"center={self.center}")
        return f"RandomAffine({', '.join(parts)})"


class RandomPerspective:
    """The image seen from elsewhere, with the probability `p`; see the function ``perspective``.

    Args:
        distortion_scale: up to which share of half a side the corners move inwards, from 0 to 1.

    Follows torchvision.transforms.RandomPerspective.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomPerspective
    >>> RandomPerspective(p=1.0)(torch.ones(1, 8, 9)).shape
    torch.Size([1, 8, 9])
    """

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        self.distortion_scale = distortion_scale
        self.p = p
        self.interpolation = interpolation
        self.fill = fill

    @staticmethod
    def get_params(
        width: int, height: int, distortion_scale: float
    ) -> tuple[list[list[int]], list[list[int]]]:
        """The corners of an image, and four random points near them."""
        across = int(distortion_scale * (width // 2))
        down = int(distortion_scale * (height // 2))

        def between(low: int, high: int) -> int:
            return int(fg.randint(low, high, size=(1,)).item())

        endpoints = []
        for right, low in ((False, False), (True, False), (True, True), (False, True)):
            x = between(width - across - 1, width) if right else between(0, across + 1)
            y = between(height - down - 1, height) if low else between(0, down + 1)
            endpoints.append([x, y])
        corners = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        return corners, endpoints

    def __call__(self, img: Any) -> Any:
        if fg.rand(1).item() >= self.p:
            return img
        _, height, width = F.get_dimensions(img)
        points = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, *points, self.interpolation, self.fill)

    def __repr__(self) -> str:
        return f"RandomPerspective(p={self.p})"


class ElasticTransform:
    """The image as if seen through water: smoothly moved pixels.

    Args:
        alpha: how far pixels move; one number, or along (y, x).
        sigma: how smooth the movement is; one number, or along (y, x).

    Raises:
        ValueError: a sequence of other than two numbers.

    Source: Simard et al. 2003, "Best practices for convolutional neural networks". Follows
    torchvision.transforms.ElasticTransform.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import ElasticTransform
    >>> ElasticTransform(alpha=5.0, sigma=1.0)(torch.ones(1, 12, 13)).shape
    torch.Size([1, 12, 13])
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        self.alpha = _pair("alpha", alpha)
        self.sigma = _pair("sigma", sigma)
        self.interpolation = interpolation
        self.fill = fill

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Tensor:
        """A random displacement [1, H, W, 2]; see the function ``elastic_transform``."""
        parts = []
        for far, smooth, side in zip(alpha, sigma, size, strict=True):
            noise = fg.rand([1, 1, *size]) * 2 - 1
            if smooth > 0.0:
                reach = int(8 * smooth + 1) | 1  # odd
                noise = F.gaussian_blur(noise, [reach, reach], list(sigma))
            parts.append(noise * far / side)
        return fg.cat(parts, 1).permute([0, 2, 3, 1])

    def __call__(self, img: Any) -> Any:
        displacement = self.get_params(self.alpha, self.sigma, F.get_dimensions(img)[1:])
        return F.elastic_transform(img, displacement, self.interpolation, self.fill)

    def __repr__(self) -> str:
        mode = getattr(self.interpolation, "value", self.interpolation)
        return (
            f"ElasticTransform(alpha={self.alpha}, sigma={self.sigma}, interpolation={mode}, "
            f"fill={self.fill})"
        )


def _pair(name: str, value: float | Sequence[float]) -> list[float]:
    pair = [value] if isinstance(value, (int, float)) else list(value)
    if len(pair) not in (1, 2):
        raise ValueError(f"{name} should be a number or a sequence of two, got {value}")
    return [float(pair[0]), float(pair[-1])]
