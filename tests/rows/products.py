"""Rows of products of vectors and of chains of matrices."""

from functools import reduce
from itertools import pairwise

import numpy as np

import arguments as make
from rows.op import Op
from strategies import ALL, FLOATS, NUMBERS, Sample


def crossed(place):
    """Tensors of which one dimension has size 3, and which one; None means the last or first."""

    def make(m):
        shape = [m.choose((1, 2, 4)) for _ in range(m.integer(0, 2))]
        at = m.integer(0, len(shape)) if place else len(shape)
        shape.insert(at, 3)
        a = tuple(1 if n != 3 and m.flag() else n for n in shape)
        dim = {"dim": m.choose((at, at - len(shape)))} if place else {}
        return Sample((m.operand(a), m.operand(tuple(shape))), dim)

    return make


def along(m):
    shape = m.shape(1)
    return Sample((m.operand(shape), m.operand(shape)), {"dim": m.dim(len(shape))})


def small(m):
    shapes = [tuple(min(m.size(), 3) for _ in range(m.integer(0, 3))) for _ in range(2)]
    return Sample(tuple(m.operand(shape) for shape in shapes))


def chain(low, high, vectors=False):
    def make(m):
        sizes = [m.size() for _ in range(m.integer(low, high) + 1)]
        shapes = [list(pair) for pair in pairwise(sizes)]
        if vectors and m.flag():
            del shapes[0][0]
        if vectors and m.flag():
            del shapes[-1][1]
        parts = [m.operand(tuple(shape)) for shape in shapes]
        return Sample((parts,) if vectors else tuple(parts))

    return make


def last_meet(m):
    size = m.size()
    lead = [tuple(m.size() for _ in range(m.integer(0, 1))) for _ in range(2)]
    shapes = [(*sizes, size) for sizes in lead]
    return Sample(tuple(m.operand(m.choose((shape, ()))) for shape in shapes))


def cross(a, b, dim=-1):
    return np.cross(*np.broadcast_arrays(a, b), axis=dim)


def diagonal(x, offset):
    return np.diagonal(x, offset, -2, -1)


ROWS = [
    Op("inner", np.inner, last_meet, NUMBERS, scale=20),
    Op("vdot", np.dot, make.product(1, 1), NUMBERS, scale=20),
    Op("kron", np.kron, small, ALL),
    Op("cross", cross, crossed(True), NUMBERS, scale=4),
    Op("linalg.cross", cross, crossed(False), NUMBERS, scale=4),
    Op("linalg.vecdot", lambda a, b, dim: (a * b).sum(dim), along, FLOATS, scale=20),
    Op(
        "linalg.diagonal",
        diagonal,
        lambda m: Sample((m.operand(m.shape(2, 4)),), {"offset": m.integer(-2, 2)}),
        ALL,
    ),
    Op("chain_matmul", lambda *parts: reduce(np.matmul, parts), chain(1, 4), FLOATS, scale=1e3),
    Op("linalg.multi_dot", lambda parts: reduce(np.matmul, parts), chain(2, 5, True), scale=1e3),
]
