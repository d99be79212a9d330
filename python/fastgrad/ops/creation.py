"""New tensors."""

from __future__ import annotations

from math import ceil

from fastgrad import _core
from fastgrad.device import check_device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Dims, DType, Place
    from fastgrad.tensor import Tensor

__all__ = [
    "arange",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "tensor",
    "zeros",
    "zeros_like",
]


_get_default_dtype = _core.get_default_dtype


def _finished(out: Tensor, requires_grad: bool, device: Place | None) -> Tensor:
    if device is not None:
        check_device(device)
    if requires_grad:
        out.requires_grad = True
    return out


def _sizes(size: tuple[Any, ...]) -> Any:
    return size[0] if len(size) == 1 and not hasattr(size[0], "__index__") else size


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
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
    return _finished(_core.tensor(data, dtype), requires_grad, device)


def empty(
    *size: Any, dtype: DType | None = None, device: Place | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of a shape with whatever the memory holds. Follows ``torch.empty``.

    >>> import fastgrad as torch
    >>> torch.empty(2, 3).shape
    torch.Size([2, 3])
    """
    out = _core.empty(_sizes(size), dtype or _get_default_dtype())
    return _finished(out, requires_grad, device)


def full(
    size: Dims,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of a shape filled with one number; its dtype is the number's unless told.

    Follows ``torch.full``.

    >>> import fastgrad as torch
    >>> torch.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    if isinstance(fill_value, _core.TensorBase):
        fill_value = fill_value.item()
    out = _core.full(size, fill_value, dtype or _core.tensor(fill_value, None).dtype)
    return _finished(out, requires_grad, device)


def zeros(
    *size: Any, dtype: DType | None = None, device: Place | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of zeros.

    >>> import fastgrad as torch
    >>> torch.zeros(2, 2)
    tensor([[0., 0.],
            [0., 0.]])
    """
    out = _core.full(_sizes(size), 0, dtype or _get_default_dtype())
    return _finished(out, requires_grad, device)


def ones(
    *size: Any, dtype: DType | None = None, device: Place | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of ones. Follows ``torch.ones``.

    >>> import fastgrad as torch
    >>> torch.ones(2)
    tensor([1., 1.])
    """
    out = _core.full(_sizes(size), 1, dtype or _get_default_dtype())
    return _finished(out, requires_grad, device)


def empty_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """An uninitialised tensor of the shape, dtype and memory order of another.

    Follows ``torch.empty_like``.

    >>> import fastgrad as torch
    >>> torch.empty_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    return _finished(_core.empty_in_order_of(input, dtype or input.dtype), requires_grad, device)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """One number in the shape and dtype of another tensor. Follows ``torch.full_like``.

    >>> import fastgrad as torch
    >>> torch.full_like(torch.zeros(2), 7)
    tensor([7., 7.])
    """
    return _finished(
        _core.full(input.shape, fill_value, dtype or input.dtype), requires_grad, device
    )


def zeros_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Zeros in the shape and dtype of another tensor. Follows ``torch.zeros_like``.

    >>> import fastgrad as torch
    >>> torch.zeros_like(torch.tensor([5, 6]))
    tensor([0, 0])
    """
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones in the shape and dtype of another tensor. Follows ``torch.ones_like``.

    >>> import fastgrad as torch
    >>> torch.ones_like(torch.tensor([5, 6]))
    tensor([1, 1])
    """
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... below end (arange(end) starts at 0). int64 for integers.

    Raises:
        RuntimeError: `step` is 0, or leads away from `end`.

    Follows ``torch.arange``.

    >>> import fastgrad as torch
    >>> torch.arange(1, 7, 2)
    tensor([1, 3, 5])
    """
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("arange: step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("arange: upper bound and lower bound inconsistent with step sign")
    whole = all(isinstance(value, int) for value in (start, end, step))
    kind = dtype or (_core.int64 if whole else _get_default_dtype())
    n = -((start - end) // step) if whole else ceil((end - start) / step)
    return _finished(_core.arange(start, step, n, kind), requires_grad, device)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from start to end, both included, at equal distances.

    Raises:
        RuntimeError: `steps` is negative.

    Follows ``torch.linspace``.

    >>> import fastgrad as torch
    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    out = _core.linspace(start, end, steps, dtype or _get_default_dtype())
    return _finished(out, requires_grad, device)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The n x m matrix with ones on the diagonal. Follows ``torch.eye``.

    >>> import fastgrad as torch
    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    out = _core.eye(n, n if m is None else m, dtype or _get_default_dtype())
    return _finished(out, requires_grad, device)
