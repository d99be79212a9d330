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
    "is_complex",
    "is_conj",
    "is_floating_point",
    "is_inference",
    "is_neg",
    "is_nonzero",
    "is_same_size",
    "is_signed",
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


def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex: no dtype's are. Follows ``torch.is_complex``.

    >>> import fastgrad as torch
    >>> torch.is_complex(torch.tensor([1.0]))
    False
    """
    return _dtype_of(input).is_complex


def is_signed(input: Tensor) -> bool:
    """Whether the elements can be negative. Follows ``torch.is_signed``.

    >>> import fastgrad as torch
    >>> torch.is_signed(torch.tensor([True]))
    False
    """
    return _dtype_of(input).is_signed


def is_conj(input: Tensor) -> bool:
    """Whether the tensor shows conjugates of its memory: none does. Follows ``torch.is_conj``.

    >>> import fastgrad as torch
    >>> torch.is_conj(torch.tensor([1.0]))
    False
    """
    return _dtype_of(input).is_complex


def is_neg(input: Tensor) -> bool:
    """Whether the tensor shows its memory negated: none does. Follows ``torch.is_neg``.

    >>> import fastgrad as torch
    >>> torch.is_neg(torch.tensor([1.0]))
    False
    """
    return _dtype_of(input).is_complex


def is_inference(input: Tensor) -> bool:
    """Whether the tensor may never be recorded: that holds of none. Follows ``torch.is_inference``.

    >>> import fastgrad as torch
    >>> torch.is_inference(torch.tensor([1.0]))
    False
    """
    return _dtype_of(input).is_complex


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not 0.

    Raises:
        RuntimeError: there is not exactly one element.

    Follows ``torch.is_nonzero``.

    >>> import fastgrad as torch
    >>> torch.is_nonzero(torch.tensor([1.5]))
    True
    """
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape. Follows ``torch.is_same_size``.

    >>> import fastgrad as torch
    >>> torch.is_same_size(torch.ones(2), torch.ones(3))
    False
    """
    return input.shape == other.shape


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
