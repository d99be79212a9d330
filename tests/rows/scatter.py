"""Rows of writing by index and by mask."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, FLOATS, NUMBERS, POSITIVE, REAL, Domain, Operand, Sample

UFUNCS = {"add": np.add, "multiply": np.multiply, "sum": np.add, "mean": np.add}
UFUNCS |= {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


# References


def _places(dim, index):
    places = list(np.indices(index.shape))
    places[dim] = index
    return tuple(places)


def _corner(src, index):
    """The part of the source that is used."""
    return src[tuple(slice(n) for n in index.shape)]


def scatter(x, dim, index, src=None, value=None, reduce=None):
    out, index = np.atleast_1d(x).copy(), np.atleast_1d(index)
    src = value if src is None else src
    given = np.asarray(_corner(np.atleast_1d(src), index) if np.ndim(src) else src, x.dtype)
    if reduce is None:
        out[_places(dim, index)] = given
    else:
        UFUNCS[reduce].at(out, _places(dim, index), given)
    return out.reshape(x.shape)


def scatter_add(x, dim, index, src):
    return scatter(x, dim, index, src, reduce="add")


def scatter_reduce(x, dim, index, src, reduce, include_self=True):
    places, src = _places(dim, index), _corner(src, index)
    out, count = x.copy(), np.full(x.shape, int(include_self))
    if not include_self:
        limits = {"amax": -np.inf, "amin": np.inf}
        start = {"prod": 1, "sum": 0, "mean": 0}.get(reduce)
        if start is None and x.dtype.kind in "iu":
            limits = {"amax": np.iinfo(x.dtype).min, "amin": np.iinfo(x.dtype).max}
        out[places] = limits[reduce] if start is None else start
    UFUNCS[reduce].at(out, places, src)
    np.add.at(count, places, 1)
    if reduce == "mean":
        count = np.maximum(count, 1)
        out = out / count if x.dtype.kind == "f" else out // count.astype(x.dtype)
    return out


def _rows(dim, index, source):
    shape = [1] * source.ndim
    shape[dim] = -1
    return np.broadcast_to(index.reshape(shape), source.shape)


def index_add(x, dim, index, source, alpha=1):
    return scatter(x, dim, _rows(dim, index, source), source * x.dtype.type(alpha), reduce="add")


def index_copy(x, dim, index, source):
    return scatter(x, dim, _rows(dim, index, source), source)


def index_fill(x, dim, index, value):
    out = x.copy()
    out[(*(slice(None),) * (dim % x.ndim), index)] = value
    return out


def index_reduce(x, dim, index, source, reduce, include_self=True):
    return scatter_reduce(x, dim, _rows(dim, index, source), source, reduce, include_self)


def _put(x, index, source, accumulate=False):
    flat = x.reshape(-1)
    return ref.index_put(flat, (index.ravel(),), source.ravel(), accumulate).reshape(x.shape)


def _masked_scatter(x, mask, source):
    x, mask = (t.copy() for t in np.broadcast_arrays(x, mask))
    x[mask] = source.ravel()[: mask.sum()]
    return x


# Arguments


def _full(m, low=1):
    return tuple(n or 1 for n in m.shape(low))


def _different(m, shape, dim, count):
    """Indices below shape[dim] that differ along each line; the shape has `count` of them."""
    rng = np.random.default_rng(m.integer(0, 2**20))
    order = np.argsort(rng.random(shape), axis=dim)
    return Operand(
        np.take(order, range(min(count, shape[dim])), dim), m.choose(("plain", "offset"))
    )


def _where_to(m, shape, dim, once):
    """An index along a dimension, in other dimensions perhaps smaller."""
    if once:
        index = _different(m, shape, dim, m.size())
    else:
        sizes = list(shape)
        sizes[dim] = m.size()
        index = m.indices(tuple(sizes), shape[dim])
    if m.flag():
        return index
    part = tuple(slice(m.integer(0, n)) for n in index.values.shape)
    return Operand(index.values[part], "plain")


def scattered(once=False, domain=REAL, **options):
    """Tensor, dim, index and source, which may be larger than the index."""

    def make_sample(m):
        shape = _full(m)
        dim = m.dim(len(shape))
        index = _where_to(m, shape, dim, once)
        more = m.integer(0, 1)
        src = m.operand(tuple(n + more for n in index.values.shape), domain)
        given = {key: m.choose(values) for key, values in options.items()}
        return Sample((m.operand(shape, domain), dim, index, src), given)

    return make_sample


def _scattered_number(m):
    x, dim, index, _ = scattered(once=True)(m).args
    if m.flag():
        return Sample((x, dim, index, 3))
    return Sample((x, dim, index), {"value": 2} | m.choose(({}, {"reduce": "add"})))


def _zero_d(m):
    return Sample((m.operand(()), 0, m.indices(m.choose(((), (1,))), 1), m.operand(())))


def _by_rows(once=False, domain=REAL, **options):
    """Tensor, dim, a vector of positions, and a source with a row for each."""

    def make_sample(m):
        shape = _full(m)
        dim = m.dim(len(shape))
        if once:
            index = Operand(m.distinct(m.size(), shape[dim]))
        else:
            index = m.indices((m.size(),), shape[dim])
        sizes = list(shape)
        sizes[dim] = index.values.size
        given = {key: m.choose(values) for key, values in options.items()}
        args = (m.operand(shape, domain), dim, index, m.operand(tuple(sizes), domain))
        return Sample(args, given)

    return make_sample


def _filled(m):
    shape = _full(m)
    dim = m.dim(len(shape))
    n = shape[dim]
    index = m.indices((m.size(),), n)
    if m.flag():
        index = Operand(index.values - n)
    return Sample((m.operand(shape), dim, index, m.choose((2, m.operand(())))))


def _put_at(once):
    def make_sample(m):
        shape = _full(m, 0)
        n = int(np.prod(shape))
        index = Operand(m.distinct(m.size(), n)) if once else m.indices((m.size(),), n)
        source = m.operand(index.values.shape)
        return Sample((m.operand(shape), index, source), {} if once else {"accumulate": True})

    return make_sample


def _masked_from(m):
    a, b = m.pair()
    size = int(np.prod(np.broadcast_shapes(a, b))) + m.integer(0, 2)
    return Sample((m.operand(a), m.operand(b, dtype="bool"), m.operand((size,))))


def _apart(x, dim, index, src, *args, **options):
    """No two numbers so close that a small step changes which is the larger."""
    values = np.sort(np.concatenate([np.ravel(x), np.ravel(src)]))
    return np.all(np.diff(values) > 4e-5)


REDUCTIONS = [
    Op(
        name,
        reference,
        (lambda m, make_sample=make_sample, reduce=reduce: _with(make_sample(m), reduce)),
        NUMBERS if reduce != "mean" else (*FLOATS, "int64", "int32"),
        smooth=_apart if reduce.startswith("am") else (lambda *args, **options: True),
        scale=10,
        label=f"{name} {reduce}",
    )
    for name, reference, maker in (
        ("scatter_reduce", scatter_reduce, scattered),
        ("index_reduce", index_reduce, _by_rows),
    )
    for reduce in ("sum", "prod", "mean", "amax", "amin")
    if name == "scatter_reduce" or reduce != "sum"
    for make_sample in [
        maker(domain=POSITIVE if reduce == "prod" else REAL, include_self=(True, False))
    ]
]


def _with(sample, reduce):
    return Sample((*sample.args, reduce), sample.options)


ROWS = [
    Op("index_put", ref.index_put, make.put, ALL),
    Op("index_put", ref.index_put, make.put_adding, NUMBERS, scale=10, label="index_put adding"),
    Op("put", _put, _put_at(once=True), ALL),
    Op("put", _put, _put_at(once=False), NUMBERS, scale=10, label="put adding"),
    Op("masked_scatter", _masked_scatter, _masked_from, ALL),
    Op("scatter", scatter, scattered(once=True), ALL),
    Op("scatter", scatter, _zero_d, ALL, label="scatter 0-d"),
    Op("scatter", scatter, _scattered_number, NUMBERS, label="scatter number"),
    Op(
        "scatter",
        scatter,
        scattered(domain=Domain(0.1, 2.0, (1, 3)), reduce=("add", "multiply")),
        NUMBERS,
        scale=10,
        label="scatter reduce",
    ),
    Op("scatter_add", scatter_add, scattered(), ALL, scale=10),
    *REDUCTIONS,
    Op("index_add", index_add, _by_rows(alpha=(1, 2)), NUMBERS, scale=10),
    Op("index_add", index_add, _by_rows(), ALL, scale=10, label="index_add plain"),
    Op("index_copy", index_copy, _by_rows(once=True), ALL),
    Op("index_fill", index_fill, _filled, ALL),
]
