"""Rows of extremes."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, NUMBERS, REAL


def _smallest_and_largest(x, dim=None, keepdim=False):
    axis = dim if x.ndim else None
    return x.min(axis, keepdims=keepdim), x.max(axis, keepdims=keepdim)


ROWS = [
    Op("amax", ref.reduction(np.max), make.reduced(empty=False), ALL),
    Op("amin", ref.reduction(np.min), make.reduced(empty=False), ALL),
    Op("max", lambda x: x.max(), make.not_empty, ALL),
    Op("min", lambda x: x.min(), make.not_empty, ALL),
    Op(
        "max",
        ref.extreme(np.max, np.argmax),
        make.along(False, keepdim=(False, True)),
        ALL,
        label="max dim",
    ),
    Op(
        "min",
        ref.extreme(np.min, np.argmin),
        make.along(False, keepdim=(False, True)),
        ALL,
        label="min dim",
    ),
    Op("argmax", ref.position(np.argmax), make.reduced(REAL, False, True), NUMBERS, False),
    Op("argmin", ref.position(np.argmin), make.reduced(REAL, False, True), NUMBERS, False),
    Op("aminmax", _smallest_and_largest, make.reduced(REAL, False, True), ALL),
]
