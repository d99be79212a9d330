"""Transforms that change tones with some probability. Follows torchvision.transforms.

With the same seed as PyTorch's, they draw the same numbers as torchvision's.
"""

from __future__ import annotations

import math
from typing import Any

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.vision.transforms import functional as F


class _Maybe:
    """Changes an image with the probability `p`."""

    p: float

    def _changed(self, img: Any) -> Any:
        raise NotImplementedError

    def __call__(self, img: Any) -> Any:
        return self._changed(img) if fg.rand(1).item() < self.p else img

    def __repr__(self) -> str:
        options = ",".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({options})"


class RandomPosterize(_Maybe):
    """Fewer tones, with the probability `p`; see the function ``posterize``.

    Follows torchvision.transforms.RandomPosterize.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomPosterize
    >>> RandomPosterize(bits=1, p=1.0)(torch.tensor([[[100, 200]]], dtype=torch.uint8))
    tensor([[[  0, 128]]], dtype=torch.uint8)
    """

    def __init__(self, bits: int, p: float = 0.5) -> None:
        self.bits = bits
        self.p = p

    def _changed(self, img: Any) -> Any:
        return F.posterize(img, self.bits)


class RandomSolarize(_Maybe):
    """Bright tones inverted, with the probability `p`; see the function ``solarize``.

    Follows torchvision.transforms.RandomSolarize.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomSolarize
    >>> RandomSolarize(threshold=0.5, p=1.0)(torch.tensor([[[0.25, 0.75]]]))
    tensor([[[0.2500, 0.2500]]])
    """

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        self.threshold = threshold
        self.p = p

    def _changed(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_Maybe):
    """Sharper or blurred, with the probability `p`; see the function ``adjust_sharpness``.

    Follows torchvision.transforms.RandomAdjustSharpness.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomAdjustSharpness
    >>> RandomAdjustSharpness(sharpness_factor=2, p=1.0)(torch.ones(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        self.sharpness_factor = sharpness_factor
        self.p = p

    def _changed(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)


class RandomAutocontrast(_Maybe):
    """From black to white, with the probability `p`; see the function ``autocontrast``.

    Follows torchvision.transforms.RandomAutocontrast.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomAutocontrast
    >>> RandomAutocontrast(p=1.0)(torch.tensor([[[0.25, 0.75]]]))
    tensor([[[0., 1.]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def _changed(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomEqualize(_Maybe):
    """As many dark as bright pixels, with the probability `p`; see the function ``equalize``.

    Follows torchvision.transforms.RandomEqualize.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandomEqualize
    >>> RandomEqualize(p=0.0)(torch.tensor([[[1, 2]]], dtype=torch.uint8))
    tensor([[[1, 2]]], dtype=torch.uint8)
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def _changed(self, img: Any) -> Any:
        return F.equalize(img)


class LinearTransformation:
    """A tensor image as a vector, centred and multiplied by a matrix: whitening.

    Args:
        transformation_matrix: [D, D] for images of D numbers.
        mean_vector: [D].

    Raises:
        ValueError: shapes that do not fit, here or to the image.
        TypeError: when called: no tensor.

    Follows torchvision.transforms.LinearTransformation.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import LinearTransformation
    >>> LinearTransformation(2 * torch.eye(2), torch.ones(2))(torch.tensor([[[3.0, 4.0]]]))
    tensor([[[4., 6.]]])
    """

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        shape = list(transformation_matrix.shape)
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ValueError(f"transformation_matrix should be square. Got {shape}")
        if list(mean_vector.shape) != shape[:1]:
            raise ValueError(
                f"mean_vector should have the length {shape[0]} of the matrix's sides. Got "
                f"{list(mean_vector.shape)}"
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def __call__(self, tensor: Tensor) -> Tensor:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"Input should be a tensor image. Got {type(tensor)}")
        size = self.mean_vector.shape[0]
        if math.prod(tensor.shape[-3:]) != size:
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape: "
                f"{list(tensor.shape[-3:])} and {size} x {size}"
            )
        flat = tensor.reshape(-1, size) - self.mean_vector
        return (flat @ self.transformation_matrix).reshape(tensor.shape)

    def __repr__(self) -> str:
        return (
            f"LinearTransformation(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )
