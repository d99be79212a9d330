"""Regular sequences of numbers, and the index pairs of triangles."""

from __future__ import annotations

from math import ceil, isfinite

from fastgrad import _core
from fastgrad.device import made_on
from fastgrad.ops.creation import finished

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import DType, Place
    from fastgrad.layout import layout
    from fastgrad.tensor import Tensor

__all__ = ["arange", "linspace", "logspace", "tril_indices", "triu_indices"]

_get_default_dtype = _core.get_default_dtype


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
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
    start, end, step = _number(start or 0, "start"), _number(end, "end"), _number(step, "step")
    whole = isinstance(start, int) and isinstance(end, int) and isinstance(step, int)
    kind = dtype or (_core.int64 if whole else _get_default_dtype())
    if kind in (_core.int64, int):
        whole, start, end, step = True, int(start), int(end), int(step)
    if not (whole or (isfinite(start) and isfinite(end))):
        raise RuntimeError(f"arange: unsupported range: {start} -> {end}")
    if step == 0:
        raise RuntimeError("arange: step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("arange: upper bound and lower bound inconsistent with step sign")
    n = -((start - end) // step) if whole else ceil((end - start) / step)
    if not _is_floating(kind):
        start, step = int(start), int(step)
    out = made_on(device, _core.arange, start, step, n, kind)
    return finished(out, requires_grad, layout, pin_memory)


def _is_floating(dtype: DType) -> bool:
    return dtype is float if isinstance(dtype, type) else dtype.is_floating_point


def _number(value: Any, name: str) -> Any:
    """A Python number; a tensor without dimensions counts as one."""
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, _core.TensorBase) or hasattr(value, "dtype"):
        if value.ndim > 0:
            raise RuntimeError(
                f"only 0-dimensional tensors are supported, but {name} has {value.ndim} dimensions"
            )
        return value.item()
    raise TypeError(f"argument '{name}' must be Number, not {type(value).__name__}")


def linspace(
    start: float | Tensor,
    end: float | Tensor,
    steps: int,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers from start to end, both included, at equal distances.

    Raises:
        RuntimeError: `steps` is negative.

    Follows ``torch.linspace``.

    >>> import fastgrad as torch
    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    first, last = _number(start, "start"), _number(end, "end")
    out = made_on(device, _core.linspace, first, last, steps, dtype or _get_default_dtype())
    return finished(out, requires_grad, layout, pin_memory)


def logspace(
    start: float | Tensor,
    end: float | Tensor,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    layout: layout | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` powers of `base`, with exponents from start to end at equal distances.

    Raises:
        RuntimeError: `steps` is negative.

    Follows ``torch.logspace``.

    >>> import fastgrad as torch
    >>> torch.logspace(0, 3, 4, base=2)
    tensor([1., 2., 4., 8.])
    """
    first, last = _number(start, "start"), _number(end, "end")
    out = made_on(device, _core.logspace, first, last, steps, base, dtype or _get_default_dtype())
    return finished(out, requires_grad, layout, pin_memory)


def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: DType = _core.int64,
    device: Place | None = None,
    layout: layout | None = None,
) -> Tensor:
    """The row and column indices of the elements on and below a diagonal of a matrix, row by row.

    Args:
        offset: which diagonal: 0 is the main one, 1 the one above it, -1 the one below.

    Raises:
        RuntimeError: a size is negative.

    Follows ``torch.tril_indices``.

    >>> import fastgrad as torch
    >>> torch.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    out = made_on(device, _core.triangle_indices, row, col, offset, True, dtype)
    return finished(out, False, layout, False)


def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: DType = _core.int64,
    device: Place | None = None,
    layout: layout | None = None,
) -> Tensor:
    """The row and column indices of the elements on and above a diagonal of a matrix, row by row.

    Args:
        offset: which diagonal: 0 is the main one, 1 the one above it, -1 the one below.

    Raises:
        RuntimeError: a size is negative.

    Follows ``torch.triu_indices``.

    >>> import fastgrad as torch
    >>> torch.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    out = made_on(device, _core.triangle_indices, row, col, offset, False, dtype)
    return finished(out, False, layout, False)
