"""``Tensor.new_*``: new tensors of the dtype of another one, where it is."""

from __future__ import annotations

from fastgrad.ops.creation import empty, empty_strided, full, ones, tensor, zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import DType, Sizes
    from fastgrad.tensor import Tensor


def _like(self: Tensor, dtype: DType | None, options: dict[str, Any]) -> dict[str, Any]:
    """What a new tensor takes over from `self` unless it is told."""
    place = {} if self.get_device() < 0 else {"device": self.device}
    return {"dtype": dtype or self.dtype, **place, **options}


def new_tensor(self: Tensor, data: Any, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """A tensor of the data. Follows ``torch.Tensor.new_tensor``.

    >>> import fastgrad as torch
    >>> torch.zeros(2).new_tensor([1, 2])
    tensor([1., 2.])
    """
    return tensor(data, **_like(self, dtype, options))


def new_full(
    self: Tensor, size: Sizes, fill_value: Any, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """A tensor of a shape filled with one number. Follows ``torch.Tensor.new_full``.

    >>> import fastgrad as torch
    >>> torch.zeros(2).new_full((3,), 5)
    tensor([5., 5., 5.])
    """
    return full(size, fill_value, **_like(self, dtype, options))


def new_empty_strided(
    self: Tensor, size: Sizes, stride: Sizes, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """An uninitialised tensor with the given strides. Follows ``torch.Tensor.new_empty_strided``.

    >>> import fastgrad as torch
    >>> torch.zeros(2).new_empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    return empty_strided(size, stride, **_like(self, dtype, options))


def new_empty(self: Tensor, *size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """An uninitialised tensor of a shape. Follows ``torch.Tensor.new_empty``.

    >>> import fastgrad as torch
    >>> torch.zeros(2).new_empty(2, 3).shape
    torch.Size([2, 3])
    """
    return empty(*size, **_like(self, dtype, options))


def new_zeros(self: Tensor, *size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """Zeros in a shape. Follows ``torch.Tensor.new_zeros``.

    >>> import fastgrad as torch
    >>> torch.tensor([1, 2]).new_zeros(3)
    tensor([0, 0, 0])
    """
    return zeros(*size, **_like(self, dtype, options))


def new_ones(self: Tensor, *size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """Ones in a shape. Follows ``torch.Tensor.new_ones``.

    >>> import fastgrad as torch
    >>> torch.tensor([1, 2]).new_ones(3)
    tensor([1, 1, 1])
    """
    return ones(*size, **_like(self, dtype, options))
