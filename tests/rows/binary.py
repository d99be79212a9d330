"""Rows of elementwise functions of two operands."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op, far_apart, far_quotient
from strategies import ALL, INTEGERS, NOT_NEGATIVE, NUMBERS, POSITIVE, REAL, Domain, Sample

BINARY = [
    Op("add", ref.add, make.binary(alpha=(None, 2, 3)), NUMBERS),
    Op("add", np.add, make.binary(), ALL, label="add plain"),
    Op("sub", ref.sub, make.binary(alpha=(None, 2)), NUMBERS),
    Op("rsub", ref.rsub, make.binary(alpha=(None, 2)), NUMBERS),
    Op("mul", np.multiply, make.binary(), ALL),
    Op("div", ref.div, make.binary(REAL, POSITIVE), ALL),
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
    Op("pow", np.power, make.binary(POSITIVE, REAL), scale=4),
    Op(
        "pow",
        np.power,
        make.binary(Domain(integers=(-9, 9)), NOT_NEGATIVE),
        INTEGERS,
        label="pow whole",
    ),
    Op("maximum", np.maximum, make.binary(), ALL, smooth=far_apart),
    Op("minimum", np.minimum, make.binary(), ALL, smooth=far_apart),
]


def _power_by(exponent):
    domain = POSITIVE if exponent < 0 or exponent % 1 else REAL
    return Op(
        "pow",
        lambda x, e: np.power(x, float(e)),
        lambda m: Sample((m.operand(m.shape(), domain), exponent)),
        scale=4,
        label=f"pow {exponent}",
    )


POWERS = [_power_by(exponent) for exponent in (0, 1, 2, 3, -1, -2, 0.5, -0.5, 1.5, 2.0)]

ROWS = [*BINARY, *POWERS]
