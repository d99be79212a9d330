"""Rows of comparisons, tests, logic and bits."""

import numpy as np

import arguments as make
from rows.op import Op
from strategies import ALL, FLOATS, INTEGERS, REAL, Domain

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

SHIFTS = [
    Op(name, function, make.binary(REAL, Domain(integers=(0, 6))), INTEGERS, False)
    for name, function in {
        "bitwise_left_shift": np.left_shift,
        "bitwise_right_shift": np.right_shift,
    }.items()
]

PREDICATES = [
    Op("isnan", np.isnan, make.unary(), ALL, False),
    Op("isinf", np.isinf, make.unary(), ALL, False),
    Op("isfinite", np.isfinite, make.unary(), ALL, False),
    Op("isposinf", np.isposinf, make.unary(), FLOATS, False),
    Op("isneginf", np.isneginf, make.unary(), FLOATS, False),
    Op("signbit", lambda x: np.signbit(x.astype(float)), make.unary(), ALL, False),
    Op("logical_not", np.logical_not, make.unary(), ALL, False),
    Op("bitwise_not", np.invert, make.unary(), (*INTEGERS, "bool"), False),
]

ROWS = [*COMPARISONS, *SHIFTS, *PREDICATES]
