"""Rows of elementwise functions of three operands."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op, kinks_of_clamp
from strategies import ALL, FLOATS

ROWS = [
    Op("clamp", ref.clamp, make.clamped, (*FLOATS, "int64", "int32"), smooth=kinks_of_clamp),
    Op("where", np.where, make.chosen_where, ALL),
]
