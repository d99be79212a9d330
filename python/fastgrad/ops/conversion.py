"""Copies and changes of dtype, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.device import check_device
from fastgrad.device import device as _device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import DType
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "clone",
    "detach",
]


def clone(input: Tensor, *, memory_format: object = None) -> Tensor:
    """A copy with memory of its own, in row-major order. Follows ``torch.clone``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1, 2])
    >>> torch.clone(x).data_ptr() == x.data_ptr()
    False
    """
    out = _core.clone(input)
    if out.requires_grad:
        record(out, clone_vjp, _core.edges(input))
    return out


def clone_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)


def contiguous(input: Tensor) -> Tensor:
    """The tensor itself when its elements lie in row-major order, else a copy for which they do."""
    return input if input.is_contiguous() else clone(input)


def cast(input: Tensor, dtype: DType) -> Tensor:
    """A copy with another element type."""
    out = _core.cast(input, dtype)
    if out.requires_grad:
        record(out, to_copy_vjp, _core.edges(input))
    return out


def to_copy_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)  # the engine converts it to the input's dtype


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor with another dtype or on another device; itself when nothing changes.

    Takes a dtype, a device, a device and a dtype, or a tensor to be like, and `copy=True`.
    Follows ``torch.Tensor.to``.

    >>> import fastgrad as torch
    >>> torch.ones(2).to(torch.int64)
    tensor([1, 1])
    """
    dtype, copy = _wanted(args, kwargs)
    if dtype is None or dtype is input.dtype:
        return clone(input) if copy else input
    return cast(input, dtype)


def _wanted(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, bool]:
    """The dtype asked for, if any, and whether to copy anyway. Devices are checked."""
    dtype = kwargs.pop("dtype", None)
    copy = bool(kwargs.pop("copy", False))
    kwargs.pop("non_blocking", None)  # nothing is asynchronous on the CPU
    places = [kwargs.pop("device", None)]
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    for arg in args:
        if isinstance(arg, _core.TensorBase):
            dtype = arg.dtype
        elif isinstance(arg, (str, int, _device)) and not isinstance(arg, bool):
            places.append(arg)
        elif not isinstance(arg, bool) and arg is not None:
            dtype = arg
    for place in places:
        check_device(place)
    return dtype, copy


def detach(input: Tensor) -> Tensor:
    """The same memory outside the graph: changes are seen by both, gradients do not pass.

    Follows ``torch.detach``.

    >>> import fastgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> (x * 2).detach().requires_grad
    False
    """
    return _core.detach(input)
