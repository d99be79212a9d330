"""Rows of special functions."""

import math

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, NOT_NEGATIVE, POSITIVE, PROBABILITY, REAL, UNIT, Domain, Sample


def on_floats(function):
    """A function of a number as one of arrays."""
    return np.vectorize(function, otypes=[float])


erfc = on_floats(math.erfc)


def erfcx(x):
    return np.exp(np.asarray(x, float) ** 2) * erfc(x)


def ndtr(x):
    return erfc(-np.asarray(x, float) * math.sqrt(0.5)) / 2


def inverse(function, low, high):
    """The inverse of an increasing function, by halving the interval."""

    def solve(y):
        a, b = low, high
        for _ in range(200):
            middle = (a + b) / 2
            a, b = (middle, b) if function(middle) < y else (a, middle)
        return b

    return on_floats(solve)


erfinv = inverse(math.erf, -6.0, 6.0)
ndtri = inverse(lambda x: math.erfc(-x * math.sqrt(0.5)) / 2, -9.0, 9.0)


def lgamma(x):
    return math.lgamma(x) if x > 0 or x % 1 else math.inf


def digamma(x):
    """A long sum, then two terms of the asymptotic series."""
    if x == 0:
        return -math.inf
    if x < 0 and x % 1 == 0:
        return math.nan
    y = x + 300
    below = math.fsum(1 / (x + k) for k in range(300))
    return math.log(y) - 1 / (2 * y) - 1 / (12 * y**2) + 1 / (120 * y**4) - below


def zeta(s, q):
    w = q + 300.0
    tail = w / (s - 1) + 0.5 + s / (12 * w) - s * (s + 1) * (s + 2) / (720 * w**3)
    return math.fsum((q + k) ** -s for k in range(300)) + w**-s * tail


def polygamma(n, x):
    if n == 0:
        return on_floats(digamma)(x)
    return (-1) ** (n + 1) * math.factorial(n) * on_floats(zeta)(n + 1.0, x)


def mvlgamma(x, p):
    terms = [on_floats(lgamma)(x - j / 2) for j in range(p)]
    return sum(terms) + p * (p - 1) / 4 * math.log(math.pi)


def bessel(order, scaled=False):
    """The integral that defines the function: the sum converges faster than any power."""

    def value(x):
        angles = 2 * np.pi * np.arange(64) / 64
        size = np.exp(x * np.cos(angles)) * np.cos(order * angles)
        return size.mean() * (math.exp(-abs(x)) if scaled else 1)

    return on_floats(value)


def xlogy(a, b):
    return np.where(a == 0, 0.0, a * np.log(np.asarray(b, float)))


def polygamma_arguments(m):
    return Sample((m.choose((0, 1, 2, 5)), m.operand(m.shape(), POSITIVE)))


def mvlgamma_arguments(m):
    return Sample((m.operand(m.shape(), Domain(1.1, 4.0, (3, 9))), m.choose((1, 2, 3))))


def zeta_arguments(m):
    a, b = m.pair()
    return Sample((m.operand(a, Domain(1.5, 9.0, (2, 9)), None, False), m.operand(b, POSITIVE)))


def logit_arguments(m):
    x = m.operand(m.shape(), PROBABILITY)
    return Sample((x, *m.choose(((), (0.1,)))))


def logit(x, eps=None):
    z = x if eps is None else np.clip(x, eps, 1 - eps)
    return np.log(z / (1 - z))


def far_from_limits(x, eps=0.0):
    return (np.abs(x - eps) > 1e-3) & (np.abs(x - 1 + eps) > 1e-3)


def far_from_poles(x):
    return np.abs(x - np.round(x)) > 0.1


BELOW = Domain(-3.0, -0.05, marks=(-0.5, -1.5, -2.25))
NEAR = Domain(-2.5, 2.5, (-2, 2))

SMOOTH = [
    Op("erf", ref.erf, make.unary(), ALL),
    Op("erfc", erfc, make.unary(), ALL),
]

ROWS = [
    *SMOOTH,
    Op("special.erfcx", erfcx, make.unary(NEAR), ALL, scale=2),
    Op("erfinv", erfinv, make.unary(UNIT), scale=4),
    Op("special.ndtr", ndtr, make.unary(), ALL, scale=2),
    Op("special.ndtri", ndtri, make.unary(PROBABILITY), scale=4),
    Op("special.log_ndtr", lambda x: np.log(ndtr(x)), make.unary(), ALL, scale=4),
    Op("lgamma", on_floats(lgamma), make.unary(POSITIVE), ALL, scale=2),
    Op(
        "lgamma",
        on_floats(lgamma),
        make.unary(BELOW),
        scale=10,
        smooth=far_from_poles,
        label="lgamma below 0",
    ),
    Op("digamma", on_floats(digamma), make.unary(POSITIVE), ALL, scale=2),
    Op(
        "digamma",
        on_floats(digamma),
        make.unary(BELOW),
        scale=500,
        smooth=far_from_poles,
        label="digamma below 0",
    ),
    # PyTorch's is off by 1e-10 in float64.
    Op("polygamma", polygamma, polygamma_arguments, scale=4, torch=False),
    Op("mvlgamma", mvlgamma, mvlgamma_arguments, scale=4),
    Op("i0", bessel(0), make.unary(), ALL, scale=4),
    Op("special.i0e", bessel(0, True), make.unary(), ALL, scale=4),
    Op("special.i1", bessel(1), make.unary(), ALL, scale=4),
    Op("special.i1e", bessel(1, True), make.unary(), ALL, scale=4),
    Op("special.zeta", on_floats(zeta), zeta_arguments, scale=2),
    Op("xlogy", xlogy, make.binary(REAL, POSITIVE), ALL),
    Op(
        "special.xlog1py",
        lambda a, b: a * np.log1p(b, dtype=np.float64),
        make.binary(REAL, NOT_NEGATIVE),
        ALL,
    ),
    Op("special.entr", lambda x: -xlogy(x, x), make.unary(POSITIVE), ALL),
    Op("logit", logit, logit_arguments, smooth=far_from_limits, scale=4),
]
