"""The transforms of Pillow images. Pillow is imported when one is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

# A Pillow image; an annotation must not import Pillow.
Image: TypeAlias = Any


def is_pillow(image: object) -> bool:
    """Whether it is a Pillow image; False, and nothing imported, where Pillow is not in use."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(image, pillow.Image)


def pillow() -> Any:
    """The module PIL.Image.

    Raises:
        ImportError: Pillow is not installed; the message names the extra.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("this needs Pillow: pip install 'fastgrad[vision]'") from error
    return Image


def filter_of(interpolation: str) -> Any:
    """Pillow's name of an interpolation."""
    name = interpolation.removesuffix("-exact").upper()
    return getattr(pillow().Resampling, name)


def resize(image: Image, height: int, width: int, interpolation: str) -> Image:
    return image.resize((width, height), filter_of(interpolation))


def crop(image: Image, top: int, left: int, height: int, width: int) -> Image:
    return image.crop((left, top, left + width, top + height))


def flip(image: Image, horizontally: bool) -> Image:
    transpose = pillow().Transpose
    return image.transpose(transpose.FLIP_LEFT_RIGHT if horizontally else transpose.FLIP_TOP_BOTTOM)


def fill_of(fill: Any, image: Image) -> Any:
    """A colour as Pillow wants it: a number, or one for each band."""
    bands = len(image.getbands())
    if fill is None:
        fill = 0
    if isinstance(fill, (int, float)):
        if bands == 1:
            return fill if image.mode == "F" else int(fill)
        return (int(fill),) * bands
    if len(fill) != bands:
        raise ValueError(
            f"The number of elements in 'fill' does not match the number of channels of the image "
            f"({len(fill)} != {bands})"
        )
    return tuple(map(int, fill)) if bands > 1 else fill[0]


def pad(image: Image, sides: tuple[int, int, int, int], fill: Any, mode: str) -> Image:
    import numpy

    left, top, right, bottom = sides
    width, height = image.size
    if mode == "constant":
        size = (width + left + right, height + top + bottom)
        result = pillow().new(image.mode, size, fill_of(fill, image))
        if image.mode == "P":
            result.putpalette(image.getpalette())
        result.paste(image, (left, top))
        return result
    # Negative padding cuts away.
    image = crop(
        image,
        max(-top, 0),
        max(-left, 0),
        height - max(-top, 0) - max(-bottom, 0),
        width - max(-left, 0) - max(-right, 0),
    )
    array = numpy.asarray(image)
    widths = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))]
    widths += [(0, 0)] * (array.ndim - 2)
    padded = pillow().fromarray(numpy.pad(array, widths, mode=mode))  # type: ignore[call-overload]
    if image.mode == "P":
        padded.putpalette(image.getpalette())
    return padded


def rotate(
    image: Image, angle: float, interpolation: str, expand: bool, center: Any, fill: Any
) -> Image:
    return image.rotate(
        angle, filter_of(interpolation), expand, center, fillcolor=fill_of(fill, image)
    )


def affine(image: Image, matrix: Sequence[float], interpolation: str, fill: Any) -> Image:
    return image.transform(
        image.size,
        pillow().Transform.AFFINE,
        matrix,
        filter_of(interpolation),
        fillcolor=fill_of(fill, image),
    )


def project(image: Image, coefficients: Sequence[float], interpolation: str, fill: Any) -> Image:
    return image.transform(
        image.size,
        pillow().Transform.PERSPECTIVE,
        coefficients,
        filter_of(interpolation),
        fillcolor=fill_of(fill, image),
    )


def enhance(image: Image, what: str, factor: float) -> Image:
    """`what`: "Brightness", "Contrast", "Color" or "Sharpness"."""
    from PIL import ImageEnhance

    return getattr(ImageEnhance, what)(image).enhance(factor)


def shift_hue(image: Image, factor: float) -> Image:
    import numpy

    mode = image.mode
    if mode in ("L", "1", "I", "F"):
        return image
    hue, saturation, value = image.convert("HSV").split()
    shifted = numpy.asarray(hue, dtype=numpy.uint8).copy()
    shifted += numpy.array(factor * 255).astype(numpy.int32).astype(numpy.uint8)  # wraps around
    hue = pillow().fromarray(shifted, "L")
    return pillow().merge("HSV", (hue, saturation, value)).convert(mode)


def grayscale(image: Image, channels: int) -> Image:
    grey = image.convert("L")
    return grey if channels == 1 else pillow().merge("RGB", (grey,) * 3)


def changed(image: Image, what: str, *options: Any) -> Image:
    """`what`: "invert", "posterize", "solarize", "autocontrast" or "equalize"."""
    from PIL import ImageOps

    return getattr(ImageOps, what)(image, *options)


def adjust_gamma(image: Image, gamma: float, gain: float) -> Image:
    rgb = image.convert("RGB")
    tones = [int((255 + 1 - 1e-3) * gain * pow(tone / 255.0, gamma)) for tone in range(256)]
    return rgb.point([min(tone, 255) for tone in tones] * 3).convert(image.mode)
