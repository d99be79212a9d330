"""Rows of sorting and searching."""

import arguments as make
import references as ref
from rows.op import Op
from strategies import NUMBERS

ROWS = [
    Op("argsort", ref.argsort, make.sorted_along, NUMBERS, False, torch=False),
]
