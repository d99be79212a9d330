"""From images to normalised float tensors. Follows torchvision.transforms.

The transforms also take the raw form in which the datasets of this package keep an image, a uint8
tensor [H, W], and `ToTensor`, `Normalize` and their `Compose` work on a whole batch at once.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import fastgrad
from fastgrad.tensor import Tensor

__all__ = ["Compose", "Lambda", "Normalize", "ToTensor"]


class Compose:
    """Applies transforms one after the other.

    Args:
        transforms: callables; each takes what the one before returned.

    Follows torchvision.transforms.Compose.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import Compose, Lambda, ToTensor
    >>> to_column = Compose([ToTensor(), Lambda(lambda image: image.reshape(-1, 1))])
    >>> to_column(torch.full((1, 2), 255, dtype=torch.uint8))
    tensor([[1.],
            [1.]])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"Compose({lines}\n)"


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
        """The same for N raw images at once: uint8 [N, H, W] to float32 [N, 1, H, W]."""
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
    pillow = sys.modules.get("PIL.Image")
    if pillow is None or not isinstance(pic, pillow.Image):
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


class Lambda:
    """Applies a function of your own.

    Raises:
        TypeError: `lambd` cannot be called.

    Follows torchvision.transforms.Lambda.

    >>> from fastgrad.vision.transforms import Lambda
    >>> Lambda(lambda x: x + 1)(1)
    2
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd)}")
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)

    def __repr__(self) -> str:
        return "Lambda()"


def takes_raw(transform: object) -> bool:
    """Whether the transform accepts a raw uint8 tensor [H, W], so that no Pillow image is needed.

    Exact types, here and below: a subclass may have changed what the transform does.
    """
    if type(transform) is Compose:
        return bool(transform.transforms) and takes_raw(transform.transforms[0])
    return type(transform) is ToTensor


def batched(transform: object) -> Callable[[Tensor], Tensor] | None:
    """The transform for a whole uint8 stack [N, H, W] at once, or None when it has no such form."""
    if not takes_raw(transform):
        return None
    steps = transform.transforms if type(transform) is Compose else [transform]
    forms = [_batched_step(step) for step in steps]
    return None if None in forms else Compose(forms)  # type: ignore[arg-type]


def _batched_step(step: object) -> Callable[[Any], Any] | None:
    if type(step) is ToTensor:
        return step.stack
    return step if type(step) is Normalize else None
