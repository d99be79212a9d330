"""Tensors of data from outside: Python's numbers and sequences, and arrays."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.device import check_device
from fastgrad.ops.creation import finished

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import DType, Place
    from fastgrad.tensor import Tensor

__all__ = ["as_tensor", "asarray", "from_numpy", "tensor"]


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor with a copy of the data.

    Args:
        data: a number, nested sequences of numbers, a tensor, or an array (anything with the
            buffer protocol, NumPy's arrays among it).
        dtype: the element type; unless told, that of an array, or for Python numbers bool, int64
            or the default floating-point type.
        requires_grad: whether operations on the tensor are recorded.

    Raises:
        ValueError: the sequences are ragged.
        TypeError: an element is no number.

    Follows ``torch.tensor``.

    >>> import fastgrad as torch
    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    return finished(_core.tensor(data, dtype), requires_grad, device, None, pin_memory)


def as_tensor(data: Any, dtype: DType | None = None, device: Place | None = None) -> Tensor:
    """The data as a tensor: itself if it is one, on the same memory if it is an array, else a copy.

    Raises:
        TypeError: the data has elements that are no numbers.

    Follows ``torch.as_tensor``.

    >>> import fastgrad as torch
    >>> torch.as_tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    check_device(device)
    if isinstance(data, _core.TensorBase):
        # Every TensorBase is a Tensor.
        return data if dtype is None else data.to(dtype)  # type: ignore[attr-defined, return-value]
    if not isinstance(data, (list, tuple, int, float, bytes)) and hasattr(data, "__array__"):
        shared = from_numpy(data) if data.ndim else _core.tensor(data, None)
        return shared if dtype is None else shared.to(dtype)
    return _core.tensor(data, dtype)


def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """The data as a tensor, on the same memory where that is possible.

    Args:
        copy: True for a copy in any case, False for an error where the memory cannot be shared.
        requires_grad: whether operations on the result are recorded (unless told, as for `obj`).

    Raises:
        ValueError: `copy` is False and a copy would be needed.

    Follows ``torch.asarray``.

    >>> import fastgrad as torch
    >>> torch.asarray([1.0, 2.0])
    tensor([1., 2.])
    """
    can_share = isinstance(obj, _core.TensorBase) or hasattr(obj, "__array__")
    if copy is False and not can_share:
        raise ValueError(
            "asarray: can't alias arbitrary sequence into a tensor; leave out copy=False"
        )
    source = as_tensor(obj, None, device)
    out = as_tensor(source, dtype)
    if copy is False and out is not source:
        raise ValueError(
            f"asarray: can't alias tensor with dtype {source.dtype} into dtype {out.dtype}; leave "
            "out copy=False"
        )
    if copy and can_share and out is source:
        out = out.clone()
    if requires_grad is not None and out.requires_grad is not requires_grad:
        out = out.detach().requires_grad_(requires_grad)
    return out


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on the memory of a NumPy array: a change of one is a change of the other.

    Raises:
        TypeError: not an array, or an element type without a tensor type.
        ValueError: negative strides, or memory that is not aligned.

    >>> import fastgrad as torch, numpy as np
    >>> torch.from_numpy(np.array([1.0, 2.0]))
    tensor([1., 2.], dtype=torch.float64)
    """
    if not hasattr(ndarray, "__array_interface__") or not hasattr(ndarray, "flags"):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return _core.from_buffer(ndarray)
