"""Changing the dtype or device of a module's tensors in place."""

from collections.abc import Callable
from typing import Any

from .. import Tensor, no_grad
from .. import dtype as dtype_class
from .parameter import Parameter

Conversion = Callable[[Tensor], Tensor]


def conversion(
    device: Any = None,
    dtype: Any = None,
    non_blocking: bool = False,
    tensor: Tensor | None = None,
) -> Conversion:
    """The function that `Module.to` applies to each tensor; integer tensors keep their dtype.

    Args:
        device: a device; or in its place a dtype, or a tensor to match in both.
        dtype: a floating-point dtype.
        non_blocking: passed on to `Tensor.to`.
        tensor: a tensor to match in device and dtype.

    Raises:
        TypeError: the dtype is not floating point.
    """
    if isinstance(device, Tensor):
        device, tensor = None, device
    if isinstance(device, dtype_class):
        device, dtype = None, device
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    if dtype is not None and not dtype.is_floating_point:
        raise TypeError(
            "nn.Module.to only accepts floating-point dtypes,"
            f" but got desired dtype={dtype}; use float32 or float64"
        )
    options = {"device": device} if device is not None else {}
    if non_blocking:
        options["non_blocking"] = True

    def convert(value: Tensor) -> Tensor:
        if dtype is not None and value.is_floating_point():
            return value.to(dtype=dtype, **options)
        return value.to(**options) if options else value

    return convert


def floating(dtype: Any) -> Conversion:
    """The function that converts floating-point tensors to `dtype` and leaves others alone."""
    return lambda value: value.to(dtype) if value.is_floating_point() else value


def convert_parameter(parameter: Parameter, convert: Conversion) -> None:
    """Change the values of a parameter and of its gradient; optimizers still know the object."""
    with no_grad():
        converted = convert(parameter)
        if converted is parameter:
            return
        gradient = parameter.grad
        parameter.data = converted
        if gradient is not None:
            parameter.grad = convert(gradient)
