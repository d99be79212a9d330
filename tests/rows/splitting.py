"""Rows of tensors taken apart."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, Operand, Sample


def in_sections(m):
    """A tensor of sizes that can be split evenly, and a number of pieces or the places between."""

    def maker(low, dim):
        def make_sample(m):
            rank = m.integer(low, 3)
            shape = tuple(m.choose((2, 4, 6)) for _ in range(rank))
            n = shape[0 if rank == 1 else dim]
            places = m.choose((1, 2, n, (1,), (1, n - 1), (n - 1, 1), (-1,), (0, 99)))
            return Sample((m.operand(shape), places))

        return make_sample

    return maker(*m)


def split_anywhere(m):
    shape = m.shape(1)
    dim = m.dim(len(shape))
    n = shape[dim]
    places = m.choose((1, 3, n + 2, (), (1,), (-1, n), (n, 0), (2, 2, 99)))
    if m.integer(0, 4) == 4:
        places = Operand(np.asarray(places, np.int64), differentiable=False)
    return Sample((m.operand(shape), places, dim))


def with_sizes(m):
    shape = m.shape(1)
    dim = m.dim(len(shape))
    first = m.integer(0, shape[dim])
    return Sample((m.operand(shape), [first, shape[dim] - first, 0], dim))


def tensor_split(x, places, dim=0):
    if isinstance(places, np.ndarray):
        places = places.tolist()
    return np.array_split(x, places, dim)


def along(dim):
    return lambda x, places: tensor_split(x, places, 0 if x.ndim == 1 else dim)


ROWS = [
    Op("split", ref.split, make.in_pieces, ALL),
    Op("split_with_sizes", ref.split, with_sizes, ALL),
    Op("chunk", ref.chunk, make.in_chunks, ALL),
    Op("unbind", ref.unbind, make.along_existing, ALL),
    Op("tensor_split", tensor_split, split_anywhere, ALL),
    Op("hsplit", along(1), in_sections((1, 1)), ALL),
    Op("vsplit", along(0), in_sections((2, 0)), ALL),
    Op("dsplit", along(2), in_sections((3, 2)), ALL),
]
