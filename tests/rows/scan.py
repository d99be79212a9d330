"""Rows of scans."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, Domain, Sample


def few_factors(m):
    """Short enough that products stay small; with zeros among them."""
    shape = tuple(min(n, 6) for n in m.shape())
    operand = m.operand(shape, Domain(-2, 2, (-2, 2), (0.0, 1.0)))
    return Sample((operand, m.dim(len(shape))))


def scan(function):
    return lambda x, dim: function(x, dim) if x.ndim else function(x.reshape(1), 0).reshape(())


def running_extreme(function, at_least):
    """The best so far, and its last place."""

    def reference(x, dim):
        places = np.zeros(x.shape, int)
        if x.ndim and x.size:
            lines, found = np.moveaxis(x, dim, -1), np.moveaxis(places, dim, -1)
            best = function.accumulate(lines, -1)
            count = np.arange(lines.shape[-1])
            found[...] = np.maximum.accumulate(np.where(at_least(lines, best), count, 0), -1)
        return (function.accumulate(x, dim) if x.ndim else x), places

    return reference


ROWS = [
    Op("cumsum", ref.cumsum, make.along(), ALL, scale=10),
    Op("cumprod", scan(np.cumprod), few_factors, ALL, scale=10),
    Op("cummax", running_extreme(np.maximum, np.greater_equal), make.along(), ALL),
    Op("cummin", running_extreme(np.minimum, np.less_equal), make.along(), ALL),
    Op("logcumsumexp", scan(np.logaddexp.accumulate), make.along(), scale=4),
]
