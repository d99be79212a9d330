"""Rows of elements in another order, or several times."""

import numpy as np

import arguments as make
from rows.op import Op
from strategies import ALL, Domain, Sample


def rolled(m):
    shape = m.shape()
    if not shape or m.flag():
        return Sample((m.operand(shape), m.integer(-9, 9)))
    dims = tuple(m.dim(len(shape)) for _ in range(m.integer(1, 2)))
    return Sample((m.operand(shape), tuple(m.integer(-9, 9) for _ in dims), dims))


def turned(m):
    shape = m.shape(2)
    if len(shape) < 2:
        shape = (*shape, 2)
    dims = m.choose(((0, 1), (1, 0), (-1, 0)))
    return Sample((m.operand(shape), m.integer(-5, 5), dims))


def repeated(m):
    shape = tuple(min(n, 300) for n in m.shape())
    more = m.choose(((), (2,)))
    return Sample((m.operand(shape), (*more, *(m.choose((1, 2, 3, 0)) for _ in shape))))


def tiled(m):
    shape = tuple(min(n, 300) for n in m.shape())
    return Sample((m.operand(shape), tuple(m.choose((1, 2, 3, 0)) for _ in range(m.integer(0, 4)))))


def repeat(x, times):
    sizes = (1,) * (len(times) - x.ndim) + x.shape
    return np.tile(x, times).reshape([a * b for a, b in zip(times, sizes, strict=True)])


def interleaved(m):
    """A tensor, one number of repeats or one for each position, and perhaps a dimension."""
    shape = m.shape(1)
    dim = m.choose((None, m.dim(len(shape))))
    n = int(np.prod(shape)) if dim is None else shape[dim]
    counts = m.operand(
        m.choose(((n,), (1,), ())), Domain(integers=(0, 3)), m.choose(("int64", "int32")), False
    )
    given = () if dim is None else (dim,)
    return Sample((m.operand(shape), m.choose((0, 2, counts)), *given))


def repeat_interleave(x, repeats, dim=None):
    return np.repeat(x, repeats if np.ndim(repeats) else int(repeats), dim)


ROWS = [
    Op("flip", np.flip, make.flipped, ALL),
    Op("fliplr", np.fliplr, make.of_rank(2, 3), ALL),
    Op("flipud", np.flipud, make.of_rank(1, 3), ALL),
    Op("roll", np.roll, rolled, ALL),
    Op("rot90", np.rot90, turned, ALL),
    Op("Tensor.repeat", repeat, repeated, ALL),
    Op("tile", np.tile, tiled, ALL),
    Op("repeat_interleave", repeat_interleave, interleaved, ALL),
    Op(
        "repeat_interleave",
        lambda repeats: np.repeat(np.arange(len(repeats)), repeats),
        lambda m: Sample((m.operand((m.size(),), Domain(integers=(0, 5))),)),
        ("int64", "int32"),
        False,
        label="repeat_interleave alone",
    ),
]
