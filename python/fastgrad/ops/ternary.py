"""Elementwise functions of three operands (tensors or numbers), each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.comparison import ge, gt, le, logical_and, logical_or, lt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import overload

    from fastgrad._types import Operand
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "where",
]


if TYPE_CHECKING:

    @overload
    def where(condition: Tensor) -> tuple[Tensor, ...]: ...
    @overload
    def where(condition: Tensor, input: Operand, other: Operand) -> Tensor: ...


def where(
    condition: Tensor, input: Operand | None = None, other: Operand | None = None
) -> Tensor | tuple[Tensor, ...]:
    """`input` where `condition` (bool) holds, `other` elsewhere, all three broadcast together.

    With the condition alone: the indices of its non-zero elements, one tensor per dimension.

    Raises:
        TypeError: only one of `input` and `other` is given.

    Follows ``torch.where``.

    >>> import fastgrad as torch
    >>> torch.where(torch.tensor([True, False]), torch.tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    if input is None and other is None:
        return _core.nonzero(condition).unbind(1)
    if input is None or other is None:
        raise TypeError("where: give both input and other, or neither")
    out = _core.where(condition, input, other)
    if out.requires_grad:
        record(out, where_vjp, _core.edges(None, input, other), (condition,))
    return out


def where_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (condition,) = saved
    return (
        None,
        None if needs[1] is None else where(condition, grad, 0.0),
        None if needs[2] is None else where(condition, 0.0, grad),
    )


def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """x limited to [min, max]; the gradient is 1 inside and on the limits, 0 outside.

    Raises:
        RuntimeError: neither limit is given.

    Follows ``torch.clamp``.

    >>> import fastgrad as torch
    >>> torch.clamp(torch.tensor([-2.0, 0.5, 3.0]), min=-1, max=1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("clamp: At least one of 'min' or 'max' must not be None")
    out = input
    if min is not None:
        out = _core.maximum(out, min)
    if max is not None:
        out = _core.minimum(out, max)
    if out.requires_grad:
        edges = _core.edges(input, min, max)
        record(out, clamp_vjp, edges, (input, min, max))
    return out


clip = clamp


def clamp_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, low, high = saved
    inside = le(x, high) if low is None else ge(x, low)
    if low is not None and high is not None:
        inside = logical_and(inside, le(x, high))
    to_low = to_high = None
    if needs[1] is not None:  # x < low, and high does not cut low off
        cut = lt(x, low) if high is None else logical_and(lt(x, low), lt(low, high))
        to_low = where(cut, grad, 0.0)
    if needs[2] is not None:
        cut = gt(x, high) if low is None else logical_or(gt(x, high), ge(low, high))
        to_high = where(cut, grad, 0.0)
    return where(inside, grad, 0.0), to_low, to_high


def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """x limited to at least `min`. Follows ``torch.clamp_min``.

    >>> import fastgrad as torch
    >>> torch.clamp_min(torch.tensor([-2, 3]), 0)
    tensor([0, 3])
    """
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """x limited to at most `max`. Follows ``torch.clamp_max``.

    >>> import fastgrad as torch
    >>> torch.clamp_max(torch.tensor([-2, 3]), 0)
    tensor([-2,  0])
    """
    return clamp(input, max=max)
