"""Rows of norms."""

import numpy as np

import arguments as make
from rows.op import Op
from strategies import Sample

ORDERS = (2, 1, 3, 0.5, 1.5, float("inf"), float("-inf"), 0, -1, -2, "fro")


def measured(m):
    sample = make.reduced(empty=False)(m)
    return Sample((sample.args[0], m.choose(ORDERS)), sample.options)


def norm(x, p=2, dim=None, keepdim=False):
    axis = dim if x.ndim else None
    p = 2 if p == "fro" else p
    size = np.abs(x)
    if p == 0:
        return np.asarray(np.count_nonzero(x, axis, keepdims=keepdim), x.dtype)
    if np.isinf(p):
        return (size.max if p > 0 else size.min)(axis, keepdims=keepdim)
    return (size ** float(p)).sum(axis, keepdims=keepdim) ** (1 / p)


def no_kink(x, *rest, **options):
    """No element near 0, and no two of the same size."""
    sizes = np.sort(np.abs(x).ravel())
    return np.all(sizes > 0.05) and np.all(np.diff(sizes) > 1e-3)


def compared(m):
    a, b = m.pair()
    return Sample((m.operand(a), m.operand(b), m.choose((2, 1, 3))))


ROWS = [
    Op("norm", norm, measured, smooth=no_kink, scale=40),
    Op(
        "dist",
        lambda a, b, p: norm(a - b, p),
        compared,
        smooth=lambda a, b, p: no_kink(a - b),
        scale=20,
    ),
]
