"""Rows of trigonometric and hyperbolic functions."""

import numpy as np

import arguments as make
from rows.op import Op
from strategies import ALL, POSITIVE, UNIT, Domain

SMOOTH = [
    Op("sin", np.sin, make.unary(), ALL),
    Op("cos", np.cos, make.unary(), ALL),
    Op("tan", np.tan, make.unary(UNIT), ALL),
    Op("asin", np.arcsin, make.unary(UNIT), ALL),
    Op("acos", np.arccos, make.unary(UNIT), ALL),
    Op("atan", np.arctan, make.unary(), ALL),
    Op("sinh", np.sinh, make.unary(), ALL),
    Op("cosh", np.cosh, make.unary(), ALL),
]

ROWS = [
    *SMOOTH,
    Op("atan2", np.arctan2, make.binary(Domain(marks=(1.0,)), POSITIVE)),
]
