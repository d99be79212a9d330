"""Elementwise functions of two operands (tensors or numbers), each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops import unary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import overload

    from fastgrad._types import Operand
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "add",
    "allclose",
    "arctan2",
    "atan2",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "div",
    "divide",
    "eq",
    "equal",
    "floor_divide",
    "fmod",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "ne",
    "not_equal",
    "pow",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
    "where",
]


def add(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """input + alpha * other. Follows ``torch.add``.

    >>> import fastgrad as torch
    >>> torch.add(torch.tensor([1, 2]), 10, alpha=2)
    tensor([21, 22])
    """
    if alpha != 1:
        other = _scaled(input, other, alpha)
    out = _core.add(input, other)
    if out.requires_grad:
        record(out, add_vjp, _core.edges(input, other))
    return out


def add_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return grad, grad


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


def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """input - alpha * other. Follows ``torch.sub``.

    >>> import fastgrad as torch
    >>> torch.sub(torch.tensor([5, 3]), 1)
    tensor([4, 2])
    """
    if alpha != 1:
        other = _scaled(input, other, alpha)
    out = _core.sub(input, other)
    if out.requires_grad:
        record(out, sub_vjp, _core.edges(input, other))
    return out


subtract = sub


def sub_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return grad, None if needs[1] is None else unary.neg(grad)


def rsub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """other - alpha * input. Follows ``torch.rsub``.

    >>> import fastgrad as torch
    >>> torch.rsub(torch.tensor([1, 2]), 10)
    tensor([9, 8])
    """
    return sub(other, input, alpha=alpha)


def mul(input: Operand, other: Operand) -> Tensor:
    """input * other. Follows ``torch.mul``.

    >>> import fastgrad as torch
    >>> torch.mul(torch.tensor([1.0, 2.0]), 3)
    tensor([3., 6.])
    """
    out = _core.mul(input, other)
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
    out = _core.div(input, other)
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
    dtype = _core.result_type(input, other)
    if dtype.is_floating_point:
        return unary.trunc(div(input, other))
    return floor_divide(sub(input, fmod(input, other)), other)


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
    zero = _core.full(grad.shape, 0, grad.dtype)
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
    return grad, None if needs[1] is None else unary.neg(mul(grad, unary.trunc(div(a, b))))


def pow(input: Operand, exponent: Operand) -> Tensor:
    """input ** exponent. Follows ``torch.pow``.

    >>> import fastgrad as torch
    >>> torch.pow(torch.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    if exponent.__class__ in (int, float):
        return _power_of(input, exponent)  # type: ignore[arg-type]
    out = _core.pow(input, exponent)
    if out.requires_grad:
        record_result(out, pow_vjp, _core.edges(input, exponent), (input, exponent))
    return out


def _power_of(input: Tensor, exponent: float) -> Tensor:
    """A tensor to the power of a number: common exponents have kernels of their own."""
    if exponent == 2 and input.dtype.is_floating_point:
        return unary.square(input)
    if exponent == 0.5 and input.dtype.is_floating_point:
        out = _core.sqrt(input)
    else:
        out = _core.pow(input, exponent)
    if out.requires_grad:
        record(out, pow_vjp, _core.edges(input, None), (input, exponent, None))
    return out


def pow_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b, result = saved
    return (
        None if needs[0] is None else _pow_gradient_of_base(grad, a, b),
        None if needs[1] is None else _pow_gradient_of_exponent(grad, a, b, result),
    )


def _pow_gradient_of_base(grad: Tensor, a: Operand, b: Operand) -> Tensor:
    # 0 where the exponent is 0, also at base 0, where b * a**(b - 1) would be 0 * inf.
    if isinstance(b, (int, float)):
        return mul(grad, 0) if b == 0 else mul(grad, mul(pow(a, b - 1), b))
    slope = mul(b, pow(a, sub(b, 1)))
    return where(eq(b, 0), 0.0, mul(grad, slope))


def _pow_gradient_of_exponent(grad: Tensor, a: Operand, b: Operand, result: Tensor) -> Tensor:
    # 0 at base 0 with an exponent that is not negative, where the logarithm would give NaN.
    base = a if isinstance(a, _core.TensorBase) else _core.tensor(a, grad.dtype)
    slope = mul(grad, mul(result, unary.log(base)))
    return where(logical_and(eq(base, 0), ge(b, 0)), 0.0, slope)


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
    return _shared_between(grad, gt(a, b), gt(b, a))


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
    return _shared_between(grad, lt(a, b), lt(b, a))


def _shared_between(grad: Tensor, first_wins: Tensor, second_wins: Tensor) -> Grads:
    half = mul(grad, 0.5)
    equal = unary.logical_not(logical_or(first_wins, second_wins))
    first = where(first_wins, grad, where(equal, half, 0.0))
    return first, where(second_wins, grad, where(equal, half, 0.0))


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point (other, input) in radians, in [-pi, pi]. Follows ``torch.atan2``.

    >>> import fastgrad as torch
    >>> torch.atan2(torch.tensor([1.0]), torch.tensor([-1.0]))
    tensor([2.3562])
    """
    out = _core.atan2(input, other)
    if out.requires_grad:
        record(out, atan2_vjp, _core.edges(input, other), (input, other))
    return out


arctan2 = atan2


def atan2_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    y, x = saved
    scaled = div(grad, add(mul(x, x), mul(y, y)))
    return mul(scaled, x), mul(scaled, unary.neg(y))


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


def eq(input: Operand, other: Operand) -> Tensor:
    """input == other, as bool. Follows ``torch.eq``.

    >>> import fastgrad as torch
    >>> torch.eq(torch.tensor([1, 2]), torch.tensor([1, 3]))
    tensor([ True, False])
    """
    return _core.eq(input, other)


def ne(input: Operand, other: Operand) -> Tensor:
    """input != other, as bool. Follows ``torch.ne``.

    >>> import fastgrad as torch
    >>> torch.ne(torch.tensor([1, 2]), torch.tensor([1, 3]))
    tensor([False,  True])
    """
    return _core.ne(input, other)


not_equal = ne


def lt(input: Operand, other: Operand) -> Tensor:
    """input < other, as bool. Follows ``torch.lt``.

    >>> import fastgrad as torch
    >>> torch.lt(torch.tensor([1, 2, 3]), 2)
    tensor([ True, False, False])
    """
    return _core.lt(input, other)


less = lt


def le(input: Operand, other: Operand) -> Tensor:
    """input <= other, as bool. Follows ``torch.le``.

    >>> import fastgrad as torch
    >>> torch.le(torch.tensor([1, 2, 3]), 2)
    tensor([ True,  True, False])
    """
    return _core.le(input, other)


less_equal = le


def gt(input: Operand, other: Operand) -> Tensor:
    """input > other, as bool. Follows ``torch.gt``.

    >>> import fastgrad as torch
    >>> torch.gt(torch.tensor([1, 2, 3]), 2)
    tensor([False, False,  True])
    """
    return _core.gt(input, other)


greater = gt


def ge(input: Operand, other: Operand) -> Tensor:
    """input >= other, as bool. Follows ``torch.ge``.

    >>> import fastgrad as torch
    >>> torch.ge(torch.tensor([1, 2, 3]), 2)
    tensor([False,  True,  True])
    """
    return _core.ge(input, other)


greater_equal = ge


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Whether both are not 0, as bool. Follows ``torch.logical_and``.

    >>> import fastgrad as torch
    >>> torch.logical_and(torch.tensor([0, 1, 2]), torch.tensor([1, 0, 3]))
    tensor([False, False,  True])
    """
    return _core.logical_and(input, other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Whether either is not 0, as bool. Follows ``torch.logical_or``.

    >>> import fastgrad as torch
    >>> torch.logical_or(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 3]))
    tensor([False,  True,  True])
    """
    return _core.logical_or(input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Whether exactly one is not 0, as bool. Follows ``torch.logical_xor``.

    >>> import fastgrad as torch
    >>> torch.logical_xor(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 3]))
    tensor([False,  True, False])
    """
    return _core.logical_xor(input, other)


def bitwise_and(input: Operand, other: Operand) -> Tensor:
    """input & other, for integers and bools. Follows ``torch.bitwise_and``.

    >>> import fastgrad as torch
    >>> torch.bitwise_and(torch.tensor([6, 3]), 2)
    tensor([2, 2])
    """
    return _core.bitwise_and(input, other)


def bitwise_or(input: Operand, other: Operand) -> Tensor:
    """input | other, for integers and bools. Follows ``torch.bitwise_or``.

    >>> import fastgrad as torch
    >>> torch.bitwise_or(torch.tensor([4, 1]), 2)
    tensor([6, 3])
    """
    return _core.bitwise_or(input, other)


def bitwise_xor(input: Operand, other: Operand) -> Tensor:
    """input ^ other, for integers and bools. Follows ``torch.bitwise_xor``.

    >>> import fastgrad as torch
    >>> torch.bitwise_xor(torch.tensor([6, 1]), 2)
    tensor([4, 3])
    """
    return _core.bitwise_xor(input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """~input: every bit of an integer, or not of a bool.

    Raises:
        RuntimeError: the tensor has floats.

    Follows ``torch.bitwise_not``.

    >>> import fastgrad as torch
    >>> torch.bitwise_not(torch.tensor([0, 5]))
    tensor([-1, -6])
    """
    if input.dtype is _core.bool:
        return _core.logical_not(input)
    if input.dtype.is_floating_point:
        raise RuntimeError(
            f"bitwise_not: not implemented for {input.dtype}; expected integers or bool"
        )
    return _core.bitwise_xor(input, 255 if input.dtype is _core.uint8 else -1)


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape and the same elements.

    >>> import fastgrad as torch
    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    result: bool = _core.equal(input, other)
    return result


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Whether \\|input - other\\| <= atol + rtol * \\|other\\|, elementwise, as bool.

    Raises:
        RuntimeError: the dtypes differ.

    Follows ``torch.isclose``.

    >>> import fastgrad as torch
    >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"isclose: {input.dtype} did not match {other.dtype}; convert one of them"
        )
    close = eq(input, other)
    if not input.dtype.is_floating_point:
        input, other = input.double(), other.double()
    with_tolerance = le(unary.abs(sub(input, other)), add(mul(unary.abs(other), rtol), atol))
    finite = logical_and(unary.isfinite(input), unary.isfinite(other))
    close = logical_or(close, logical_and(finite, with_tolerance))
    if equal_nan:
        close = logical_or(close, logical_and(unary.isnan(input), unary.isnan(other)))
    return close


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether every element of `input` is close to that of `other` (see :func:`isclose`).

    Raises:
        RuntimeError: the dtypes differ.

    Follows ``torch.allclose``.

    >>> import fastgrad as torch
    >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-7]))
    True
    """
    return bool(_core.all(isclose(input, other, rtol, atol, equal_nan), (), False).item())
