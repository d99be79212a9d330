"""From images to normalised float tensors. Follows torchvision.transforms.

The transforms also take the raw form in which the datasets of this package keep an image, a uint8
tensor [H, W], and `ToTensor`, `Normalize` and their `Compose` work on a whole batch at once.
"""

from collections.abc import Sequence
from typing import Any

import fastgrad
from fastgrad.tensor import Tensor
from fastgrad.vision.transforms._pillow import is_pillow


class ToTensor:
    """Turns an image into a float32 tensor [C, H, W] with values from 0 to 1.

    Takes a Pillow image, a NumPy array [H, W] or [H, W, C], or a uint8 tensor [H, W]. uint8 values
    are divided by 255; arrays and images of other dtypes keep their values and dtype.

    Raises:
        TypeError: something else than an image.
        ValueError: an array that has not 2 or 3 dimensions.

    Follows torchvision.transforms.ToTensor.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import ToTensor
    >>> ToTensor()(torch.tensor([[0, 51], [102, 255]], dtype=torch.uint8))
    tensor([[[0.0000, 0.2000],
             [0.4000, 1.0000]]])
    """

    def __call__(self, pic: Any) -> Tensor:
        if isinstance(pic, Tensor):
            return self._scale(_checked_raw(pic, dims=2)).unsqueeze(0)
        array = _image_array(pic)
        if array.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
        planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
        image = fastgrad.from_numpy(planes.copy())
        return self._scale(image) if image.dtype == fastgrad.uint8 else image

    def stack(self, images: Tensor) -> Tensor:
        """The same for N raw images at once.

        uint8 [N, H, W] to float32 [N, 1, H, W]; [N, H, W, C] to [N, C, H, W].
        """
        if images.dim() == 4:
            planes = _checked_raw(images, dims=4).permute(0, 3, 1, 2)
            return self._scale(planes.contiguous())
        return self._scale(_checked_raw(images, dims=3)).unsqueeze(1)

    @staticmethod
    def _scale(image: Tensor) -> Tensor:
        scaled: Tensor = image.to(fastgrad.float32).div_(255)
        return scaled

    def __repr__(self) -> str:
        return "ToTensor()"


def _checked_raw(image: Tensor, dims: int) -> Tensor:
    if image.dtype != fastgrad.uint8 or len(image.shape) != dims:
        raise TypeError(
            "pic should be a PIL Image, an ndarray or a uint8 tensor [H, W]. Got a tensor of dtype "
            f"{image.dtype} and shape {list(image.shape)}; is ToTensor applied twice?"
        )
    return image


def _image_array(pic: Any) -> Any:
    import numpy

    if isinstance(pic, numpy.ndarray):
        return pic
    if not is_pillow(pic):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    # Pillow gives the two values of a black-and-white image as bool, "L" as 0 and 255.
    return numpy.asarray(pic.convert("L") if pic.mode == "1" else pic)


class Normalize:
    """Subtracts a mean and divides by a standard deviation, for each channel.

    Takes a float tensor [..., C, H, W].

    Args:
        mean, std: one number for each channel, or one for all.
        inplace: change the tensor that is given instead of making a new one.

    Raises:
        TypeError: not a float tensor.
        ValueError: fewer than 3 dimensions, or a std of 0.
        RuntimeError: the numbers of channels differ.

    Follows torchvision.transforms.Normalize.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import Normalize
    >>> Normalize(mean=[0.5], std=[0.25])(torch.tensor([[[0.0, 0.5, 1.0]]]))
    tensor([[[-2.,  0.,  2.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def __call__(self, tensor: Tensor) -> Tensor:
        _check_normalizable(tensor)
        mean = _per_channel("mean", self.mean, tensor)
        std = _per_channel("std", self.std, tensor)
        if bool((std == 0).any()):
            raise ValueError(f"std is {self.std}: a std of 0 leads to division by zero")
        centred = tensor.sub_(mean) if self.inplace else tensor - mean
        normalized: Tensor = centred.div_(std)
        return normalized

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


def _check_normalizable(tensor: object) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"Input tensor should be a torch tensor. Got {type(tensor)}; apply ToTensor() first"
        )
    if not tensor.is_floating_point():
        raise TypeError(
            f"Input tensor should be a float tensor. Got {tensor.dtype}; apply ToTensor() first"
        )
    if len(tensor.shape) < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). "
            f"Got tensor.size() = {list(tensor.shape)}"
        )


def _per_channel(name: str, values: Sequence[float] | float, image: Tensor) -> Tensor:
    channels = fastgrad.as_tensor(values, dtype=image.dtype).reshape(-1, 1, 1)
    if channels.shape[0] not in (1, image.shape[-3]):
        raise RuntimeError(
            f"Normalize: {name} has {channels.shape[0]} values, the image has {image.shape[-3]} "
            f"channels (shape {list(image.shape)}); give one value for each channel"
        )
    return channels


class PILToTensor:
    """Turns a Pillow image into a tensor [C, H, W] with its own values and dtype.

    Raises:
        TypeError: no Pillow image.

    Follows torchvision.transforms.PILToTensor.

    >>> from fastgrad.vision.transforms import PILToTensor
    >>> PILToTensor()
    PILToTensor()
    """

    def __call__(self, pic: Any) -> Tensor:
        from fastgrad.vision.transforms.functional import pil_to_tensor

        return pil_to_tensor(pic)

    def __repr__(self) -> str:
        return "PILToTensor()"


class ToPILImage:
    """Turns a tensor [C, H, W] or an array [H, W, C] into a Pillow image.

    Args:
        mode: Pillow's name of the kind of image; by default it follows from the channels.

    Raises:
        TypeError, ValueError: no image, or none of that mode.

    Follows torchvision.transforms.ToPILImage.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import ToPILImage
    >>> ToPILImage()(torch.zeros(3, 2, 4)).size
    (4, 2)
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        from fastgrad.vision.transforms.functional import to_pil_image

        return to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"ToPILImage({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype:
    """Changes the dtype of an image, and its values so that white stays white.

    White is 1 for floats and the largest number for integers.

    Follows torchvision.transforms.ConvertImageDtype.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import ConvertImageDtype
    >>> ConvertImageDtype(torch.uint8)(torch.tensor([[[0.0, 0.5, 1.0]]]))
    tensor([[[  0, 127, 255]]], dtype=torch.uint8)
    """

    def __init__(self, dtype: fastgrad.dtype) -> None:
        self.dtype = dtype

    def __call__(self, image: Tensor) -> Tensor:
        from fastgrad.vision.transforms.functional import convert_image_dtype

        return convert_image_dtype(image, self.dtype)

    def __repr__(self) -> str:
        return "ConvertImageDtype()"
