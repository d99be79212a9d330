"""Transforms as functions of an image, a Pillow image or a tensor [..., C, H, W].

Those that cut, resize and mirror are here; others are in the files that are imported.
Follows torchvision.transforms.functional.
Source: https://docs.pytorch.org/vision/stable/transforms.html#functional-transforms
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgrad import Tensor
from fastgrad.vision.transforms import _pillow, _tensors
from fastgrad.vision.transforms._checks import (
    InterpolationMode,
    checked_image,
    get_dimensions,
    get_image_num_channels,
    get_image_size,
    mode_of,
    two_lengths,
)
from fastgrad.vision.transforms._pillow import is_pillow
from fastgrad.vision.transforms.functional_color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    gaussian_blur,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)
from fastgrad.vision.transforms.functional_conversion import (
    convert_image_dtype,
    normalize,
    pil_to_tensor,
    to_pil_image,
    to_tensor,
)
from fastgrad.vision.transforms.functional_warp import (
    affine,
    elastic_transform,
    perspective,
    rotate,
)

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The image at another size.

    Args:
        size: (height, width), or the length of the shorter side, which keeps the ratio.
        interpolation: for tensors NEAREST, NEAREST_EXACT, BILINEAR or BICUBIC.
        max_size: with one length: how long the longer side may become.
        antialias: tensors: widen the filter when the image shrinks, as is always done for Pillow
            images.

    Raises:
        TypeError, ValueError: a size that is none.

    Follows torchvision.transforms.functional.resize.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import resize
    >>> resize(torch.tensor([[[0.0, 1.0, 2.0, 3.0]]]), [1, 2])
    tensor([[[0.7143, 2.2857]]])
    """
    mode = mode_of(interpolation, img, ("nearest", "nearest-exact", "bilinear", "bicubic"))
    _, height, width = get_dimensions(img)
    new = _new_size(size, height, width, max_size)
    if new == (height, width):
        return img
    if is_pillow(img):
        return _pillow.resize(img, *new, mode)
    return _tensors.resize(img, *new, mode, bool(antialias))


def _new_size(
    size: int | Sequence[int], height: int, width: int, max_size: int | None
) -> tuple[int, int]:
    sides = [size] if isinstance(size, int) else list(size)
    if len(sides) not in (1, 2) or any(side < 1 for side in sides):
        raise ValueError(f"size must be one or two lengths of at least 1, got {size}")
    if len(sides) == 2:
        if max_size is not None:
            raise ValueError("max_size should only be passed if size specifies one length")
        return sides[0], sides[1]
    short, long = min(height, width), max(height, width)
    new_short, new_long = sides[0], int(sides[0] * long / short)
    if max_size is not None:
        if max_size <= sides[0]:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the "
                f"smaller edge size = {size}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_long, new_short) if width <= height else (new_short, new_long)


def pad(
    img: Any,
    padding: int | Sequence[int],
    fill: Any = 0,
    padding_mode: str = "constant",
) -> Any:
    """The image with a border.

    Args:
        padding: the width of the border; for left and right, and top and bottom; or for left, top,
            right and bottom.
        fill: the border's value, or one for each channel of a Pillow image.
        padding_mode: "constant", "edge", "reflect" (without the edge) or "symmetric" (with it).

    Raises:
        TypeError, ValueError: arguments that do not fit.

    Follows torchvision.transforms.functional.pad.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import pad
    >>> pad(torch.tensor([[[1.0, 2.0]]]), [1, 0], padding_mode="reflect")
    tensor([[[2., 1., 2., 1.]]])
    """
    sides = _sides(padding)
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(
            "Padding mode should be either constant, edge, reflect or symmetric; got "
            f"{padding_mode!r}"
        )
    if is_pillow(checked_image(img)):
        return _pillow.pad(img, sides, fill, padding_mode)
    if isinstance(fill, Sequence):
        if len(fill) != 1:
            raise TypeError("pad: tensors are filled with one number")
        fill = fill[0]
    return _tensors.pad(img, sides, fill or 0, padding_mode)


def _sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    if isinstance(padding, int):
        return (padding,) * 4
    if not isinstance(padding, (tuple, list)):
        raise TypeError(f"Got inappropriate padding arg {padding!r}")
    if len(padding) not in (1, 2, 4):
        raise ValueError(
            "Padding must be an int or a 1, 2, or 4 element tuple, not a "
            f"{len(padding)} element tuple"
        )
    left, top, right, bottom = tuple(padding) * (4 // len(padding))
    return left, top, right, bottom


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A piece of the image; black where the piece lies outside of it.

    Follows torchvision.transforms.functional.crop.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import crop
    >>> crop(torch.arange(9).reshape(1, 3, 3), 1, 1, 2, 2)
    tensor([[[4, 5],
             [7, 8]]])
    """
    backend = _pillow if is_pillow(checked_image(img)) else _tensors
    return backend.crop(img, top, left, height, width)


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of the image, with a black border where it is too small.

    Follows torchvision.transforms.functional.center_crop.
    """
    crop_height, crop_width = two_lengths(output_size)
    _, height, width = get_dimensions(img)
    if crop_width > width or crop_height > height:
        missing_x, missing_y = max(crop_width - width, 0), max(crop_height - height, 0)
        img = pad(
            img,
            [missing_x // 2, missing_y // 2, (missing_x + 1) // 2, (missing_y + 1) // 2],
        )
        _, height, width = get_dimensions(img)
    top = round((height - crop_height) / 2.0)
    left = round((width - crop_width) / 2.0)
    return crop(img, top, left, crop_height, crop_width)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A piece of the image, resized. Follows torchvision.transforms.functional.resized_crop."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(img: Any, size: int | Sequence[int]) -> tuple[Any, Any, Any, Any, Any]:
    """The corners (top left, top right, bottom left, bottom right) and the middle.

    Raises:
        ValueError: the image is smaller.

    Follows torchvision.transforms.functional.five_crop.
    """
    h, w = two_lengths(size)
    _, height, width = get_dimensions(img)
    if w > width or h > height:
        raise ValueError(
            f"Requested crop size {(h, w)} is bigger than input size {(height, width)}"
        )
    return (
        crop(img, 0, 0, h, w),
        crop(img, 0, width - w, h, w),
        crop(img, height - h, 0, h, w),
        crop(img, height - h, width - w, h, w),
        center_crop(img, (h, w)),
    )


def ten_crop(img: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """:func:`five_crop` of the image and of its mirror image.

    Follows torchvision.transforms.functional.ten_crop.
    """
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


def hflip(img: Any) -> Any:
    """Left and right exchanged. Follows torchvision.transforms.functional.hflip.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import hflip
    >>> hflip(torch.tensor([[[1, 2, 3]]]))
    tensor([[[3, 2, 1]]])
    """
    return _pillow.flip(img, True) if is_pillow(checked_image(img)) else img.flip(-1)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged. Follows torchvision.transforms.functional.vflip."""
    return _pillow.flip(img, False) if is_pillow(checked_image(img)) else img.flip(-2)


def erase(img: Any, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """The tensor with `v` in a rectangle whose upper left corner is at row i and column j.

    Raises:
        TypeError: no tensor.

    Follows torchvision.transforms.functional.erase.
    """
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}; apply ToTensor() first")
    out = img if inplace else img.clone()
    out[..., i : i + h, j : j + w] = v
    return out
