"""Rows of matrix products."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import FLOATS, NUMBERS

ROWS = [
    *(
        Op("matmul", np.matmul, make.product(a, b), NUMBERS, scale=10, label=f"matmul {a}D {b}D")
        for a in (1, 2, 3, 4)
        for b in (1, 2, 3, 4)
    ),
    Op("mm", np.matmul, make.product(2, 2), NUMBERS, scale=10),
    Op("bmm", np.matmul, make.batched, NUMBERS, scale=10),
    Op("mv", np.matmul, make.product(2, 1), NUMBERS, scale=10),
    Op("dot", np.dot, make.product(1, 1), NUMBERS, scale=10),
    Op("outer", np.outer, make.vectors, NUMBERS),
    Op("nn.functional.linear", ref.linear, make.layer, FLOATS, scale=10),
]
