"""Rows of trigonometric and hyperbolic functions."""

import numpy as np

import arguments as make
from rows.op import Op
from strategies import ALL, FLOATS, POSITIVE, REAL, UNIT, Domain

SMOOTH = [
    Op("sin", np.sin, make.unary(), ALL),
    Op("cos", np.cos, make.unary(), ALL),
    Op("tan", np.tan, make.unary(UNIT), ALL),
    Op("asin", np.arcsin, make.unary(UNIT), ALL),
    Op("acos", np.arccos, make.unary(UNIT), ALL),
    Op("atan", np.arctan, make.unary(), ALL),
    Op("sinh", np.sinh, make.unary(), ALL),
    Op("cosh", np.cosh, make.unary(), ALL),
    Op("asinh", np.arcsinh, make.unary(), ALL),
    Op("acosh", np.arccosh, make.unary(Domain(1.1, 4.0, (1, 9))), ALL),
    Op("atanh", np.arctanh, make.unary(UNIT), ALL),
    Op("deg2rad", lambda x: x * (np.pi / 180), make.unary(), ALL),
    Op("rad2deg", lambda x: x * (180 / np.pi), make.unary(), ALL),
]

ROWS = [
    *SMOOTH,
    Op("sinc", lambda x: np.sinc(x.astype(float)), make.unary(), ALL),
    Op("atan2", np.arctan2, make.binary(Domain(marks=(1.0,)), POSITIVE)),
    Op("hypot", np.hypot, make.binary(REAL, POSITIVE), FLOATS),
]
