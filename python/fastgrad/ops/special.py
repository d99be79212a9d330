"""Special functions, each above its gradient."""

from __future__ import annotations

from math import gamma, inf, log, nan, pi

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops import unary
from fastgrad.ops.comparison import eq, gt, le, logical_and, logical_or, lt
from fastgrad.ops.direct import autocast
from fastgrad.ops.ternary import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgrad._types import Operand
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "i0",
    "lgamma",
    "logit",
    "mvlgamma",
    "polygamma",
    "xlogy",
]


def erf(input: Tensor) -> Tensor:
    """The error function, 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x.

    Follows ``torch.erf``.

    >>> import fastgrad as torch
    >>> torch.erf(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8427])
    """
    out = _core.erf(input)
    if out.requires_grad:
        record(out, erf_vjp, _core.edges(input), (input,))
    return out


def erf_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * (unary.exp(unary.neg(unary.square(saved[0]))) * (2.0 / pi**0.5)),)


def erfc(input: Tensor) -> Tensor:
    """1 - erf(x), accurate where that is small. Follows ``torch.erfc``.

    >>> import fastgrad as torch
    >>> torch.erfc(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.1573])
    """
    out = _core.erfc(input)
    if out.requires_grad:
        record(out, erfc_vjp, _core.edges(input), (input,))
    return out


def erfc_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * (unary.exp(unary.neg(unary.square(saved[0]))) * (-2.0 / pi**0.5)),)


@autocast("float32")
def erfinv(input: Tensor) -> Tensor:
    """The number whose error function is x. Follows ``torch.erfinv``.

    >>> import fastgrad as torch
    >>> torch.erfinv(torch.tensor([0.0, 0.5]))
    tensor([0.0000, 0.4769])
    """
    out = _core.erfinv(input)
    if out.requires_grad:
        record_result(out, erfinv_vjp, _core.edges(input))
    return out


def erfinv_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * (unary.exp(unary.square(saved[0])) * (pi**0.5 / 2)),)


def erfcx(input: Tensor) -> Tensor:
    """exp(x**2) * erfc(x), without overflow on the way. Follows ``torch.special.erfcx``.

    >>> import fastgrad as torch
    >>> torch.special.erfcx(torch.tensor([0.0, 30.0]))
    tensor([1.0000, 0.0188])
    """
    out = _core.erfcx(input)
    if out.requires_grad:
        record_result(out, erfcx_vjp, _core.edges(input), (input,))
    return out


def erfcx_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, result = saved
    return (grad * (2 * x * result - 2.0 / pi**0.5),)


def ndtr(input: Tensor) -> Tensor:
    """The probability that a normal number is below x. Follows ``torch.special.ndtr``.

    >>> import fastgrad as torch
    >>> torch.special.ndtr(torch.tensor([-2.0, 0.0]))
    tensor([0.0228, 0.5000])
    """
    return erfc(input * -(0.5**0.5)) * 0.5


def log_ndtr(input: Tensor) -> Tensor:
    """log(ndtr(x)), accurate where that is close to 0. Follows ``torch.special.log_ndtr``.

    >>> import fastgrad as torch
    >>> torch.special.log_ndtr(torch.tensor([-100.0, 0.0]))
    tensor([-5.0055e+03, -6.9315e-01])
    """
    scaled = _core.mul(input, 0.5**0.5)
    below = _core.sub(_core.log(_core.erfcx(_core.neg(scaled))), _core.mul(scaled, scaled))
    above = _core.log1p(_core.mul(_core.erfc(scaled), -0.5))
    out = _core.where(_core.lt(input, -1), _core.sub(below, log(2.0)), above)
    if out.requires_grad:
        record(out, log_ndtr_vjp, _core.edges(input), (input,))
    return out


def log_ndtr_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad / erfcx(saved[0] * -(0.5**0.5)) * (2 / pi) ** 0.5,)


def ndtri(input: Tensor) -> Tensor:
    """The number below which a normal one is with probability x. Follows ``torch.special.ndtri``.

    >>> import fastgrad as torch
    >>> torch.special.ndtri(torch.tensor([0.5, 0.975]))
    tensor([0.0000, 1.9600])
    """
    out = _core.ndtri(input)
    if out.requires_grad:
        record_result(out, ndtri_vjp, _core.edges(input))
    return out


def ndtri_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * (unary.exp(unary.square(saved[0]) * 0.5) * (2 * pi) ** 0.5),)


def lgamma(input: Tensor) -> Tensor:
    """log(\\|gamma(x)\\|). Follows ``torch.lgamma``.

    >>> import fastgrad as torch
    >>> torch.lgamma(torch.tensor([0.5, 1.0, 5.0]))
    tensor([0.5724, 0.0000, 3.1781])
    """
    out = _core.lgamma(input)
    if out.requires_grad:
        record(out, lgamma_vjp, _core.edges(input), (input,))
    return out


def lgamma_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * digamma(saved[0]),)


def digamma(input: Tensor) -> Tensor:
    """The derivative of :func:`lgamma`. Follows ``torch.digamma``.

    >>> import fastgrad as torch
    >>> torch.digamma(torch.tensor([1.0, 0.5]))
    tensor([-0.5772, -1.9635])
    """
    out = _core.digamma(input)
    if out.requires_grad:
        record(out, digamma_vjp, _core.edges(input), (input,))
    return out


def digamma_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * polygamma(1, saved[0]),)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of :func:`digamma`.

    Raises:
        RuntimeError: `n` is negative.

    Follows ``torch.polygamma``.

    >>> import fastgrad as torch
    >>> torch.polygamma(1, torch.tensor([1.0, 0.5]))
    tensor([1.6449, 4.9348])
    """
    if n < 0:
        raise RuntimeError(f"polygamma: n must not be negative, got {n}")
    if n == 0:
        return digamma(input)
    factor = gamma(n + 1) if n <= 170 else inf
    out = _core.mul(_core.zeta(float(n + 1), input), factor if n % 2 else -factor)
    if out.requires_grad:
        record(out, polygamma_vjp, _core.edges(input), (n, input))
    return out


def polygamma_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    n, x = saved
    return (grad * polygamma(n + 1, x),)


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p dimensions.

    Raises:
        RuntimeError: `p` is less than 1.

    Follows ``torch.mvlgamma``.

    >>> import fastgrad as torch
    >>> torch.mvlgamma(torch.tensor([2.0, 3.0]), 2)
    tensor([0.4516, 1.5502])
    """
    if p < 1:
        raise RuntimeError(f"mvlgamma: p has to be greater than or equal to 1, got {p}")
    out = _core.add(_over_dimensions(_core.lgamma, input, p), p * (p - 1) / 4 * log(pi))
    if out.requires_grad:
        record(out, mvlgamma_vjp, _core.edges(input), (input, p))
    return out


def mvlgamma_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * _over_dimensions(digamma, *saved),)


def _over_dimensions(function: Callable[[Tensor], Tensor], x: Tensor, p: int) -> Tensor:
    """The sum of f(x - j / 2) for j = 0, ..., p - 1."""
    total = function(x)
    for j in range(1, p):
        total = total + function(x - j / 2)
    return total


def i0(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind of order 0. Follows ``torch.i0``.

    >>> import fastgrad as torch
    >>> torch.i0(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    out = _core.i0(input)
    if out.requires_grad:
        record(out, i0_vjp, _core.edges(input), (input,))
    return out


def i0_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * i1(saved[0]),)


def i0e(input: Tensor) -> Tensor:
    """exp(-\\|x\\|) * i0(x). Follows ``torch.special.i0e``.

    >>> import fastgrad as torch
    >>> torch.special.i0e(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.4658])
    """
    out = _core.i0e(input)
    if out.requires_grad:
        record_result(out, i0e_vjp, _core.edges(input), (input,))
    return out


def i0e_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, result = saved
    return (grad * (i1e(x) - unary.sign(x) * result),)


def i1(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind of order 1. Follows ``torch.special.i1``.

    >>> import fastgrad as torch
    >>> torch.special.i1(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    out = _core.i1(input)
    if out.requires_grad:
        record_result(out, i1_vjp, _core.edges(input), (input,))
    return out


def i1_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, result = saved
    return (grad * where(eq(x, 0), 0.5, i0(x) - result / _not_zero(x)),)


def i1e(input: Tensor) -> Tensor:
    """exp(-\\|x\\|) * i1(x). Follows ``torch.special.i1e``.

    >>> import fastgrad as torch
    >>> torch.special.i1e(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2079])
    """
    out = _core.i1e(input)
    if out.requires_grad:
        record_result(out, i1e_vjp, _core.edges(input), (input,))
    return out


def i1e_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, result = saved
    slope = i0e(x) - result * (unary.sign(x) + 1 / _not_zero(x))
    return (grad * where(eq(x, 0), 0.5, slope),)


def _not_zero(x: Tensor) -> Tensor:
    return where(eq(x, 0), 1.0, x)


def zeta(input: Operand, other: Operand) -> Tensor:
    """Hurwitz's zeta function: the sum of (other + k)**-input over k = 0, 1, 2, ...

    Raises:
        NotImplementedError: in backward, for the gradient of `input`.

    Follows ``torch.special.zeta``.

    >>> import fastgrad as torch
    >>> torch.special.zeta(torch.tensor([2.0, 4.0]), 1)
    tensor([1.6449, 1.0823])
    """
    out = _core.zeta(input, other)
    if out.requires_grad:
        record(out, zeta_vjp, _core.edges(input, other), (input, other))
    return out


def zeta_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    s, q = saved
    if needs[0] is not None:
        raise NotImplementedError("the derivative for 'zeta' by its first argument; detach() it")
    return None, grad * (zeta(s + 1, q) * -s)


def xlogy(input: Operand, other: Operand) -> Tensor:
    """input * log(other), and 0 where `input` is 0. Follows ``torch.xlogy``.

    >>> import fastgrad as torch
    >>> torch.xlogy(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 3.0]))
    tensor([0.0000, 2.1972])
    """
    out = _core.xlogy(input, other)
    if out.requires_grad:
        record(out, xlogy_vjp, _core.edges(input, other), (input, other))
    return out


def xlogy_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return (
        None if needs[0] is None else _unless_both(grad * xlogy(1.0, b), eq(a, 0), le(b, 0)),
        None if needs[1] is None else grad * a / b,
    )


def _unless_both(grad: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return where(logical_and(first, second), 0.0, grad)


def xlog1py(input: Operand, other: Operand) -> Tensor:
    """input * log(1 + other), and 0 where `input` is 0. Follows ``torch.special.xlog1py``.

    >>> import fastgrad as torch
    >>> torch.special.xlog1py(torch.tensor([0.0, 2.0]), torch.tensor([-1.0, 2.0]))
    tensor([0.0000, 2.1972])
    """
    out = _core.xlog1py(input, other)
    if out.requires_grad:
        record(out, xlog1py_vjp, _core.edges(input, other), (input, other))
    return out


def xlog1py_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b = saved
    return (
        None if needs[0] is None else _unless_both(grad * xlog1py(1.0, b), eq(a, 0), le(b, -1)),
        None if needs[1] is None else grad * a / (b + 1),
    )


def entr(input: Tensor) -> Tensor:
    """-x log(x), 0 at 0, and minus infinity below. Follows ``torch.special.entr``.

    >>> import fastgrad as torch
    >>> torch.special.entr(torch.tensor([0.25, 0.5]))
    tensor([0.3466, 0.3466])
    """
    out = _core.where(_core.lt(input, 0), -inf, _core.neg(_core.xlogy(input, input)))
    if out.requires_grad:
        record(out, entr_vjp, _core.edges(input), (input,))
    return out


def entr_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * (-1 - unary.log(saved[0])),)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of sigmoid.

    Args:
        eps: If given, x is first limited to [eps, 1 - eps].

    Follows ``torch.logit``.

    >>> import fastgrad as torch
    >>> torch.logit(torch.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    x = input if input.dtype.is_floating_point else input.to(_core.get_default_dtype())
    if eps is not None:
        x = _core.maximum(_core.minimum(x, 1 - eps), eps)
    out = _core.log(_core.div(x, _core.sub(1.0, x)))
    if out.requires_grad:
        record(out, logit_vjp, _core.edges(input), (input, eps))
    return out


def logit_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, eps = saved
    limit, slope_outside = (0.0, nan) if eps is None else (eps, 0.0)
    outside = logical_or(lt(x, limit), gt(x, 1 - limit))
    return (where(outside, slope_outside, grad / unary.abs(x * (1 - x))),)
