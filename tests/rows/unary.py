"""Rows of elementwise functions of one tensor."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op, far_from
from strategies import ALL, NUMBERS, POSITIVE

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
    Op("tanh", np.tanh, make.unary(), ALL),
    Op("sigmoid", ref.sigmoid, make.unary(), ALL),
    Op("square", lambda x: x * x, make.unary(), NUMBERS),
    Op("positive", np.positive, make.unary(), NUMBERS),
    Op("neg", np.negative, make.unary(), NUMBERS),
]

KINKED = [
    Op("abs", np.abs, make.unary(), NUMBERS, smooth=far_from),
    Op("relu", ref.relu, make.unary(), NUMBERS, smooth=far_from),
    Op("sign", np.sign, make.unary(), NUMBERS, smooth=far_from),
]

ROWS = [*SMOOTH, *KINKED]
