"""Questions about tensors and dtypes that need no look at the elements."""

from __future__ import annotations

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeGuard

    from fastgrad._types import DType
    from fastgrad.tensor import Tensor

__all__ = [
    "can_cast",
    "is_floating_point",
    "is_inference",
    "is_storage",
    "is_tensor",
    "numel",
]


def is_tensor(obj: object) -> TypeGuard[Tensor]:
    """Whether the object is a Tensor. Follows ``torch.is_tensor``.

    >>> import fastgrad as torch
    >>> torch.is_tensor(torch.ones(2)), torch.is_tensor([1.0, 1.0])
    (True, False)
    """
    return isinstance(obj, _core.TensorBase)


def is_storage(obj: object) -> bool:
    """Whether the object is a storage: never, memory is reached through tensors only.

    Follows ``torch.is_storage``.

    >>> import fastgrad as torch
    >>> torch.is_storage(torch.ones(2))
    False
    """
    return False


def _dtype_of(input: Tensor) -> _core.dtype:
    if not isinstance(input, _core.TensorBase):
        raise TypeError(f"argument 'input' must be Tensor, not {type(input).__name__}")
    return input.dtype


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are floats. Follows ``torch.is_floating_point``.

    >>> import fastgrad as torch
    >>> torch.is_floating_point(torch.tensor([1, 2]))
    False
    """
    return _dtype_of(input).is_floating_point


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode. Follows ``torch.is_inference``.

    >>> import fastgrad as torch
    >>> torch.is_inference(torch.tensor([1.0]))
    False
    """
    return input.is_inference()


def numel(input: Tensor) -> int:
    """The number of elements. Follows ``torch.numel``.

    >>> import fastgrad as torch
    >>> torch.numel(torch.zeros(2, 3))
    6
    """
    _dtype_of(input)
    return input.numel()


def can_cast(from_: DType, to: DType) -> bool:
    """Whether values of one dtype may become another's: not from floats to integers to bool.

    Follows ``torch.can_cast``.

    >>> import fastgrad as torch
    >>> torch.can_cast(torch.float64, torch.float32), torch.can_cast(torch.float32, torch.int64)
    (True, False)
    """
    return _category(from_) <= _category(to)


def _category(given: DType) -> int:
    """The place among bool < integer < float."""
    dtype = _core.promote_types(given, given)  # of Python's types, the dtype
    return 2 if dtype.is_floating_point else 0 if dtype is _core.bool else 1
