"""Rows of elementwise functions of two operands."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op, far_apart, far_quotient, kinks_of_clamp
from strategies import ALL, FLOATS, INTEGERS, NOT_NEGATIVE, NUMBERS, POSITIVE, REAL, Domain, Sample

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
    Op("atan2", np.arctan2, make.binary(Domain(marks=(1.0,)), POSITIVE)),
    Op("maximum", np.maximum, make.binary(), ALL, smooth=far_apart),
    Op("minimum", np.minimum, make.binary(), ALL, smooth=far_apart),
    Op("clamp", ref.clamp, make.clamped, (*FLOATS, "int64", "int32"), smooth=kinks_of_clamp),
    Op("where", np.where, make.chosen_where, ALL),
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

COMPARISONS = [
    Op(name, function, make.binary(), ALL, False)
    for name, function in {
        "eq": np.equal,
        "ne": np.not_equal,
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
        "logical_and": np.logical_and,
        "logical_or": np.logical_or,
        "logical_xor": np.logical_xor,
        "isclose": np.isclose,
    }.items()
] + [
    Op(name, function, make.binary(), (*INTEGERS, "bool"), False)
    for name, function in {
        "bitwise_and": np.bitwise_and,
        "bitwise_or": np.bitwise_or,
        "bitwise_xor": np.bitwise_xor,
    }.items()
]

ROWS = [*BINARY, *POWERS, *COMPARISONS]
