"""Rows of sorting, selecting and searching."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, FLOATS, INTEGERS, NUMBERS, Domain, Sample


def line_by_line(function, keeps=False):
    """function(line, *options), which gives values and places, along one dimension."""

    def reference(x, *args, dim=-1, keepdim=False, **options):
        lines = np.moveaxis(x, dim, -1) if x.ndim else x.reshape(1)
        outer = lines.shape[:-1]
        found = [function(lines[at], *args, **options) for at in np.ndindex(outer)]
        length = len(found[0][0]) if found else lines.shape[-1]
        results = [
            np.asarray([pair[k] for pair in found], kind).reshape(*outer, length)
            for k, kind in ((0, x.dtype), (1, np.int64))
        ]
        if x.ndim == 0:
            return [r.reshape(()) for r in results]
        moved = [np.moveaxis(r, -1, dim) for r in results]
        return moved if keeps or keepdim else [r.squeeze(dim) for r in moved]

    return reference


def order_of(line, descending=False):
    if descending:
        back = np.argsort(line[::-1], kind="stable")
        return len(line) - 1 - back[::-1]
    return np.argsort(line, kind="stable")


def sort(line, descending=False):
    order = order_of(line, descending)
    return line[order], order


def topk(line, k, largest=True):
    order = order_of(line, largest)[:k]
    return line[order], order


def element(line, at):
    order = order_of(line)[at : at + 1]
    return line[order], order


def mode(line):
    numbers, counts = np.unique(line, return_counts=True)
    best = numbers[counts.argmax()]
    return [best], [np.flatnonzero(line == best)[-1]]


def nanmedian(line):
    return element(line, max(np.count_nonzero(~np.isnan(line)) - 1, 0) // 2)


def _dim(m, shape):
    """A dimension along which there are elements."""
    fitting = [d for d, n in enumerate(shape) if n] or [0]
    return m.choose(fitting)


def sorted_along(m):
    shape = m.shape()
    return Sample((make.different(m, shape),), {"dim": m.dim(len(shape)), "descending": m.flag()})


def stably_sorted(m):
    sample = sorted_along(m)
    operand = make.with_nan(m, m.operand(sample.args[0].values.shape))
    return Sample((operand,), sample.options | {"stable": True})


def best_along(m):
    shape = tuple(n or 1 for n in m.shape())
    dim = m.dim(len(shape))
    k = m.integer(0 if shape else 1, shape[dim] if shape else 1)
    return Sample((make.different(m, shape), k), {"dim": dim, "largest": m.flag()})


def chosen_along(m):
    shape = tuple(n or 1 for n in m.shape())
    dim = m.dim(len(shape))
    k = m.integer(1, shape[dim] if shape else 1)
    return Sample((make.different(m, shape), k), {"dim": dim, "keepdim": m.flag()})


def middle_along(m):
    shape = tuple(n or 1 for n in m.shape())
    return Sample((make.different(m, shape),), {"dim": m.dim(len(shape)), "keepdim": m.flag()})


def middle_among_gaps(m):
    sample = middle_along(m)
    # PyTorch names any NaN where all are; the first numbers stay.
    x = make.with_nan(m, sample.args[0])
    values = x.values.copy()
    if values.dtype.kind == "f" and values.ndim:
        at = sample.options["dim"]
        np.moveaxis(values, at, 0)[0] = np.moveaxis(sample.args[0].values, at, 0)[0]
    elif values.ndim == 0:
        values = sample.args[0].values
    return Sample((type(x)(values, x.layout, x.differentiable, x.half),), sample.options)


def voted(m):
    shape = tuple(min(n or 1, 12) for n in m.shape())
    operand = m.operand(shape, Domain(integers=(0, 3)))
    return Sample((operand,), {"dim": m.dim(len(shape)), "keepdim": m.flag()})


def whole(m):
    return Sample((make.different(m, tuple(n or 1 for n in m.shape())),))


def searched(m):
    """Sorted sequences, one or as many as the values have rows, and values."""
    length, count = m.size(), m.size()
    rows = m.choose(((), (3,), (2, 2)))
    sequence = m.operand((*rows, length), differentiable=False)
    ordered = type(sequence)(np.sort(sequence.values), sequence.layout, False, sequence.half)
    values = m.operand((*rows, count) if rows else m.shape(), differentiable=False)
    return Sample((ordered, values), {"right": m.flag()})


def bucketed(m):
    sample = searched(m)
    boundaries = sample.args[0]
    flat = type(boundaries)(np.sort(boundaries.values.ravel()), "plain", False, boundaries.half)
    return Sample((sample.args[1], flat), sample.options | {"out_int32": m.flag()})


def searchsorted(sequence, values, right=False):
    side = "right" if right else "left"
    if sequence.ndim == 1:
        return np.searchsorted(sequence, values, side)
    rows = np.ndindex(sequence.shape[:-1])
    found = [np.searchsorted(sequence[at], values[at], side) for at in rows]
    return np.asarray(found, int).reshape(values.shape)


NO_TIES = (*FLOATS, *INTEGERS)
ROWS = [
    Op("sort", line_by_line(sort, keeps=True), sorted_along, ALL[:-1]),
    Op(
        "sort",
        line_by_line(lambda line, stable, **o: sort(line, **o), keeps=True),
        stably_sorted,
        ALL,
        False,
        label="sort stable",
    ),
    Op("argsort", ref.argsort, sorted_along, NUMBERS, False),
    Op("msort", lambda x: np.sort(x, 0) if x.ndim else x, make.unary(), ALL),
    Op("topk", line_by_line(topk, keeps=True), best_along, NO_TIES),
    Op("kthvalue", line_by_line(lambda line, k: element(line, k - 1)), chosen_along, NO_TIES),
    Op(
        "median",
        line_by_line(lambda line: element(line, (len(line) - 1) // 2)),
        middle_along,
        NO_TIES,
        label="median dim",
    ),
    Op("median", lambda x: np.sort(x, None)[(x.size - 1) // 2], whole, NO_TIES),
    Op("nanmedian", lambda x: np.sort(x, None)[(x.size - 1) // 2], whole, NO_TIES),
    Op("nanmedian", line_by_line(nanmedian), middle_among_gaps, label="nanmedian dim"),
    Op("mode", line_by_line(mode), voted, ALL),
    Op("searchsorted", searchsorted, searched, NUMBERS, False),
    Op(
        "bucketize",
        lambda x, edges, right, out_int32: searchsorted(edges, x, right),
        bucketed,
        NUMBERS,
        False,
    ),
]
