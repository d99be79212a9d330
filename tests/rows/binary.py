"""Rows of elementwise functions of two operands."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op, far_apart, far_from, far_quotient
from strategies import ALL, FLOATS, INTEGERS, NUMBERS, POSITIVE, REAL


def heaviside(x, values):
    return np.where(x == 0, values, x > 0)


ROWS = [
    Op("add", ref.add, make.binary(alpha=(None, 2, 3)), NUMBERS),
    Op("add", np.add, make.binary(), ALL, label="add plain"),
    Op("sub", ref.sub, make.binary(alpha=(None, 2)), NUMBERS),
    Op("rsub", ref.rsub, make.binary(alpha=(None, 2)), NUMBERS),
    Op("mul", np.multiply, make.binary(), ALL),
    Op("div", ref.div, make.binary(REAL, POSITIVE), ALL),
    Op("true_divide", ref.div, make.binary(REAL, POSITIVE), ALL),
    Op(
        "div",
        ref.div,
        make.binary(REAL, POSITIVE, rounding_mode=("floor", "trunc")),
        NUMBERS,
        smooth=far_quotient,
        label="div rounded",
    ),
    Op("floor_divide", np.floor_divide, make.binary(REAL, POSITIVE), NUMBERS, smooth=far_quotient),
    Op("remainder", np.remainder, make.binary(REAL, POSITIVE), NUMBERS, smooth=far_quotient),
    Op("fmod", np.fmod, make.binary(REAL, POSITIVE), NUMBERS, smooth=far_quotient),
    Op("maximum", np.maximum, make.binary(), ALL, smooth=far_apart),
    Op("minimum", np.minimum, make.binary(), ALL, smooth=far_apart),
    Op("fmax", np.fmax, make.binary(), ALL, smooth=far_apart),
    Op("fmin", np.fmin, make.binary(), ALL, smooth=far_apart),
    Op("copysign", np.copysign, make.binary(), ALL, smooth=lambda a, b: far_from(a) & far_from(b)),
    Op("nextafter", np.nextafter, make.binary(), FLOATS, smooth=far_apart),
    Op("heaviside", heaviside, make.binary(), ALL, False),
    Op("gcd", np.gcd, make.binary(), INTEGERS, False),
    Op("lcm", np.lcm, make.binary(), INTEGERS, False),
]
