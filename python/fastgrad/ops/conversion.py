"""Copies and changes of dtype, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.device import device as _device
from fastgrad.device import index_of
from fastgrad.layout import contiguous_format, preserve_format
from fastgrad.ops.transposition import permute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, overload

    from fastgrad._types import DType
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.layout import memory_format
    from fastgrad.tensor import Tensor

__all__ = [
    "clone",
    "detach",
]


def clone(input: Tensor, *, memory_format: memory_format | None = None) -> Tensor:
    """A copy with memory of its own, its elements in the same order there.

    Args:
        memory_format: ``contiguous_format`` for row-major order, or ``channels_last``.

    Follows ``torch.clone``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1, 2])
    >>> torch.clone(x).data_ptr() == x.data_ptr()
    False
    """
    if memory_format is None or memory_format is preserve_format:
        out = _core.cast(input, input.dtype)
    elif memory_format is contiguous_format:
        out = _core.clone(input)
    else:
        return _laid_out(input, memory_format)
    if out.requires_grad:
        record(out, clone_vjp, _core.edges(input))
    return out


def clone_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)


_is_contiguous = _core.TensorBase.is_contiguous


def is_contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> bool:
    """Whether the elements lie without gaps in row-major order, or in that of `memory_format`.

    Follows ``torch.Tensor.is_contiguous``.

    >>> import fastgrad as torch
    >>> torch.zeros(2, 3).t().is_contiguous()
    False
    """
    if memory_format.order is None:
        return _is_contiguous(input)
    if len(memory_format.order) != input.ndim:
        return False
    return _is_contiguous(_core.permute(input, memory_format.order))


def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """The tensor itself when its elements lie in row-major order, else a copy for which they do.

    Args:
        memory_format: the order that is wanted instead, e.g. ``channels_last``.

    Raises:
        RuntimeError: the memory format is for another number of dimensions.

    Follows ``torch.Tensor.contiguous``.

    >>> import fastgrad as torch
    >>> torch.zeros(2, 3).t().contiguous().stride()
    (2, 1)
    """
    if memory_format.order is not None:
        return input if is_contiguous(input, memory_format) else _laid_out(input, memory_format)
    if memory_format is preserve_format and not _is_contiguous(input):
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    return input if _is_contiguous(input) else clone(input, memory_format=contiguous_format)


def _laid_out(input: Tensor, memory_format: memory_format) -> Tensor:
    """A copy whose elements lie in the order of the memory format."""
    order = memory_format.order_for(input.ndim)
    copy = clone(permute(input, order), memory_format=contiguous_format)
    return permute(copy, [order.index(d) for d in range(input.ndim)])


def cast(input: Tensor, dtype: DType) -> Tensor:
    """A copy with another element type, its elements in the same order in memory."""
    out = _core.cast(input, dtype)
    if out.requires_grad:
        record(out, to_copy_vjp, _core.edges(input))
    return out


def to_copy_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)  # the engine converts it to the input's dtype


def as_dtype(input: Tensor, dtype: DType, memory_format: memory_format | None = None) -> Tensor:
    """The tensor itself when it has the dtype already, else a copy that has."""
    out = input if dtype is input.dtype else cast(input, dtype)
    if memory_format is None or memory_format is preserve_format or out is input:
        return out
    return contiguous(out, memory_format)


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor with another dtype or on another device; itself when nothing changes.

    Takes a dtype, a device, a device and a dtype, or a tensor to be like; `copy=True` and
    `memory_format`.

    Follows ``torch.Tensor.to``.

    >>> import fastgrad as torch
    >>> torch.ones(2).to(torch.int64)
    tensor([1, 1])
    """
    dtype, place, copy, without_waiting, memory_format = _wanted(args, kwargs)
    out = input if dtype is None else as_dtype(input, dtype)
    if place is not None:
        out = on_device(out, index_of(place), without_waiting)
    if memory_format is not None and memory_format is not preserve_format:
        out = contiguous(out, memory_format)
    return clone(out) if copy and out is input else out


def on_device(input: Tensor, index: int, non_blocking: bool = False) -> Tensor:
    """The tensor on the CUDA device of that number (-1: the CPU); itself when it is there.

    Args:
        non_blocking: do not wait for the copy where the host's side is pinned memory.
    """
    before = input.get_device()
    if before == index:
        return input
    out = _core.to_device(input, index, non_blocking)
    if out.requires_grad:
        record(out, on_device_vjp, _core.edges(input), (before,))
    return out


def on_device_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (on_device(grad, *saved),)


def _wanted(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Any, bool, bool, memory_format | None]:
    """The dtype and the device asked for, if any, copy, non_blocking, and the format."""
    dtype, place = kwargs.pop("dtype", None), kwargs.pop("device", None)
    copy = bool(kwargs.pop("copy", False))
    without_waiting = bool(kwargs.pop("non_blocking", False))
    memory_format = kwargs.pop("memory_format", None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    flags = [arg for arg in args if isinstance(arg, bool)]  # non_blocking and copy, by position
    for arg in args:
        if isinstance(arg, _core.TensorBase):
            dtype, place = arg.dtype, arg.device  # type: ignore[attr-defined]
        elif isinstance(arg, (str, int, _device)) and not isinstance(arg, bool):
            place = arg
        elif not isinstance(arg, bool) and arg is not None:
            dtype = arg
    copy = copy or (len(flags) > 1 and flags[1])
    return dtype, place, copy, without_waiting or flags[:1] == [True], memory_format


_TYPE_NAMES = {
    "bool": "BoolTensor",
    "uint8": "ByteTensor",
    "int8": "CharTensor",
    "int16": "ShortTensor",
    "int32": "IntTensor",
    "int64": "LongTensor",
    "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor",
    "float32": "FloatTensor",
    "float64": "DoubleTensor",
}


def type_name(dtype: _core.dtype) -> str:
    """PyTorch's old name for tensors of a dtype, e.g. ``FloatTensor``."""
    return _TYPE_NAMES[str(dtype).removeprefix("torch.")]


def dtype_of_type(name: str) -> _core.dtype:
    """The dtype of such a name, e.g. ``torch.FloatTensor``; ValueError for another name."""
    for dtype, known in _TYPE_NAMES.items():
        if name == f"torch.{known}" and hasattr(_core, dtype):
            found: _core.dtype = getattr(_core, dtype)
            return found
    raise ValueError(f"invalid type: '{name}'; use a dtype such as torch.float32")


if TYPE_CHECKING:

    @overload
    def type(input: Tensor) -> str: ...
    @overload
    def type(input: Tensor, dtype: Any, non_blocking: bool = False) -> Tensor: ...


def type(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> str | Tensor:
    """PyTorch's old name of the tensor's type; with a dtype or such a name, the tensor as that.

    Raises:
        ValueError: no type has that name.

    Follows ``torch.Tensor.type``.

    >>> import fastgrad as torch
    >>> torch.ones(2).type()
    'torch.FloatTensor'
    >>> torch.ones(2).type(torch.int64)
    tensor([1, 1])
    """
    if dtype is None:
        return f"torch.{type_name(input.dtype)}"
    if isinstance(dtype, str):
        dtype = dtype_of_type(dtype)
    elif not isinstance(dtype, _core.dtype):  # one of PyTorch's old classes, e.g. FloatTensor
        dtype = getattr(dtype, "dtype", None)
        if dtype is None:
            raise ValueError(
                "type() takes a dtype, or the name of a type such as 'torch.FloatTensor'"
            )
    return as_dtype(input, dtype)


def detach(input: Tensor) -> Tensor:
    """The same memory outside the graph: changes are seen by both, gradients do not pass.

    Follows ``torch.detach``.

    >>> import fastgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> (x * 2).detach().requires_grad
    False
    """
    return _core.cut(input)
