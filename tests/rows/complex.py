"""Rows of functions for complex numbers, of real ones."""

import numpy as np

import arguments as make
from rows.op import Op, far_from
from strategies import ALL, NUMBERS

ITSELF = ("conj", "conj_physical", "resolve_conj", "resolve_neg", "real")

ROWS = [
    *(Op(name, lambda x: x, make.unary(), ALL) for name in ITSELF),
    Op("sgn", np.sign, make.unary(), NUMBERS, smooth=far_from),
    Op("angle", lambda x: np.where(x < 0, np.pi, 0.0), make.unary(), ALL, smooth=far_from),
    Op("isreal", np.isreal, make.unary(), ALL, False),
]
