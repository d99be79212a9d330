"""Rows of what finds different elements."""

import numpy as np

from rows.op import Op
from strategies import ALL, Domain, Sample


def repeated(flags, low_rank=0):
    """A tensor with equal elements, and which results are asked for."""

    def make(m):
        shape = m.shape(low_rank)
        options = {flag: m.flag() for flag in flags}
        if low_rank:
            shape = tuple(n or 1 for n in shape)
            options["dim"] = m.dim(len(shape))
        return Sample((m.operand(shape, Domain(0, 1, (0, 2), (0.0, 0.5, 1.0))),), options)

    return make


def unique(x, return_inverse=False, return_counts=False, dim=None):
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=dim)
    inverse = inverse.reshape(x.shape if dim is None else -1)
    found = [values, *([inverse] if return_inverse else []), *([counts] if return_counts else [])]
    return found if len(found) > 1 else values


def unique_consecutive(x, return_inverse=False, return_counts=False, dim=None):
    rows = np.moveaxis(x, dim, 0) if dim is not None else x.ravel()
    flat = rows.reshape(len(rows), -1) if rows.size else rows.reshape(len(rows), 1)
    starts = np.concatenate([np.ones(min(len(rows), 1), bool), (flat[1:] != flat[:-1]).any(1)])
    inverse = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    values = rows[first] if dim is None else np.moveaxis(rows[first], 0, dim)
    counts = np.diff(np.append(first, len(rows)))
    inverse = inverse.reshape(x.shape) if dim is None else inverse
    found = [values, *([inverse] if return_inverse else []), *([counts] if return_counts else [])]
    return found if len(found) > 1 else values


FLAGS = ("return_inverse", "return_counts")
ROWS = [
    Op("unique", unique, repeated(FLAGS), ALL, False),
    Op("unique", unique, repeated(FLAGS, 1), ALL, False, label="unique dim"),
    Op("unique_consecutive", unique_consecutive, repeated(FLAGS), ALL, False),
    Op(
        "unique_consecutive",
        unique_consecutive,
        repeated(FLAGS, 1),
        ALL,
        False,
        label="unique_consecutive dim",
    ),
]
