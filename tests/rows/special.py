"""Rows of special functions."""

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL

SMOOTH = [
    Op("erf", ref.erf, make.unary(), ALL),
]

ROWS = [*SMOOTH]
