"""What an image is, how large it is, and how pixels between pixels are made."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from fastgrad import Tensor
from fastgrad.vision.transforms._pillow import is_pillow


class InterpolationMode(Enum):
    """How pixels between pixels are made. Follows torchvision.transforms.InterpolationMode.

    BOX, HAMMING and LANCZOS are for Pillow images only.
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers of them.
_BY_NUMBER = {
    0: InterpolationMode.NEAREST,
    1: InterpolationMode.LANCZOS,
    2: InterpolationMode.BILINEAR,
    3: InterpolationMode.BICUBIC,
    4: InterpolationMode.BOX,
    5: InterpolationMode.HAMMING,
}


def mode_of(interpolation: InterpolationMode | int, image: Any, known: Sequence[str] = ()) -> str:
    """The name of an interpolation, which must be among the known ones for a tensor.

    Raises:
        TypeError, ValueError: it is none, or not known.
    """
    if isinstance(interpolation, int):
        interpolation = _BY_NUMBER[int(interpolation)]
    if not isinstance(interpolation, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow "
            f"integer constant, got {interpolation!r}"
        )
    mode: str = interpolation.value
    if known and not is_pillow(image) and mode not in known:
        raise ValueError(f"tensors are interpolated by {', '.join(known)}; got {mode!r}")
    return mode


def checked_image(image: Any) -> Any:
    """The image, if it is one.

    Raises:
        TypeError: it is none.
    """
    if is_pillow(image):
        return image
    if not isinstance(image, Tensor):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(image)}")
    if image.dim() < 2:
        raise TypeError(
            f"Tensor is not a torch image: expected [..., C, H, W], got {list(image.shape)}"
        )
    return image


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width]. Follows torchvision.transforms.functional.get_dimensions.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import get_dimensions
    >>> get_dimensions(torch.zeros(3, 4, 5))
    [3, 4, 5]
    """
    if is_pillow(checked_image(img)):
        width, height = img.size
        return [len(img.getbands()), height, width]
    return [1 if img.dim() == 2 else img.shape[-3], *img.shape[-2:]]


def get_image_size(img: Any) -> list[int]:
    """[width, height]. Follows torchvision.transforms.functional.get_image_size."""
    return get_dimensions(img)[:0:-1]


def two_lengths(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width); a single length is both.

    Raises:
        ValueError: it is none of that.
    """
    sides = (size,) if isinstance(size, int) else tuple(size)
    if len(sides) not in (1, 2):
        raise ValueError(f"Please provide only two dimensions (h, w) for size; got {size}")
    return sides[0], sides[-1]


def get_image_num_channels(img: Any) -> int:
    """How many channels an image has.

    Follows torchvision.transforms.functional.get_image_num_channels.
    """
    return get_dimensions(img)[0]
