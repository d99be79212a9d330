"""Trigonometric and hyperbolic functions, each above its gradient."""

from __future__ import annotations

from math import pi

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops.binary import mul
from fastgrad.ops.comparison import eq
from fastgrad.ops.direct import autocast, direct
from fastgrad.ops.ternary import where
from fastgrad.ops.unary import neg, rsqrt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "hypot",
    "rad2deg",
    "sin",
    "sinc",
    "sinh",
    "tan",
]


@direct(_core.sin)
def sin(input: Tensor) -> Tensor:
    """The sine of an angle in radians. Follows ``torch.sin``.

    >>> import fastgrad as torch
    >>> torch.sin(torch.tensor([0.0, torch.pi / 2]))
    tensor([0., 1.])
    """
    out = _core.sin(input)
    if out.requires_grad:
        record(out, sin_vjp, _core.edges(input), (input,))
    return out


def sin_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * cos(saved[0]),)


@direct(_core.cos)
def cos(input: Tensor) -> Tensor:
    """The cosine of an angle in radians. Follows ``torch.cos``.

    >>> import fastgrad as torch
    >>> torch.cos(torch.tensor([0.0, torch.pi]))
    tensor([ 1., -1.])
    """
    out = _core.cos(input)
    if out.requires_grad:
        record(out, cos_vjp, _core.edges(input), (input,))
    return out


def cos_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * neg(sin(saved[0])),)


@autocast("float32")
@direct(_core.tan)
def tan(input: Tensor) -> Tensor:
    """The tangent of an angle in radians. Follows ``torch.tan``.

    >>> import fastgrad as torch
    >>> torch.tan(torch.tensor([0.0, torch.pi / 4]))
    tensor([0., 1.])
    """
    out = _core.tan(input)
    if out.requires_grad:
        record_result(out, tan_vjp, _core.edges(input))
    return out


def tan_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * (saved[0] * saved[0] + 1),)


@autocast("float32")
def asin(input: Tensor) -> Tensor:
    """The angle in [-pi/2, pi/2] whose sine is x. Follows ``torch.asin``.

    >>> import fastgrad as torch
    >>> torch.asin(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5708])
    """
    out = _core.asin(input)
    if out.requires_grad:
        record(out, asin_vjp, _core.edges(input), (input,))
    return out


arcsin = asin


def asin_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * rsqrt(1 - saved[0] * saved[0]),)


@autocast("float32")
def acos(input: Tensor) -> Tensor:
    """The angle in [0, pi] whose cosine is x. Follows ``torch.acos``.

    >>> import fastgrad as torch
    >>> torch.acos(torch.tensor([1.0, 0.0]))
    tensor([0.0000, 1.5708])
    """
    out = _core.acos(input)
    if out.requires_grad:
        record(out, acos_vjp, _core.edges(input), (input,))
    return out


arccos = acos


def acos_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (neg(grad) * rsqrt(1 - saved[0] * saved[0]),)


def atan(input: Tensor) -> Tensor:
    """The angle in (-pi/2, pi/2) whose tangent is x. Follows ``torch.atan``.

    >>> import fastgrad as torch
    >>> torch.atan(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7854])
    """
    out = _core.atan(input)
    if out.requires_grad:
        record(out, atan_vjp, _core.edges(input), (input,))
    return out


arctan = atan


def atan_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad / (saved[0] * saved[0] + 1),)


@autocast("widest")
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
    square = x * x + y * y
    scaled = where(
        eq(square, 0), 0.0, grad / square
    )  # no direction, and no gradient, at the origin
    return scaled * x, scaled * neg(y)


@autocast("float32")
def sinh(input: Tensor) -> Tensor:
    """The hyperbolic sine. Follows ``torch.sinh``.

    >>> import fastgrad as torch
    >>> torch.sinh(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.1752])
    """
    out = _core.sinh(input)
    if out.requires_grad:
        record(out, sinh_vjp, _core.edges(input), (input,))
    return out


def sinh_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * cosh(saved[0]),)


@autocast("float32")
def cosh(input: Tensor) -> Tensor:
    """The hyperbolic cosine. Follows ``torch.cosh``.

    >>> import fastgrad as torch
    >>> torch.cosh(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 1.5431])
    """
    out = _core.cosh(input)
    if out.requires_grad:
        record(out, cosh_vjp, _core.edges(input), (input,))
    return out


def cosh_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * sinh(saved[0]),)


def asinh(input: Tensor) -> Tensor:
    """The number whose hyperbolic sine is x. Follows ``torch.asinh``.

    >>> import fastgrad as torch
    >>> torch.asinh(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8814])
    """
    out = _core.asinh(input)
    if out.requires_grad:
        record(out, asinh_vjp, _core.edges(input), (input,))
    return out


arcsinh = asinh


def asinh_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    return (grad * rsqrt(x * x + 1),)


def acosh(input: Tensor) -> Tensor:
    """The number from 0 on whose hyperbolic cosine is x. Follows ``torch.acosh``.

    >>> import fastgrad as torch
    >>> torch.acosh(torch.tensor([1.0, 2.0]))
    tensor([0.0000, 1.3170])
    """
    out = _core.acosh(input)
    if out.requires_grad:
        record(out, acosh_vjp, _core.edges(input), (input,))
    return out


arccosh = acosh


def acosh_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    return (grad * rsqrt(x * x - 1),)


def atanh(input: Tensor) -> Tensor:
    """The number whose hyperbolic tangent is x. Follows ``torch.atanh``.

    >>> import fastgrad as torch
    >>> torch.atanh(torch.tensor([0.0, 0.5]))
    tensor([0.0000, 0.5493])
    """
    out = _core.atanh(input)
    if out.requires_grad:
        record(out, atanh_vjp, _core.edges(input), (input,))
    return out


arctanh = atanh


def atanh_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    return (grad / (1 - x * x),)


def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0. Follows ``torch.sinc``.

    >>> import fastgrad as torch
    >>> torch.sinc(torch.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    angle = _core.mul(input, pi)
    out = _core.where(_core.eq(input, 0), 1.0, _core.div(_core.sin(angle), angle))
    if out.requires_grad:
        record(out, sinc_vjp, _core.edges(input), (input,))
    return out


def sinc_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (x,) = saved
    angle = x * pi
    slope = (angle * cos(angle) - sin(angle)) / (angle * x)
    return (where(eq(x, 0), 0.0, grad * slope),)


def deg2rad(input: Tensor) -> Tensor:
    """Degrees to radians. Follows ``torch.deg2rad``.

    >>> import fastgrad as torch
    >>> torch.deg2rad(torch.tensor([0.0, 180.0]))
    tensor([0.0000, 3.1416])
    """
    return mul(input, pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """Radians to degrees. Follows ``torch.rad2deg``.

    >>> import fastgrad as torch
    >>> torch.rad2deg(torch.tensor([0.0, torch.pi]))
    tensor([  0., 180.])
    """
    return mul(input, 180 / pi)


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input**2 + other**2), without overflow on the way. Follows ``torch.hypot``.

    >>> import fastgrad as torch
    >>> torch.hypot(torch.tensor([3.0]), torch.tensor([4.0]))
    tensor([5.])
    """
    out = _core.hypot(input, other)
    if out.requires_grad:
        record_result(out, hypot_vjp, _core.edges(input, other), (input, other))
    return out


def hypot_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b, result = saved
    return grad * (a / result), grad * (b / result)
