"""Rows of counting."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import INTEGERS, POSITIVE, Operand, Sample

LIMITS = ((-2.5, 2.5), (0.0, 4.0))


def in_intervals(m):
    low, high = m.choose(LIMITS)
    options = {"bins": m.choose((1, 4, 7)), "min": low, "max": high}
    return Sample((_apart_from_edges(m, m.shape(), low, high, options["bins"]),), options)


def _apart_from_edges(m, shape, low, high, bins):
    """Numbers that rounding would not put into the next interval."""
    x = m.operand(shape, differentiable=False)
    step = (high - low) / bins
    place = (x.values - low) / step
    moved = np.where(np.abs(place - np.round(place)) < 0.01, x.values + 0.1 * step, x.values)
    return Operand(moved.astype(x.values.dtype), x.layout, False)


def histc(x, bins, min, max):
    return np.asarray(np.histogram(x, bins, (min, max))[0], x.dtype)


def weighed(m):
    low, high = m.choose(LIMITS)
    bins = m.choose((1, 4, 7))
    x = _apart_from_edges(m, m.shape(), low, high, bins)
    options = {"range": (low, high), "density": False}
    if m.flag():
        options["weight"] = m.operand(x.values.shape, POSITIVE, differentiable=False)
    return Sample((x, bins), options)


def between_edges(m):
    edges = np.array([-2.05, -0.3, 0.51, 2.2])
    x = m.operand(m.shape(), differentiable=False)
    return Sample((x, Operand(edges.astype(x.values.dtype), differentiable=False)))


def histogram(x, bins, range=None, weight=None, density=False):
    counts, edges = np.histogram(x, bins, range, density, weight)
    return np.asarray(counts, x.dtype), edges


ROWS = [
    Op("bincount", ref.bincount, make.counted, INTEGERS, False),
    Op("histc", histc, in_intervals, differentiable=False),
    Op("histogram", histogram, weighed, differentiable=False, scale=20, halves=False),
    Op(
        "histogram",
        histogram,
        between_edges,
        differentiable=False,
        halves=False,
        label="histogram of edges",
    ),
]
