"""Images from one form into another. Follows torchvision.transforms.functional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.vision.transforms import _pillow, _tensors
from fastgrad.vision.transforms._pillow import is_pillow
from fastgrad.vision.transforms.conversion import Normalize, ToTensor


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
