"""Rows of tensors made to fit each other."""

import numpy as np

import arguments as make
from rows.op import Op
from strategies import ALL, Sample


def expanded_as(m):
    sample = make.expanded(m)
    return Sample((sample.args[0], m.operand(sample.args[1], differentiable=False)))


def gridded(m):
    """Vectors, or a number among them, and how the grid is indexed."""
    sizes = [m.choose((1, 2, 3, 0)) for _ in range(m.integer(1, 3))]
    parts = [m.operand(m.choose(((n,), ())) if n == 1 else (n,)) for n in sizes]
    return Sample(tuple(parts), {"indexing": m.choose(("ij", "xy"))})


ROWS = [
    Op("Tensor.expand", np.broadcast_to, make.expanded, ALL),
    Op("broadcast_to", np.broadcast_to, make.expanded, ALL),
    Op("Tensor.expand_as", lambda x, y: np.broadcast_to(x, y.shape), expanded_as, ALL),
    Op("broadcast_tensors", np.broadcast_arrays, make.binary(), ALL),
    Op("meshgrid", np.meshgrid, gridded, ALL),
]
