"""Elementwise functions of two operands (tensors or numbers), each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops import unary
from fastgrad.ops.comparison import (
    eq,
    ge,
    gt,
    isnan,
    le,
    logical_or,
    lt,
    ne,
)
from fastgrad.ops.direct import direct
from fastgrad.ops.rounding import trunc
from fastgrad.ops.ternary import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Operand
    from fastgrad.autograd.graph import Grads, Needs, Saved, Vjp
    from fastgrad.tensor import Tensor

__all__ = [
    "add",
    "copysign",
    "div",
    "divide",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "gcd",
    "heaviside",
    "lcm",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "nextafter",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
]


def reflected(name: str, input: Operand, other: Any) -> Tensor:
    """What an operand that tensors do not know makes of an operator; else the current error.

    Operators that fail would return NotImplemented and have Python ask, but they are the functions.
    """
    kind = type(other)
    method = getattr(kind, name, None)
    is_array = isinstance(other, _core.TensorBase) or hasattr(kind, "__array_ufunc__")
    result: Tensor = NotImplemented if method is None or is_array else method(other, input)
    if result is NotImplemented:
        raise
    return result


@direct(_core.add)
def add(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """input + alpha * other. Follows ``torch.add``.

    >>> import fastgrad as torch
    >>> torch.add(torch.tensor([1, 2]), 10, alpha=2)
    tensor([21, 22])
    """
    if alpha != 1:
        if _are_alike(input, other):
            return _with_alpha(input, other, alpha, add_vjp)
        other = _scaled(input, other, alpha)
    try:
        out = _core.add(input, other)
    except TypeError:
        return reflected("__radd__", input, other)
    if out.requires_grad:
        record(out, add_vjp, _core.edges(input, other))
    return out


def add_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return grad, grad if not saved or needs[1] is None else mul(grad, saved[0])


def add_into(out: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """:func:`add` in place, not recorded."""
    if alpha != 1 and _are_alike(out, other):
        return _core.addcmul_(out, other, alpha)
    return _core.add_(out, other if alpha == 1 else _scaled(out, other, alpha))


def sub_into(out: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """:func:`sub` in place, not recorded."""
    if alpha != 1 and _are_alike(out, other):
        return _core.addcmul_(out, other, -alpha)
    return _core.sub_(out, other if alpha == 1 else _scaled(out, other, alpha))


def _with_alpha(input: Operand, other: Operand, factor: float, vjp: Vjp) -> Tensor:
    """input + factor * other in one pass."""
    out = _core.addcmul(input, other, factor)
    if out.requires_grad:
        record(out, vjp, _core.edges(input, other), (factor,))
    return out


def _are_alike(a: Operand, b: Operand) -> bool:
    """Whether both are tensors of floats of one dtype and shape."""
    if not (isinstance(a, _core.TensorBase) and isinstance(b, _core.TensorBase)):
        return False
    return a.dtype is b.dtype and a.dtype.is_floating_point and a.shape == b.shape


def _scaled(input: Operand, other: Operand, alpha: float) -> Operand:
    """alpha * other, for a sum with `input`; a sum of bools stays bool."""
    kind = _core.result_type(input, other)
    if isinstance(alpha, float) and not kind.is_floating_point:
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number; "
            f"got {alpha}"
        )
    scaled = other * alpha
    return scaled.to(kind) if kind is _core.bool else scaled  # type: ignore[union-attr]


@direct(_core.sub)
def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """input - alpha * other. Follows ``torch.sub``.

    >>> import fastgrad as torch
    >>> torch.sub(torch.tensor([5, 3]), 1)
    tensor([4, 2])
    """
    if alpha != 1:
        if _are_alike(input, other):
            return _with_alpha(input, other, -alpha, sub_vjp)
        other = _scaled(input, other, alpha)
    try:
        out = _core.sub(input, other)
    except TypeError:
        return reflected("__rsub__", input, other)
    if out.requires_grad:
        record(out, sub_vjp, _core.edges(input, other))
    return out


subtract = sub


def sub_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    if needs[1] is None:
        return grad, None
    return grad, mul(grad, saved[0]) if saved else unary.neg(grad)


def rsub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """other - alpha * input. Follows ``torch.rsub``.

    >>> import fastgrad as torch
    >>> torch.rsub(torch.tensor([1, 2]), 10)
    tensor([9, 8])
    """
    return sub(other, input, alpha=alpha)


@direct(_core.mul)
def mul(input: Operand, other: Operand) -> Tensor:
    """input * other. Follows ``torch.mul``.

    >>> import fastgrad as torch
    >>> torch.mul(torch.tensor([1.0, 2.0]), 3)
    tensor([3., 6.])
    """
    try:
        out = _core.mul(input, other)
    except TypeError:
        return reflected("__rmul__", input, other)
    if out.requires_grad:
        edges = _core.edges(input, other)
        # Each factor is kept only for the other one's gradient.
        saved = (None if edges[1] is None else input, None if edges[0] is None else other)
        record(out, mul_vjp, edges, saved)
    return out


multiply = mul


def mul_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return (
        None if needs[0] is None else mul(grad, b),
        None if needs[1] is None else mul(grad, a),
    )


@direct(_core.div)
def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """input / other in floating point; with rounding_mode 'floor' or 'trunc', rounded.

    Raises:
        RuntimeError: another `rounding_mode`.

    Follows ``torch.div``.

    >>> import fastgrad as torch
    >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode == "trunc":
        return _divide_towards_zero(input, other)
    if rounding_mode is not None:
        raise RuntimeError(
            "div: expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    try:
        out = _core.div(input, other)
    except TypeError:
        return reflected("__rtruediv__", input, other)
    if out.requires_grad:
        edges = _core.edges(input, other)
        record(out, div_vjp, edges, (None if edges[1] is None else input, other))
    return out


divide = true_divide = div


def div_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    towards_a = div(grad, b)
    return towards_a, None if needs[1] is None else unary.neg(mul(towards_a, div(a, b)))


def _divide_towards_zero(input: Operand, other: Operand) -> Tensor:
    if not _core.result_type(input, other).is_floating_point:
        return floor_divide(sub(input, fmod(input, other)), other)
    out = _core.trunc(_core.div(input, other))
    if out.requires_grad:
        record(out, floor_divide_vjp, _core.edges(input, other))
    return out


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """The quotient rounded towards minus infinity, as Python's //; its gradient is 0.

    Follows ``torch.floor_divide``.

    >>> import fastgrad as torch
    >>> torch.floor_divide(torch.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    out = _core.floor_divide(input, other)
    if out.requires_grad:
        record(out, floor_divide_vjp, _core.edges(input, other))
    return out


def floor_divide_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    zero = _core.full_at(grad.get_device(), grad.shape, 0, grad.dtype)
    return zero, zero


def remainder(input: Operand, other: Operand) -> Tensor:
    """The remainder with the sign of the divisor, as Python's %. Follows ``torch.remainder``.

    >>> import fastgrad as torch
    >>> torch.remainder(torch.tensor([7, -7]), 3)
    tensor([1, 2])
    """
    out = _core.remainder(input, other)
    if out.requires_grad:
        record(out, remainder_vjp, _core.edges(input, other), (input, other))
    return out


def remainder_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return grad, None if needs[1] is None else unary.neg(mul(grad, floor_divide(a, b)))


def fmod(input: Operand, other: Operand) -> Tensor:
    """The remainder with the sign of the dividend, as C's fmod. Follows ``torch.fmod``.

    >>> import fastgrad as torch
    >>> torch.fmod(torch.tensor([7, -7]), 3)
    tensor([ 1, -1])
    """
    out = _core.fmod(input, other)
    if out.requires_grad:
        record(out, fmod_vjp, _core.edges(input, other), (input, other))
    return out


def fmod_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return grad, None if needs[1] is None else unary.neg(mul(grad, trunc(div(a, b))))


@direct(_core.maximum)
def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of each pair; NaN wins. Where both are equal, each gets half of the gradient.

    Follows ``torch.maximum``.

    >>> import fastgrad as torch
    >>> torch.maximum(torch.tensor([1, 5]), torch.tensor([3, 4]))
    tensor([3, 5])
    """
    out = _core.maximum(input, other)
    if out.requires_grad:
        record(out, maximum_vjp, _core.edges(input, other), (input, other))
    return out


def maximum_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return _shared_between(grad, lt(a, b), gt(a, b), eq(a, b))


@direct(_core.minimum)
def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of each pair; NaN wins. Where both are equal, each gets half of the gradient.

    Follows ``torch.minimum``.

    >>> import fastgrad as torch
    >>> torch.minimum(torch.tensor([1, 5]), torch.tensor([3, 4]))
    tensor([1, 4])
    """
    out = _core.minimum(input, other)
    if out.requires_grad:
        record(out, minimum_vjp, _core.edges(input, other), (input, other))
    return out


def minimum_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return _shared_between(grad, gt(a, b), lt(a, b), eq(a, b))


def _shared_between(grad: Tensor, first_loses: Tensor, second_loses: Tensor, tie: Tensor) -> Grads:
    share = where(tie, mul(grad, 0.5), grad)
    return where(first_loses, 0.0, share), where(second_loses, 0.0, share)


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of each pair; a number wins over NaN. The first gets the gradient of a tie.

    Follows ``torch.fmax``.

    >>> import fastgrad as torch
    >>> torch.fmax(torch.tensor([1.0, torch.nan]), torch.tensor([3.0, 4.0]))
    tensor([3., 4.])
    """
    out = _core.fmax(input, other)
    if out.requires_grad:
        record(out, fmax_vjp, _core.edges(input, other), (input, other))
    return out


def fmax_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return _all_to_one(grad, logical_or(ge(a, b), isnan(b)))


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of each pair; a number wins over NaN. The first gets the gradient of a tie.

    Follows ``torch.fmin``.

    >>> import fastgrad as torch
    >>> torch.fmin(torch.tensor([1.0, torch.nan]), torch.tensor([3.0, 4.0]))
    tensor([1., 4.])
    """
    out = _core.fmin(input, other)
    if out.requires_grad:
        record(out, fmin_vjp, _core.edges(input, other), (input, other))
    return out


def fmin_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return _all_to_one(grad, logical_or(le(a, b), isnan(b)))


def _all_to_one(grad: Tensor, first: Tensor) -> Grads:
    return where(first, grad, 0.0), where(first, 0.0, grad)


def copysign(input: Tensor, other: Operand) -> Tensor:
    """\\|input\\| with the sign of `other`, in floating point. Follows ``torch.copysign``.

    >>> import fastgrad as torch
    >>> torch.copysign(torch.tensor([1.0, -2.0]), torch.tensor([-0.0, 3.0]))
    tensor([-1.,  2.])
    """
    out = _core.copysign(input, other)
    if out.requires_grad:
        record_result(out, copysign_vjp, _core.edges(input, other), (input,))
    return out


def copysign_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, result = saved
    to_a = where(eq(a, 0), 0.0, mul(grad, div(result, a)))
    return to_a, _core.full_at(grad.get_device(), grad.shape, 0, grad.dtype)


def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The number next to `input` in the direction of `other`. Follows ``torch.nextafter``.

    >>> import fastgrad as torch
    >>> torch.nextafter(torch.tensor([1.0]), torch.tensor([2.0])) > 1
    tensor([True])
    """
    kind = _core.result_type(input, other)
    digits = _DIGITS.get(kind)
    if digits is None:
        out = _core.nextafter(input, other)
    else:
        out = _next_of_16_bits(input, other, *digits).to(kind)
    if out.requires_grad:
        record(out, nextafter_vjp, _core.edges(input, other), (input, other))
    return out


# Of the 16-bit floats: the bits of the mantissa, and the smallest exponent (of frexp).
_DIGITS = {_core.float16: (11, -13), _core.bfloat16: (8, -125)}


def _next_of_16_bits(a: Tensor, b: Tensor, bits: int, lowest: int) -> Tensor:
    """As float32: three quarters of a step, which rounds to a whole one."""
    x, y = a.float(), b.float()
    ahead = _core.nextafter(x, y)  # in the binade whose step counts
    exponent = _core.maximum(_core.exponent(ahead), lowest)
    step = _core.ldexp(_core.sign(_core.sub(ahead, x)), _core.sub(exponent, bits))
    largest = _core.copysign(2.0 ** (3 - lowest) * (1 - 2.0**-bits), x)
    moved = where(_core.isinf(x), largest, _core.add(x, _core.mul(step, 0.75)))
    return where(logical_or(eq(x, y), isnan(ahead)), ahead, moved)


def nextafter_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return where(ne(*saved), grad, 0.0), _core.full_at(grad.get_device(), grad.shape, 0, grad.dtype)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 where `input` is below 0, 1 where it is above, and `values` where it is 0.

    Raises:
        RuntimeError: the dtypes differ; or in backward, for it has no derivative.

    Follows ``torch.heaviside``.

    >>> import fastgrad as torch
    >>> torch.heaviside(torch.tensor([-1.5, 0.0, 2.0]), torch.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if input.dtype is not values.dtype:
        raise RuntimeError(
            "heaviside is not yet implemented for tensors with different dtypes; got "
            f"{input.dtype} and {values.dtype}"
        )
    out = _core.heaviside(input, values)
    if out.requires_grad:
        record(out, heaviside_vjp, _core.edges(input, values))
    return out


def heaviside_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    raise RuntimeError("derivative for heaviside is not implemented; detach() its arguments")


def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor of integers, from 0 on. Follows ``torch.gcd``.

    >>> import fastgrad as torch
    >>> torch.gcd(torch.tensor([12, -8]), torch.tensor([18, 0]))
    tensor([6, 8])
    """
    return _core.gcd(input, other)


def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple of integers, from 0 on. Follows ``torch.lcm``.

    >>> import fastgrad as torch
    >>> torch.lcm(torch.tensor([4, -6]), torch.tensor([6, 4]))
    tensor([12, 12])
    """
    return _core.lcm(input, other)
