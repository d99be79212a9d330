"""Colours and tones of images. Follows torchvision.transforms.functional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastgrad as fg
from fastgrad.vision.transforms import _pillow, _tensors
from fastgrad.vision.transforms._checks import checked_image, two_lengths
from fastgrad.vision.transforms._pillow import is_pillow
from fastgrad.vision.transforms.functional_conversion import (
    convert_image_dtype,
    pil_to_tensor,
    to_pil_image,
)


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
    if is_pillow(checked_image(img)):
        return _pillow.enhance(img, "Brightness", brightness_factor)
    return _tensors.blend(img, fg.zeros_like(img), brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Greyer below 1, starker above. Follows torchvision.transforms.functional.adjust_contrast."""
    _factor("contrast_factor", contrast_factor)
    if is_pillow(checked_image(img)):
        return _pillow.enhance(img, "Contrast", contrast_factor)
    return _tensors.blend(img, _tensors.mean_grey(img), contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Paler below 1, more colourful above.

    Follows torchvision.transforms.functional.adjust_saturation.
    """
    _factor("saturation_factor", saturation_factor)
    if is_pillow(checked_image(img)):
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
    if is_pillow(checked_image(img)):
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
    if is_pillow(checked_image(img)):
        return _pillow.grayscale(img, num_output_channels)
    grey = img if img.shape[-3] == 1 else _tensors.luminance(img)
    return grey if num_output_channels == 1 else fg.cat([grey] * 3, -3)


def invert(img: Any) -> Any:
    """Black for white. Follows torchvision.transforms.functional.invert."""
    if is_pillow(checked_image(img)):
        return _pillow.changed(img, "invert")
    return _tensors.white(img.dtype) - img


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """See :func:`rgb_to_grayscale`; of Pillow images only.

    Raises:
        TypeError: no Pillow image.

    Follows torchvision.transforms.functional.to_grayscale.
    """
    if not is_pillow(img):
        raise TypeError(f"Input should be PIL Image. Got {type(img)}; see rgb_to_grayscale")
    return rgb_to_grayscale(img, num_output_channels)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """Dark tones brighter below 1, darker above: `gain` times the value to the power `gamma`.

    Raises:
        ValueError: a negative gamma.

    Follows torchvision.transforms.functional.adjust_gamma.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import adjust_gamma
    >>> adjust_gamma(torch.tensor([[[0.25, 1.0]]]), 0.5)
    tensor([[[0.5000, 1.0000]]])
    """
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if is_pillow(checked_image(img)):
        return _pillow.adjust_gamma(img, gamma, gain)
    x = convert_image_dtype(img, fg.float32) if not img.is_floating_point() else img
    return convert_image_dtype((gain * x**gamma).clamp(0, 1), img.dtype)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """Blurred below 1, sharper above. Follows torchvision.transforms.functional.adjust_sharpness.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import adjust_sharpness
    >>> adjust_sharpness(torch.eye(3).reshape(1, 3, 3), 0.0)[0, 1, 1]
    tensor(0.5385)
    """
    _factor("sharpness_factor", sharpness_factor)
    if is_pillow(checked_image(img)):
        return _pillow.enhance(img, "Sharpness", sharpness_factor)
    return _tensors.sharpened(img, sharpness_factor)


def posterize(img: Any, bits: int) -> Any:
    """Each value with its first `bits` bits only.

    Raises:
        ValueError: not from 0 to 8 bits.
        TypeError: a tensor of other than bytes.

    Follows torchvision.transforms.functional.posterize.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import posterize
    >>> posterize(torch.tensor([[[100, 200]]], dtype=torch.uint8), 2)
    tensor([[[ 64, 192]]], dtype=torch.uint8)
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    if is_pillow(checked_image(img)):
        return _pillow.changed(img, "posterize", bits)
    return _bytes("posterize", img) & (256 - (1 << (8 - bits)))


def _bytes(name: str, img: Any) -> Any:
    if img.dtype is not fg.uint8:
        raise TypeError(
            f"{name}: Only torch.uint8 image tensors are supported, but found {img.dtype}; "
            "convert_image_dtype(img, torch.uint8) makes one"
        )
    return img


def solarize(img: Any, threshold: float) -> Any:
    """Values from the threshold on inverted.

    Raises:
        TypeError: a threshold above white.

    Follows torchvision.transforms.functional.solarize.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import solarize
    >>> solarize(torch.tensor([[[0.25, 0.75]]]), 0.5)
    tensor([[[0.2500, 0.2500]]])
    """
    if is_pillow(checked_image(img)):
        return _pillow.changed(img, "solarize", threshold)
    if threshold > _tensors.white(img.dtype):
        raise TypeError(f"Threshold should be less than bound of img. Got {threshold}")
    return fg.where(img >= threshold, invert(img), img)


def autocontrast(img: Any) -> Any:
    """The darkest value of each channel becomes black, the brightest white.

    Follows torchvision.transforms.functional.autocontrast.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import autocontrast
    >>> autocontrast(torch.tensor([[[0.25, 0.5, 0.75]]]))
    tensor([[[0.0000, 0.5000, 1.0000]]])
    """
    if is_pillow(checked_image(img)):
        return _pillow.changed(img, "autocontrast")
    return _tensors.autocontrast(img)


def equalize(img: Any) -> Any:
    """Values such that each channel has as many dark as bright pixels.

    Raises:
        TypeError: a tensor of other than bytes.

    Follows torchvision.transforms.functional.equalize.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import equalize
    >>> equalize(torch.tensor([[[1, 2]]], dtype=torch.uint8))
    tensor([[[1, 2]]], dtype=torch.uint8)
    """
    if is_pillow(checked_image(img)):
        return _pillow.changed(img, "equalize")
    return _tensors.equalized(_bytes("equalize", img))


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
    if is_pillow(checked_image(img)):
        return to_pil_image(_tensors.blur(pil_to_tensor(img), sizes, sigmas), img.mode)
    return _tensors.blur(img, sizes, (sigmas[0], sigmas[-1]))
