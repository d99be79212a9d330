"""Rows of activation functions."""

from math import pi, sqrt

import numpy as np

import arguments as make
import references as ref
from rows.op import Op, far_from
from strategies import FLOATS, INTEGERS, NUMBERS, REAL, Sample

SIGNED = tuple(dtype for dtype in INTEGERS if dtype != "uint8")
SELU = 1.6732632423543772, 1.0507009873554805  # alpha, scale


def drawn(**options):
    """A tensor, and options drawn from the values given for each."""
    return lambda m: Sample(
        (m.operand(m.shape()),), {key: m.choose(values) for key, values in options.items()}
    )


def halved(m):
    """A tensor and a dimension of even size."""
    shape = m.shape(1)
    dim = m.dim(len(shape))
    at = dim % len(shape)
    return Sample((m.operand((*shape[:at], 2 * (shape[at] // 2), *shape[at + 1 :])), dim))


def with_slopes(m):
    shape = m.shape()
    channels = shape[1] if len(shape) > 1 else 1
    return Sample((m.operand(shape), m.operand(m.choose(((1,), (channels,), ())), REAL)))


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))
    return x * 0.5 * (1 + ref.erf(x / sqrt(2))) if x.size else x


def softplus(x, beta=1.0, threshold=20.0):
    return np.where(x * beta > threshold, x, np.logaddexp(0, x * beta) / beta)


def elu(x, alpha=1.0, scale=1.0):
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def celu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def prelu(x, weight):
    slopes = weight.reshape((-1,) + (1,) * (x.ndim - 2)) if x.ndim > 1 else weight.reshape(())
    return np.where(x > 0, x, x * slopes)


def glu(x, dim=-1):
    first, second = np.split(x, 2, dim)
    return first * ref.sigmoid(second)


def hardtanh(x, min_val=-1.0, max_val=1.0):
    return np.clip(x, min_val, max_val).astype(x.dtype)


def threshold(x, limit, value):
    return np.where(x <= limit, x.dtype.type(value), x)


def softshrink(x, lambd=0.5):
    return np.sign(x) * np.maximum(np.abs(x) - lambd, 0)


def away(*points):
    """Smooth but at these points."""
    return lambda x, *args, **options: np.all([far_from(x, point) for point in points], axis=0)


def beyond(x, *args, lambd=0.5):
    return far_from(np.abs(x), lambd)


SMOOTH = [
    Op("nn.functional.gelu", gelu, make.unary(), scale=2),
    Op("nn.functional.silu", lambda x: x * ref.sigmoid(x), make.unary()),
    Op("nn.functional.mish", lambda x: x * np.tanh(np.logaddexp(0, x)), make.unary(), scale=2),
    Op("nn.functional.softplus", softplus, make.unary(), scale=2),
    Op("nn.functional.logsigmoid", ref.logsigmoid, make.unary()),
    Op("nn.functional.softsign", lambda x: x / (1 + np.abs(x)), make.unary(), NUMBERS),
    Op(
        "nn.functional.tanhshrink",
        lambda x: x - np.tanh(x.astype(float)),
        make.unary(),
        NUMBERS,
        scale=2,
    ),
]

ROWS = [
    *SMOOTH,
    Op(
        "nn.functional.gelu",
        gelu,
        make.nothing_but(approximate="tanh"),
        scale=2,
        label="gelu tanh",
    ),
    Op(
        "nn.functional.softplus",
        softplus,
        drawn(beta=(1, 0.5, 3.0), threshold=(1.0, 20)),
        smooth=lambda x, beta, threshold: far_from(x * beta, threshold),
        scale=2,
        label="softplus with options",
    ),
    Op("nn.functional.glu", glu, halved),
    Op("nn.functional.elu", elu, drawn(alpha=(1.0, 0.5, 2)), smooth=away(0.0), scale=2),
    Op("nn.functional.selu", lambda x: elu(x, *SELU), make.unary(), smooth=away(0.0), scale=2),
    Op("nn.functional.celu", celu, drawn(alpha=(1.0, 0.5, 2)), smooth=away(0.0), scale=2),
    Op(
        "nn.functional.leaky_relu",
        lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        drawn(negative_slope=(0.01, 0.3)),
        smooth=away(0.0),
    ),
    Op("nn.functional.prelu", prelu, with_slopes, smooth=lambda x, weight: far_from(x)),
    Op(
        "nn.functional.rrelu",
        lambda x, lower, upper: np.where(x > 0, x, x * (lower + upper) / 2),
        drawn(lower=(0.1,), upper=(0.1, 0.3)),
        smooth=away(0.0),
    ),
    Op(
        "nn.functional.hardtanh",
        hardtanh,
        drawn(min_val=(-1, -2.0), max_val=(2, 1.0)),
        FLOATS + SIGNED,
        smooth=away(-1, -2, 1, 2),
    ),
    Op(
        "nn.functional.relu6",
        lambda x: np.clip(x, 0, 6),
        make.unary(),
        NUMBERS,
        smooth=away(0.0, 6.0),
    ),
    Op(
        "nn.functional.hardswish",
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        make.unary(),
        smooth=away(-3, 3),
    ),
    Op(
        "nn.functional.hardsigmoid",
        lambda x: np.clip(x + 3, 0, 6) / 6,
        make.unary(),
        smooth=away(-3, 3),
    ),
    Op(
        "threshold",
        threshold,
        lambda m: Sample((m.operand(m.shape()), m.choose((1, 0)), m.choose((7, 0)))),
        NUMBERS,
        smooth=away(0, 1),
    ),
    Op(
        "nn.functional.hardshrink",
        lambda x, lambd=0.5: np.where(np.abs(x) <= lambd, 0, x),
        drawn(lambd=(0.5, 1)),
        smooth=beyond,
    ),
    Op("nn.functional.softshrink", softshrink, drawn(lambd=(0.5, 1)), smooth=beyond),
]
