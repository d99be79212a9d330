"""Transforms as functions of an image, a Pillow image or a tensor [..., C, H, W].

Follows torchvision.transforms.functional.
Source: https://docs.pytorch.org/vision/stable/transforms.html#functional-transforms
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Any

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.vision.transforms import _pillow, _tensors
from fastgrad.vision.transforms._pillow import is_pillow
from fastgrad.vision.transforms.conversion import Normalize, ToTensor


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


def _mode(interpolation: InterpolationMode | int, image: Any, known: Sequence[str] = ()) -> str:
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


def _checked(image: Any) -> Any:
    """The image, if it is one."""
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
    if is_pillow(_checked(img)):
        width, height = img.size
        return [len(img.getbands()), height, width]
    return [1 if img.dim() == 2 else img.shape[-3], *img.shape[-2:]]


def get_image_size(img: Any) -> list[int]:
    """[width, height]. Follows torchvision.transforms.functional.get_image_size."""
    return get_dimensions(img)[:0:-1]


# Conversion


def to_tensor(pic: Any) -> Tensor:
    """See :class:`fastgrad.vision.transforms.ToTensor`."""
    return ToTensor()(pic)


def normalize(
    tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """See :class:`fastgrad.vision.transforms.Normalize`."""
    return Normalize(mean, std, inplace)(tensor)


def pil_to_tensor(pic: Any) -> Tensor:
    """A Pillow image as a tensor [C, H, W] of its own values.

    Raises:
        TypeError: no Pillow image.

    Follows torchvision.transforms.functional.pil_to_tensor.
    """
    import numpy

    if not is_pillow(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    array = numpy.array(pic.convert("L") if pic.mode == "1" else pic)
    if array.dtype == numpy.uint16:  # which tensors lack
        array = array.astype(numpy.int16)
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return fg.from_numpy(planes.copy())


_MODES = {
    1: ("L", "I;16", "I", "F"),
    2: ("LA",),
    3: ("RGB", "YCbCr", "HSV"),
    4: ("RGBA", "CMYK", "RGBX"),
}
_GREY_MODES = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor [C, H, W] (floats from 0 to 1) or an array [H, W, C] as a Pillow image.

    Raises:
        TypeError: no image, or a dtype that Pillow has no image of.
        ValueError: a number of channels or dimensions that no image has, or a mode that does not
            fit.

    Follows torchvision.transforms.functional.to_pil_image.
    """
    import numpy

    if isinstance(pic, Tensor):
        if pic.dim() not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.dim()} dimensions.")
        if pic.is_floating_point() and mode != "F":
            pic = pic.mul(255).byte()
        pic = pic.detach().numpy()
        pic = pic[:, :, None] if pic.ndim == 2 else pic.transpose(1, 2, 0)
    elif isinstance(pic, numpy.ndarray) and pic.ndim in (2, 3):
        pic = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    channels = pic.shape[2]
    if channels not in _MODES:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if channels == 1:
        pic = pic[:, :, 0]
        default = _GREY_MODES.get(str(pic.dtype))
    else:
        default = _MODES[channels][0] if pic.dtype == numpy.uint8 else None
    if default is None:
        raise TypeError(f"Input type {pic.dtype} is not supported")
    if mode is not None and mode not in _MODES[channels]:
        raise ValueError(
            f"{channels} channels can be of the modes {', '.join(_MODES[channels])}; got {mode!r}"
        )
    if (mode or default) == "I;16":
        pic = pic.astype(numpy.uint16)
    chosen = None if mode in (None, default) else mode  # Pillow finds the default by itself
    return _pillow.pillow().fromarray(numpy.ascontiguousarray(pic), chosen)


def convert_image_dtype(image: Tensor, dtype: fg.dtype = fg.float32) -> Tensor:
    """The image in another dtype, with values scaled so that white stays white.

    Raises:
        TypeError: no tensor.
        RuntimeError: float32 to an integer that it has not enough digits for.

    Follows torchvision.transforms.functional.convert_image_dtype.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import convert_image_dtype
    >>> convert_image_dtype(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    tensor([[[0., 1.]]])
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"Input img should be Tensor Image, got {type(image)}")
    if image.dtype is dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        if dtype in (fg.int32, fg.int64) and (image.dtype is fg.float32 or dtype is fg.int64):
            raise RuntimeError(
                f"The cast from {image.dtype} to {dtype} cannot be performed safely."
            )
        return image.mul(_tensors.white(dtype) + 1 - 1e-3).to(dtype)
    top = _tensors.white(image.dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / top
    wanted = _tensors.white(dtype)
    if top > wanted:
        return fg.div(image, (top + 1) // (wanted + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((wanted + 1) // (top + 1))


# Geometry


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
    mode = _mode(interpolation, img, ("nearest", "nearest-exact", "bilinear", "bicubic"))
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
    if is_pillow(_checked(img)):
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
    backend = _pillow if is_pillow(_checked(img)) else _tensors
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


def two_lengths(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width); a single length is both.

    Raises:
        ValueError: it is none of that.
    """
    sides = (size,) if isinstance(size, int) else tuple(size)
    if len(sides) not in (1, 2):
        raise ValueError(f"Please provide only two dimensions (h, w) for size; got {size}")
    return sides[0], sides[-1]


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
    return _pillow.flip(img, True) if is_pillow(_checked(img)) else img.flip(-1)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged. Follows torchvision.transforms.functional.vflip."""
    return _pillow.flip(img, False) if is_pillow(_checked(img)) else img.flip(-2)


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[int] | None = None,
    fill: Any = None,
) -> Any:
    """The image turned against the clock.

    Args:
        angle: in degrees.
        interpolation: NEAREST or BILINEAR (BICUBIC too for Pillow images).
        expand: make the result large enough for all of the image.
        center: (x, y) in pixels; by default the middle.
        fill: the value of the corners, or one for each channel.

    Raises:
        TypeError, ValueError: arguments that do not fit.

    Follows torchvision.transforms.functional.rotate.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import rotate
    >>> rotate(torch.tensor([[[1, 2], [3, 4]]]), 90)
    tensor([[[2, 4],
             [1, 3]]])
    """
    mode = _mode(interpolation, img, ("nearest", "bilinear"))
    channels, height, width = get_dimensions(img)
    if is_pillow(img):
        return _pillow.rotate(img, angle, mode, expand, center, fill)
    middle = (0.0, 0.0)
    if center is not None:
        middle = (center[0] - width / 2, center[1] - height / 2)
    # The map leads from output to input: against the angle.
    matrix = inverse_affine(middle, -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    size = _tensors.rotated_size(matrix, height, width) if expand else (height, width)
    return _tensors.warp(img, matrix, size, mode, _colour(fill, channels))


def _colour(fill: Any, channels: int) -> Sequence[float] | None:
    if fill is None:
        return None
    if isinstance(fill, (int, float)):
        return (fill,)
    if len(fill) not in (1, channels):
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of "
            f"the image ({len(fill)} != {channels})"
        )
    return tuple(fill)


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[int] | None = None,
) -> Any:
    """The image turned, moved, enlarged and sheared; the middle stays where it is.

    Args:
        angle: in degrees, with the clock.
        translate: to the right and down, in pixels.
        scale: above 0.
        shear: along x, and along y, in degrees.

    Raises:
        ValueError: arguments that do not fit.

    Follows torchvision.transforms.functional.affine.
    """
    mode = _mode(interpolation, img, ("nearest", "bilinear"))
    if scale <= 0:
        raise ValueError(f"Argument scale should be positive, got {scale}")
    if len(translate) != 2:
        raise ValueError(f"Argument translate should be a sequence of length 2, got {translate}")
    shears = (shear, 0.0) if isinstance(shear, (int, float)) else tuple(shear)
    if len(shears) == 1:
        shears = (shears[0], shears[0])
    channels, height, width = get_dimensions(img)
    if is_pillow(img):
        at = (width * 0.5, height * 0.5) if center is None else center
        matrix = inverse_affine(at, angle, translate, scale, shears)
        return _pillow.affine(img, matrix, mode, fill)
    at = (0.0, 0.0) if center is None else (center[0] - width / 2, center[1] - height / 2)
    matrix = inverse_affine(at, angle, translate, scale, shears)
    return _tensors.warp(img, matrix, (height, width), mode, _colour(fill, channels))


def inverse_affine(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
) -> list[float]:
    """The map from the pixels of the result to those of the image, six numbers in rows.

    The image is scaled, sheared, turned (each about the centre) and moved.
    """
    turn, shear_x, shear_y = (math.radians(a) for a in (angle, *shear))
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -math.cos(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -math.sin(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) + math.cos(turn)
    (x, y), (right, down) = center, translate
    rows = ((d / scale, -b / scale), (-c / scale, a / scale))
    matrix = []
    for row, start in zip(rows, (x, y), strict=True):
        matrix += [*row, row[0] * (-x - right) + row[1] * (-y - down) + start]
    return matrix


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


# Colour


def _factor(name: str, value: float) -> None:
    if value < 0:
        raise ValueError(f"{name} ({value}) is not non-negative.")


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Darker below 1, brighter above. Follows torchvision.transforms.functional.adjust_brightness.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import adjust_brightness
    >>> adjust_brightness(torch.tensor([[[0.25, 0.75]]]), 2.0)
    tensor([[[0.5000, 1.0000]]])
    """
    _factor("brightness_factor", brightness_factor)
    if is_pillow(_checked(img)):
        return _pillow.enhance(img, "Brightness", brightness_factor)
    return _tensors.blend(img, fg.zeros_like(img), brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Greyer below 1, starker above. Follows torchvision.transforms.functional.adjust_contrast."""
    _factor("contrast_factor", contrast_factor)
    if is_pillow(_checked(img)):
        return _pillow.enhance(img, "Contrast", contrast_factor)
    return _tensors.blend(img, _tensors.mean_grey(img), contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Paler below 1, more colourful above.

    Follows torchvision.transforms.functional.adjust_saturation.
    """
    _factor("saturation_factor", saturation_factor)
    if is_pillow(_checked(img)):
        return _pillow.enhance(img, "Color", saturation_factor)
    if img.shape[-3] == 1:
        return img
    return _tensors.blend(img, _tensors.luminance(img), saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """All colours turned on the colour wheel, by a share of it from -0.5 to 0.5.

    Raises:
        ValueError: another share.

    Follows torchvision.transforms.functional.adjust_hue.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if is_pillow(_checked(img)):
        return _pillow.shift_hue(img, hue_factor)
    if img.shape[-3] == 1:
        return img
    return _tensors.shift_hue(img, hue_factor, convert_image_dtype)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Grey as the eye sees the brightness of colours, in 1 channel or in 3 equal ones.

    Raises:
        ValueError: another number of channels.

    Follows torchvision.transforms.functional.rgb_to_grayscale.
    """
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels should be either 1 or 3, got {num_output_channels}")
    if is_pillow(_checked(img)):
        return _pillow.grayscale(img, num_output_channels)
    grey = img if img.shape[-3] == 1 else _tensors.luminance(img)
    return grey if num_output_channels == 1 else fg.cat([grey] * 3, -3)


def invert(img: Any) -> Any:
    """Black for white. Follows torchvision.transforms.functional.invert."""
    return _pillow.invert(img) if is_pillow(_checked(img)) else _tensors.white(img.dtype) - img


def gaussian_blur(
    img: Any, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Any:
    """The image blurred.

    Args:
        kernel_size: odd; one number, or (width, height).
        sigma: the standard deviation in pixels; one number, or (along x, along y).

    Raises:
        ValueError: an even size, or a sigma that is not above 0.

    Follows torchvision.transforms.functional.gaussian_blur.
    """
    sizes = two_lengths(kernel_size)
    if any(size % 2 == 0 or size < 1 for size in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    if sigma is None:
        sigmas = tuple(0.15 * size + 0.35 for size in sizes)
    else:
        sigmas = (sigma, sigma) if isinstance(sigma, (int, float)) else tuple(sigma)
    if any(s <= 0 for s in sigmas):
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    if is_pillow(_checked(img)):
        return to_pil_image(_tensors.blur(pil_to_tensor(img), sizes, sigmas), img.mode)
    return _tensors.blur(img, sizes, (sigmas[0], sigmas[-1]))
