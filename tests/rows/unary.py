"""Rows of elementwise functions of one tensor."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op, far_from, fraction
from strategies import ALL, INTEGERS, NUMBERS, POSITIVE, UNIT

SMOOTH = [
    Op("exp", np.exp, make.unary(), ALL),
    Op("exp2", np.exp2, make.unary(), ALL),
    Op("expm1", np.expm1, make.unary(), ALL),
    Op("log", np.log, make.unary(POSITIVE), ALL),
    Op("log2", np.log2, make.unary(POSITIVE), ALL),
    Op("log10", np.log10, make.unary(POSITIVE), ALL),
    Op("log1p", np.log1p, make.unary(POSITIVE), ALL),
    Op("sqrt", np.sqrt, make.unary(POSITIVE), ALL),
    Op("rsqrt", lambda x: 1 / np.sqrt(x), make.unary(POSITIVE), ALL),
    Op("reciprocal", lambda x: np.divide(1, x), make.unary(POSITIVE), ALL),
    Op("sin", np.sin, make.unary(), ALL),
    Op("cos", np.cos, make.unary(), ALL),
    Op("tan", np.tan, make.unary(UNIT), ALL),
    Op("asin", np.arcsin, make.unary(UNIT), ALL),
    Op("acos", np.arccos, make.unary(UNIT), ALL),
    Op("atan", np.arctan, make.unary(), ALL),
    Op("sinh", np.sinh, make.unary(), ALL),
    Op("cosh", np.cosh, make.unary(), ALL),
    Op("tanh", np.tanh, make.unary(), ALL),
    Op("erf", ref.erf, make.unary(), ALL),
    Op("sigmoid", ref.sigmoid, make.unary(), ALL),
    Op("square", lambda x: x * x, make.unary(), NUMBERS),
    Op("neg", np.negative, make.unary(), NUMBERS),
    Op("nn.functional.logsigmoid", ref.logsigmoid, make.unary()),
]

KINKED = [
    Op("abs", np.abs, make.unary(), NUMBERS, smooth=far_from),
    Op("relu", ref.relu, make.unary(), NUMBERS, smooth=far_from),
    Op("sign", np.sign, make.unary(), NUMBERS, smooth=far_from),
    Op("floor", np.floor, make.unary(), NUMBERS, smooth=fraction),
    Op("ceil", np.ceil, make.unary(), NUMBERS, smooth=fraction),
    Op("trunc", np.trunc, make.unary(), NUMBERS, smooth=fraction),
    Op("round", np.round, make.unary(), NUMBERS, smooth=fraction),
    Op(
        "round",
        ref.round_,
        make.nothing_but(decimals=1),
        smooth=lambda x, decimals: fraction(10 * x),
        halves=False,
        label="round decimals",
    ),
]

PREDICATES = [
    Op("isnan", np.isnan, make.unary(), ALL, False),
    Op("isinf", np.isinf, make.unary(), ALL, False),
    Op("isfinite", np.isfinite, make.unary(), ALL, False),
    Op("logical_not", np.logical_not, make.unary(), ALL, False),
    Op("bitwise_not", np.invert, make.unary(), (*INTEGERS, "bool"), False),
]

ROWS = [*SMOOTH, *KINKED, *PREDICATES]
