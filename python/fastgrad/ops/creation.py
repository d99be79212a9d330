"""New tensors."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.device import made_on, placed
from fastgrad.layout import check_layout, contiguous_format, preserve_format
from fastgrad.ops.exchange import from_cuda_array, is_cuda_array
from fastgrad.size import sizes_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import DType, Place, Sizes
    from fastgrad.layout import layout, memory_format
    from fastgrad.tensor import Tensor

__all__ = [
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "eye",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]


_get_default_dtype = _core.get_default_dtype


def finished(
    out: Tensor,
    requires_grad: bool,
    layout: layout | None,
    pin_memory: bool,
) -> Tensor:
    """The new tensor, when it can be how it was asked to be."""
    if layout is not None:
        check_layout(layout)
    if pin_memory:
        out = out.pin_memory()
    if requires_grad:
        out.requires_grad = True
    return out


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
    if not isinstance(data, (list, tuple, _core.TensorBase)) and is_cuda_array(data):
        data = from_cuda_array(data)
    if device is None and isinstance(data, _core.TensorBase) and data.get_device() >= 0:
        device = data.get_device()
    return finished(made_on(device, _core.tensor, data, dtype), requires_grad, None, pin_memory)


def empty(
    *args: Any,
    size: Sizes | None = None,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: memory_format = contiguous_format,
) -> Tensor:
    """A tensor of a shape with whatever the memory holds.

    Args:
        memory_format: in which order the elements lie in memory, e.g. ``channels_last``.

    Follows ``torch.empty``.

    >>> import fastgrad as torch
    >>> torch.empty(2, 3).shape
    torch.Size([2, 3])
    """
    sizes, kind = sizes_from(args, size, "size"), dtype or _get_default_dtype()
    if memory_format is contiguous_format:
        out = made_on(device, _core.empty, sizes, kind)
    else:
        order = memory_format.order_for(len(sizes))
        out = empty_permuted(sizes, order, dtype=kind, device=device)
    return finished(out, requires_grad, layout, pin_memory)


def full(
    size: Sizes,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of a shape filled with one number; its dtype is the number's unless told.

    Follows ``torch.full``.

    >>> import fastgrad as torch
    >>> torch.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    value = _number("full", fill_value)
    out = made_on(device, _core.full, size, value, dtype or _core.tensor(value, None).dtype)
    return finished(out, requires_grad, layout, pin_memory)


def _number(name: str, value: Any) -> Any:
    """The number to fill a tensor with; a tensor without dimensions counts as one."""
    if not isinstance(value, _core.TensorBase):
        return value
    if value.ndim > 0:
        raise TypeError(
            f"{name}(): argument 'fill_value' must be Number, not a Tensor with dimensions"
        )
    return value.item()


def zeros(
    *args: Any,
    size: Sizes | None = None,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of zeros. Follows ``torch.zeros``.

    >>> import fastgrad as torch
    >>> torch.zeros(2)
    tensor([0., 0.])
    """
    out = made_on(
        device, _core.full, sizes_from(args, size, "size"), 0, dtype or _get_default_dtype()
    )
    return finished(out, requires_grad, layout, pin_memory)


def ones(
    *args: Any,
    size: Sizes | None = None,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of ones. Follows ``torch.ones``.

    >>> import fastgrad as torch
    >>> torch.ones(2)
    tensor([1., 1.])
    """
    out = made_on(
        device, _core.full, sizes_from(args, size, "size"), 1, dtype or _get_default_dtype()
    )
    return finished(out, requires_grad, layout, pin_memory)


def empty_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """An uninitialised tensor of the shape and dtype of another.

    Args:
        memory_format: in which order the elements lie in memory: unless told, that of `input`.

    Follows ``torch.empty_like``.

    >>> import fastgrad as torch
    >>> torch.empty_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    out = _like(input, dtype, memory_format)
    return finished(placed(out, device), requires_grad, layout, pin_memory)


def _like(input: Tensor, dtype: DType | None, memory_format: memory_format) -> Tensor:
    """Memory for the shape of `input`."""
    if not isinstance(input, _core.TensorBase):
        raise TypeError(f"argument 'input' must be Tensor, not {type(input).__name__}")
    kind = dtype or input.dtype
    if memory_format is preserve_format:
        return _core.empty_in_order_of(input, kind)
    return empty(input.shape, dtype=kind, device=input.device, memory_format=memory_format)


def _filled_like(
    input: Tensor, value: Any, dtype: DType | None, memory_format: memory_format
) -> Tensor:
    if memory_format is preserve_format and isinstance(input, _core.TensorBase):
        return _core.full_like(input, value, dtype or input.dtype)
    model = _like(input, dtype, memory_format)
    return _core.full_like(model, value, model.dtype)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """One number in the shape and dtype of another tensor. Follows ``torch.full_like``.

    >>> import fastgrad as torch
    >>> torch.full_like(torch.zeros(2), 7)
    tensor([7., 7.])
    """
    out = _filled_like(input, _number("full_like", fill_value), dtype, memory_format)
    return finished(placed(out, device), requires_grad, layout, pin_memory)


def zeros_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Zeros in the shape and dtype of another tensor. Follows ``torch.zeros_like``.

    >>> import fastgrad as torch
    >>> torch.zeros_like(torch.tensor([5, 6]))
    tensor([0, 0])
    """
    out = _filled_like(input, 0, dtype, memory_format)
    return finished(placed(out, device), requires_grad, layout, pin_memory)


def ones_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Ones in the shape and dtype of another tensor. Follows ``torch.ones_like``.

    >>> import fastgrad as torch
    >>> torch.ones_like(torch.tensor([5, 6]))
    tensor([1, 1])
    """
    out = _filled_like(input, 1, dtype, memory_format)
    return finished(placed(out, device), requires_grad, layout, pin_memory)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The n x m matrix with ones on the diagonal. Follows ``torch.eye``.

    >>> import fastgrad as torch
    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    out = made_on(device, _core.eye, n, n if m is None else m, dtype or _get_default_dtype())
    return finished(out, requires_grad, layout, pin_memory)


def scalar_tensor(
    s: Any,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A number as a tensor without dimensions, of the default dtype unless told.

    Follows ``torch.scalar_tensor``.

    >>> import fastgrad as torch
    >>> torch.scalar_tensor(3)
    tensor(3.)
    """
    out = made_on(device, _core.full, (), s, dtype or _get_default_dtype())
    return finished(out, requires_grad, layout, pin_memory)


def empty_strided(
    size: Sizes,
    stride: Sizes,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """An uninitialised tensor with the given sizes and strides.

    Raises:
        RuntimeError: a size or a stride is negative, or there are not as many of both.

    Follows ``torch.empty_strided``.

    >>> import fastgrad as torch
    >>> torch.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    out = made_on(device, _core.empty_strided, size, stride, dtype or _get_default_dtype())
    return finished(out, requires_grad, layout, pin_memory)


def empty_permuted(
    size: Sizes,
    physical_layout: Sizes,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """An uninitialised tensor whose dimensions lie in memory in the given order, outermost first.

    Raises:
        RuntimeError: `physical_layout` does not name each dimension once.

    Follows ``torch.empty_permuted``.

    >>> import fastgrad as torch
    >>> torch.empty_permuted((2, 3, 4), (2, 0, 1)).stride()
    (3, 1, 6)
    """
    if sorted(physical_layout) != list(range(len(size))):
        raise RuntimeError(
            f"empty_permuted: physical_layout {physical_layout} must name each of the {len(size)} "
            "dimensions once, counted from the front"
        )
    strides = [0] * len(size)
    step = 1
    for dim in reversed(physical_layout):
        strides[dim] = step
        step *= max(size[dim], 1)
    out = made_on(device, _core.empty_strided, size, strides, dtype or _get_default_dtype())
    return finished(out, requires_grad, layout, pin_memory)
