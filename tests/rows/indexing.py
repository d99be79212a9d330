"""Rows of reading by index and by mask."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, FLOATS, Operand, Sample


def _gathered_by(dtype):
    def make_sample(m):
        x, dim, index = make.gathered(m).args
        return Sample((x, dim, m.indices(index.values.shape, max(x.values.shape[dim], 1), dtype)))

    return make_sample


def _one_value(m):
    return Sample((m.operand(()), m.choose((0, -1)), m.indices(m.choose(((), (1,))), 1)))


def _taken(m):
    shape = tuple(n or 1 for n in m.shape())
    n = int(np.prod(shape))
    return Sample((m.operand(shape), m.indices(m.shape(), n)))


def _taken_from_the_end(m):
    x, index = _taken(m).args
    return Sample((x, Operand(np.asarray(index.values - x.values.size), index.layout)))


def _taken_along(m):
    shape = tuple(n or 1 for n in m.shape(1))
    dim = m.dim(len(shape))
    places = [1 if m.integer(0, 2) == 2 else n for n in shape]
    places[dim] = m.size()
    here = [n if d == dim % len(shape) else m.choose((1, n)) for d, n in enumerate(shape)]
    return Sample((m.operand(tuple(here)), m.indices(tuple(places), shape[dim]), dim))


def _take_along(x, index, dim=None):
    if dim is None:
        return x.reshape(-1)[index.reshape(-1)]
    d = dim % x.ndim
    common = np.broadcast_shapes(*((*t.shape[:d], 1, *t.shape[d + 1 :]) for t in (x, index)))
    sizes = [[*common[:d], t.shape[d], *common[d + 1 :]] for t in (x, index)]
    return np.take_along_axis(np.broadcast_to(x, sizes[0]), np.broadcast_to(index, sizes[1]), d)


def _masked(m):
    a, b = m.pair()
    return Sample((m.operand(a), m.operand(b, dtype="bool")))


def _masked_by_tensor(m):
    a, b = m.pair()
    return Sample((m.operand(a), m.operand(b, dtype="bool"), m.operand(())))


def _masked_select(x, mask):
    x, mask = np.broadcast_arrays(x, mask)
    return x[mask]


ROWS = [
    Op("index_select", lambda x, d, i: np.take(x, i, d), make.selected, ALL),
    Op("index_select", lambda x, d, i: x, _one_value, ALL, label="index_select 0-d"),
    Op("gather", ref.gather, make.gathered, ALL),
    Op("gather", ref.gather, _gathered_by("int32"), FLOATS, label="gather int32"),
    Op("take", lambda x, i: x.reshape(-1)[i], _taken, ALL),
    Op("take", lambda x, i: x.reshape(-1)[i], _taken_from_the_end, ALL, label="take negative"),
    Op("take_along_dim", _take_along, _taken_along, ALL),
    Op(  # PyTorch's does not take every layout
        *("take_along_dim", _take_along, _taken, FLOATS),
        torch=False,
        label="take_along_dim flat",
    ),
    Op(
        "masked_fill",
        lambda x, mask, value: np.where(mask, x.dtype.type(value), x),
        make.masked,
        ALL,
    ),
    Op(
        "masked_fill",
        lambda x, mask, value: np.where(mask, value, x),
        _masked_by_tensor,
        ALL,
        label="masked_fill tensor",
    ),
    Op("masked_select", _masked_select, _masked, ALL),
    Op("nonzero", lambda x: np.argwhere(x), make.unary(), ALL, False),
    Op(
        "nonzero",
        lambda x: np.nonzero(x),
        make.of_rank(1, 3),
        ALL,
        False,
        call=lambda lib, x: lib.nonzero(x, as_tuple=True),
        label="nonzero as_tuple",
    ),
    Op("argwhere", lambda x: np.argwhere(x), make.unary(), ALL, False),
    Op("where", lambda x: np.nonzero(x), make.of_rank(1, 3), ALL, False, label="where alone"),
    Op("nn.functional.one_hot", ref.one_hot, make.labels, ("int64",), False),
]
