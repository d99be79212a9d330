"""Rows of diagonals, and of copies with a part replaced."""

import numpy as np

from rows.op import Op
from strategies import ALL, INTEGERS, NUMBERS, Domain, Sample


def _matrices(m):
    return Sample((m.operand(m.shape(2, 4)), m.integer(-4, 4)))


def _limited(shape):
    """A last size of which the square is not too much."""
    return (*shape[:-1], min(shape[-1], 150)) if shape else shape


def _vector_or_matrix(m):
    return Sample((m.operand(_limited(m.shape(1, 2))), m.integer(-3, 3)))


def _diagonals(m):
    shape = m.shape(2, 4)
    dims = np.random.default_rng(m.integer(0, 999)).permutation(len(shape))[:2]
    return Sample((m.operand(shape), m.integer(-4, 4), int(dims[0]), int(dims[1]) - len(shape)))


def _embedded(m):
    shape = _limited(m.shape(1, 3))
    rank = len(shape) + 1
    dims = np.random.default_rng(m.integer(0, 999)).permutation(rank)[:2]
    return Sample((m.operand(shape), m.integer(-2, 2), int(dims[0]), int(dims[1]) - rank))


def _tensor_and_offset(m):
    shape = m.shape(0, 2)
    small = shape if int(np.prod(shape)) < 500 else (150,)
    return Sample((m.operand(small), m.integer(-2, 2)))


def _with_source(make_sample, shape_of):
    def make(m):
        x, *place = make_sample(m).args
        return Sample((x, m.operand(shape_of(x.values, *place)), *place))

    return make


def _selection(m):
    shape = tuple(n or 1 for n in m.shape(1))
    dim = m.dim(len(shape))
    return Sample((m.operand(shape), dim, m.integer(-shape[dim], shape[dim] - 1)))


def _slice(m):
    shape = m.shape(1)
    dim = m.dim(len(shape))
    bound = (None, 0, 1, -1, 2, -9, 9)
    return Sample((m.operand(shape), dim, m.choose(bound), m.choose(bound), m.integer(1, 3)))


def _sliced(x, dim, *limits):
    return (*(slice(None),) * (dim % x.ndim), slice(*limits))


def _diag_embed(x, offset, dim1, dim2):
    n = x.shape[-1] + abs(offset)
    out = np.zeros((*x.shape[:-1], n, n), x.dtype)
    i = np.arange(x.shape[-1])
    out[..., i + max(-offset, 0), i + max(offset, 0)] = x
    return np.moveaxis(out, (-2, -1), (dim1, dim2))


def _replaced(view):
    def reference(x, src, *place):
        out = x.copy()
        view(out, *place)[...] = src
        return out

    return reference


def _diagonal(x, *place):
    view = np.diagonal(x, *place)
    view.flags.writeable = x.flags.writeable
    return view


def _diagonal_of(x, *place):
    return np.diagonal(x, *place).shape


def _positions(m):
    shape = tuple(n or 1 for n in m.shape(1))
    index = m.operand(m.shape(), Domain(integers=(0, min(int(np.prod(shape)), 256) - 1)))
    return Sample((index, m.choose((shape, list(shape)))))


ROWS = [
    Op("diag", np.diag, _vector_or_matrix, ALL),
    Op("diagonal", np.diagonal, _diagonals, ALL),
    Op("diag_embed", _diag_embed, _embedded, ALL),
    Op("diagflat", np.diagflat, _tensor_and_offset, ALL),
    Op("trace", np.trace, lambda m: Sample((m.operand(m.shape(2, 2)),)), NUMBERS, scale=10),
    Op("tril", np.tril, _matrices, ALL),
    Op("triu", np.triu, _matrices, ALL),
    Op(
        "select_scatter",
        _replaced(lambda x, dim, i: np.moveaxis(x, dim, 0)[i, ...]),
        _with_source(_selection, lambda x, dim, i: np.take(x, i, dim).shape),
        ALL,
    ),
    Op(
        "slice_scatter",
        _replaced(lambda x, *place: x[_sliced(x, *place)]),
        _with_source(_slice, lambda x, *place: x[_sliced(x, *place)].shape),
        ALL,
    ),
    Op(
        "diagonal_scatter",
        _replaced(_diagonal),
        _with_source(_diagonals, _diagonal_of),
        ALL,
    ),
    Op("unravel_index", lambda i, shape: np.unravel_index(i, shape), _positions, INTEGERS, False),
]
