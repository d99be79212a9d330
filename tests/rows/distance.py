"""Rows of distances."""

import numpy as np

from rows.op import Op, far_from
from strategies import Sample


def pairs(*orders):
    """Two batches of vectors, and the order of the norm."""

    def make(m):
        rows, columns, features = m.size(), m.size(), m.size()
        lead = tuple(m.choose((1, 2)) for _ in range(m.integer(0, 1)))
        a, b = m.operand((*lead, rows, features)), m.operand((columns, features))
        return Sample((a, b, m.choose(orders)))

    return make


def many(m):
    """So many vectors that the distances come from a product of matrices."""
    a, b = m.operand((m.integer(26, 40), 3)), m.operand((m.size(), 3))
    return Sample((a, b))


def cdist(a, b, p=2.0):
    steps = np.abs(a[..., :, None, :] - b[..., None, :, :])
    if p == 0:
        return np.count_nonzero(steps, -1).astype(float)
    if np.isinf(p):
        return steps.max(-1, initial=0)
    return (steps**p).sum(-1) ** (1 / p)


def apart(a, b, p=2.0):
    """No two components agree, and none are the largest together."""
    steps = np.sort(np.abs(a[..., :, None, :] - b[..., None, :, :]), -1)
    return far_from(steps).all() and (not np.isinf(p) or far_from(np.diff(steps)).all())


ROWS = [
    Op("cdist", cdist, pairs(1.0, 2.0, 3.0, 0.0), scale=20, smooth=apart),
    Op("cdist", cdist, pairs(1.5, 0.7, np.inf), scale=50, smooth=apart, label="cdist other p"),
    # The roots of small differences: only half of the digits are right.
    Op(
        "cdist",
        cdist,
        many,
        ("float64",),
        scale=1e7,
        halves=False,
        smooth=lambda a, b: cdist(a, b).min(initial=1) > 0.1,
        label="cdist by product",
    ),
]
