"""Rows of scans."""

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL

ROWS = [
    Op("cumsum", ref.cumsum, make.along(), ALL, scale=10),
]
