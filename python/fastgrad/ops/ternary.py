"""Elementwise functions of three operands (tensors or numbers), each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.comparison import ge, gt, le, logical_and, logical_or, lt
from fastgrad.ops.direct import autocast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import overload

    from fastgrad._types import Operand
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "addcdiv",
    "addcmul",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "fill",
    "lerp",
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
    if min is None:
        if max is None:
            raise RuntimeError("clamp: At least one of 'min' or 'max' must not be None")
        out = _core.minimum(input, max)
    elif max is None:
        out = _core.maximum(input, min)
    else:
        out = _core.clamp(input, min, max)
    if out.requires_grad:
        record(out, clamp_vjp, _core.edges(input, min, max), (input, min, max))
    return out


clip = clamp


def clamp_into(out: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """:func:`clamp` in place, not recorded."""
    if min is None:
        if max is None:
            raise RuntimeError("clamp_: At least one of 'min' or 'max' must not be None")
        return _core.minimum_(out, max)
    return _core.maximum_(out, min) if max is None else _core.clamp_(out, min, max)


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
        cut = gt(x, high) if low is None else logical_or(gt(x, high), gt(low, high))
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


def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """input + weight * (end - input): `input` at weight 0, `end` at weight 1.

    Raises:
        RuntimeError: the dtypes differ.

    Follows ``torch.lerp``.

    >>> import fastgrad as torch
    >>> torch.lerp(torch.tensor([0.0, 1.0]), torch.tensor([10.0, 3.0]), 0.5)
    tensor([5., 2.])
    """
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"lerp: not implemented for {input.dtype} tensors; convert first")
    _check_lerp(input, end, weight)
    out = _core.lerp(input, end, weight)
    if out.requires_grad:
        record(out, lerp_vjp, _core.edges(input, end, weight), (input, end, weight))
    return out


def lerp_into(out: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """:func:`lerp` in place, not recorded."""
    _check_lerp(out, end, weight)
    return _core.lerp_(out, end, weight)


def _check_lerp(input: Tensor, end: Tensor, weight: Operand) -> None:
    _check_same_dtype(input, end, "end")
    if isinstance(weight, _core.TensorBase) and weight.ndim:
        _check_same_dtype(input, weight, "weight")


def _check_same_dtype(input: Tensor, other: Tensor, name: str) -> None:
    if other.dtype is not input.dtype:
        raise RuntimeError(
            f"lerp: expected dtype {input.dtype} for `{name}` but got dtype {other.dtype}; convert "
            "one of them"
        )


def lerp_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b, weight = saved
    return (
        None if needs[0] is None else grad * (1 - weight),
        None if needs[1] is None else grad * weight,
        None if needs[2] is None else grad * (b - a),
    )


@autocast("widest")
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 * tensor2. Follows ``torch.addcmul``.

    >>> import fastgrad as torch
    >>> torch.addcmul(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), torch.tensor([5.0]))
    tensor([16., 22.])
    """
    out = _core.addcmul(input, _scaled(tensor1, value), tensor2)
    if out.requires_grad:
        edges = _core.edges(input, tensor1, tensor2)
        record(out, addcmul_vjp, edges, (tensor1, tensor2, value))
    return out


def _scaled(x: Tensor, value: float) -> Tensor:
    if value == 1:
        return x
    return _core.mul(x, value if x.dtype.is_floating_point else int(value))


def addcmul_into(out: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """:func:`addcmul` in place, not recorded."""
    return _core.addcmul_(out, _scaled(tensor1, value), tensor2)


def addcmul_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b, value = saved
    return (
        grad,
        None if needs[1] is None else grad * (b * value),
        None if needs[2] is None else grad * (a * value),
    )


@autocast("widest")
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 / tensor2, for floats.

    Raises:
        RuntimeError: `tensor1` and `tensor2` have integers.

    Follows ``torch.addcdiv``.

    >>> import fastgrad as torch
    >>> torch.addcdiv(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), torch.tensor([2.0]))
    tensor([2.5000, 4.0000])
    """
    _check_not_of_integers(tensor1, tensor2)
    out = _core.addcdiv(input, _scaled(tensor1, value), tensor2)
    if out.requires_grad:
        edges = _core.edges(input, tensor1, tensor2)
        record(out, addcdiv_vjp, edges, (tensor1, tensor2, value))
    return out


def addcdiv_into(out: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """:func:`addcdiv` in place, not recorded."""
    _check_not_of_integers(tensor1, tensor2)
    return _core.addcdiv_(out, _scaled(tensor1, value), tensor2)


def _check_not_of_integers(tensor1: Tensor, tensor2: Tensor) -> None:
    if not (tensor1.dtype.is_floating_point or tensor2.dtype.is_floating_point):
        raise RuntimeError(
            "addcdiv: Integer division with addcdiv is no longer supported; convert tensor1 or "
            "tensor2 to float, or use div with a rounding_mode"
        )


def addcdiv_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b, value = saved
    return (
        grad,
        None if needs[1] is None else grad * (value / b),
        None if needs[2] is None else grad * (a * -value / (b * b)),
    )


def fill(input: Tensor, value: Operand) -> Tensor:
    """A tensor like `input` with all elements `value` (a number or a 0-d tensor).

    Raises:
        RuntimeError: `value` is a tensor with dimensions.

    Follows ``torch.fill``.

    >>> import fastgrad as torch
    >>> torch.fill(torch.tensor([1.0, 2.0]), 3)
    tensor([3., 3.])
    """
    if isinstance(value, _core.TensorBase) and value.ndim:
        raise RuntimeError(
            "fill: only supports a 0-dimension value tensor but got a tensor with "
            f"{value.ndim} dimensions"
        )
    return where(_core.full((), True, _core.bool), value, input).to(input.dtype)
