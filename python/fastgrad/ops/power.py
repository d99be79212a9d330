"""Powers, and logarithms of sums of powers, each above its gradient."""

from __future__ import annotations

from math import log as _log

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops import unary
from fastgrad.ops.binary import mul, sub
from fastgrad.ops.comparison import eq, ge, logical_and
from fastgrad.ops.direct import autocast
from fastgrad.ops.ternary import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Operand
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "float_power",
    "ldexp",
    "logaddexp",
    "logaddexp2",
    "pow",
]


@autocast("float32")
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


_KERNELS = {
    0.5: _core.sqrt,
    -0.5: _core.rsqrt,
    1.0: _core.clone,
    -1.0: _core.reciprocal,
    3.0: _core.cube,
}


def _power_of(input: Tensor, exponent: float) -> Tensor:
    """A tensor to the power of a number: common exponents have kernels of their own."""
    if not input.dtype.is_floating_point:
        return _core.pow(input, exponent)
    if exponent == 2:
        return unary.square(input)
    kernel = _KERNELS.get(exponent)
    out = _core.pow(input, exponent) if kernel is None else kernel(input)
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
    base = (
        a
        if isinstance(a, _core.TensorBase)
        else _core.full_at(grad.get_device(), (), a, grad.dtype)
    )
    slope = mul(grad, mul(result, unary.log(base)))
    return where(logical_and(eq(base, 0), ge(b, 0)), 0.0, slope)


def float_power(input: Operand, exponent: Operand) -> Tensor:
    """input ** exponent, computed in float64. Follows ``torch.float_power``.

    >>> import fastgrad as torch
    >>> torch.float_power(torch.tensor([2, 4]), -1)
    tensor([0.5000, 0.2500], dtype=torch.float64)
    """
    return pow(_double(input), _double(exponent))


def _double(x: Operand) -> Operand:
    return x.double() if isinstance(x, _core.TensorBase) else float(x)


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2**other. Follows ``torch.ldexp``.

    >>> import fastgrad as torch
    >>> torch.ldexp(torch.tensor([1.0, 3.0]), torch.tensor([4, -1]))
    tensor([16.0000,  1.5000])
    """
    out = _core.ldexp(input, other)
    if out.requires_grad:
        record_result(out, ldexp_vjp, _core.edges(input, other), (other,))
    return out


def ldexp_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    other, result = saved
    return (
        None if needs[0] is None else ldexp(grad, other),
        None if needs[1] is None else grad * (result * _log(2.0)),
    )


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), without overflow on the way. Follows ``torch.logaddexp``.

    >>> import fastgrad as torch
    >>> torch.logaddexp(torch.tensor([1.0, 800.0]), torch.tensor([2.0, 800.0]))
    tensor([  2.3133, 800.6932])
    """
    out = _core.logaddexp(input, other)
    if out.requires_grad:
        record(out, logaddexp_vjp, _core.edges(input, other), (input, other))
    return out


def logaddexp_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return grad / (unary.exp(b - a) + 1), grad / (unary.exp(a - b) + 1)


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2**input + 2**other), without overflow on the way. Follows ``torch.logaddexp2``.

    >>> import fastgrad as torch
    >>> torch.logaddexp2(torch.tensor([1.0, 800.0]), torch.tensor([1.0, 800.0]))
    tensor([  2., 801.])
    """
    out = _core.logaddexp2(input, other)
    if out.requires_grad:
        record(out, logaddexp2_vjp, _core.edges(input, other), (input, other))
    return out


def logaddexp2_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return grad / (unary.exp2(b - a) + 1), grad / (unary.exp2(a - b) + 1)
