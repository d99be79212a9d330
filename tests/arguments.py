"""What operations are called with: each function makes the arguments of one family of them.

They take a `Maker` (see `tests/strategies.py`) and return a `Sample`, or return such a function.
"""

from dataclasses import replace
from math import prod

import numpy as np

from strategies import NOT_NEGATIVE, POSITIVE, PROBABILITY, REAL, Domain, Operand, Sample


def unary(domain=REAL):
    return lambda m: Sample((m.operand(m.shape(), domain),))


def binary(first=REAL, second=None, **options):
    """Two operands; each option is drawn from the values given for it, None meaning its absence."""

    def make(m):
        a, b = m.pair()
        drawn = {key: m.choose(values) for key, values in options.items()}
        given = {key: value for key, value in drawn.items() if value is not None}
        return Sample((m.operand(a, first), m.operand(b, second or first)), given)

    return make


def clamped(m):
    a, b = m.pair()
    low, high = m.operand(b, Domain(-2, 0, (-3, 3))), m.operand(b, Domain(-0.5, 2, (-1, 6)))
    bounds = m.choose(
        ({"min": -1}, {"max": 2}, {"min": -1, "max": 2}, {"min": low}, {"min": low, "max": high})
    )
    return Sample((m.operand(a),), bounds)


def chosen_where(m):
    a, b = m.pair()
    condition = m.operand(m.choose((a, b)), dtype="bool")
    return Sample((condition, m.operand(a), m.operand(b)))


def _not_empty(m, shape):
    return tuple(n or m.choose((1, 2)) for n in shape)


def reduced(domain=REAL, empty=True, one_dim=False, **options):
    """A tensor, the dimensions to reduce (`one_dim`: one or None), and keepdim."""

    def make(m):
        shape = m.shape() if empty else _not_empty(m, m.shape())
        dim = m.choose((None, m.dim(len(shape)))) if one_dim else m.dims(len(shape))
        drawn = {key: m.choose(values) for key, values in options.items()}
        given = {} if dim is None else {"dim": dim}
        if dim is not None:
            given["keepdim"] = m.flag()
        return Sample((m.operand(shape, domain),), given | drawn)

    return make


def with_nan(m, operand):
    """The operand with NaN here and there, if it holds floats."""
    values = operand.values
    if values.dtype.kind != "f":
        return operand
    missing = np.random.default_rng(m.integer(0, 2**20)).random(values.shape) < 0.2
    return replace(operand, values=np.where(missing, values.dtype.type(np.nan), values))


def different(m, shape):
    """An operand without equal elements, as far as its dtype has so many."""
    operand = m.operand(shape)
    values = operand.values
    order = np.random.default_rng(m.integer(0, 2**20)).permutation(values.size)
    lowest = values.size // 2 if values.dtype.kind in "if" else 0
    return replace(operand, values=(order - lowest).reshape(values.shape).astype(values.dtype))


def along(empty=True, **options):
    """A tensor and one dimension."""

    def make(m):
        shape = m.shape() if empty else _not_empty(m, m.shape())
        drawn = {key: m.choose(values) for key, values in options.items()}
        return Sample((m.operand(shape), m.dim(len(shape))), drawn)

    return make


def not_empty(m):
    return Sample((m.operand(_not_empty(m, m.shape())),))


def along_existing(m):
    shape = tuple(min(n, 200) for n in m.shape(1))
    return Sample((m.operand(shape), m.dim(len(shape))))


def small_products(m):
    shape = tuple(min(n, 6) for n in m.shape())
    dim = m.choose((None, m.dim(len(shape))))
    given = {} if dim is None else {"dim": dim, "keepdim": m.flag()}
    return Sample((m.operand(shape, Domain(-2, 2, (-2, 2), (0.0, 1.0))),), given)


def summed_to(m):
    shape = m.shape(1)
    return Sample((m.operand(shape), m._part(shape)))


def nothing_but(**options):
    """A tensor and fixed options."""
    return lambda m: Sample((m.operand(m.shape()),), options)


def reshaped(m):
    """A tensor and another shape for it."""
    shape = m.shape()
    flat = (prod(shape),)
    inferred = (-1,) if prod(shape) else flat
    return Sample((m.operand(shape), m.choose((shape[::-1], flat, inferred, (1, *shape)))))


def viewed(m):
    sample = reshaped(m)
    values = m.array(sample.args[0].values.shape)
    return Sample((Operand(values), sample.args[1]))


def flattened(m):
    shape = m.shape()
    first, last = sorted(m.dim(len(shape)) % max(len(shape), 1) for _ in range(2))
    return Sample((m.operand(shape), first, m.choose((last, last - max(len(shape), 1)))))


def unflattened(m):
    shape = m.shape(1)
    dim = m.dim(len(shape))
    return Sample((m.operand(shape), dim, m.choose(((1, shape[dim]), (shape[dim], 1)))))


def permuted(m):
    shape = m.shape()
    order = list(range(len(shape)))
    for i in order[:]:
        j = m.integer(0, len(shape) - 1)
        order[i], order[j] = order[j], order[i]
    return Sample((m.operand(shape), tuple(order)))


def exchanged(m):
    shape = m.shape(1)
    return Sample((m.operand(shape), m.dim(len(shape)), m.dim(len(shape))))


def of_rank(low, high):
    return lambda m: Sample((m.operand(tuple(m.size() for _ in range(m.integer(low, high)))),))


def squeezed(m):
    shape = tuple(1 if m.flag() else n for n in m.shape())
    dims = m.dims(len(shape))
    return Sample((m.operand(shape),) if dims is None else (m.operand(shape), dims))


def unsqueezed(m):
    shape = m.shape()
    return Sample((m.operand(shape), m.integer(-len(shape) - 1, len(shape))))


def expanded(m):
    shape = m.shape()
    return Sample((m.operand(m._part(shape)), (*m.choose(((), (2,))), *shape)))


def one_position(m):
    shape = _not_empty(m, m.shape(1))
    dim = m.dim(len(shape))
    return Sample((m.operand(shape), dim, m.integer(-shape[dim], shape[dim] - 1)))


def narrowed(m):
    shape = _not_empty(m, m.shape(1))
    dim = m.dim(len(shape))
    start = m.integer(0, shape[dim] - 1)
    length = m.integer(0, shape[dim] - start)
    return Sample((m.operand(shape), dim, m.choose((start, start - shape[dim])), length))


def in_pieces(m):
    shape = _not_empty(m, m.shape(1))
    dim = m.dim(len(shape))
    first = m.integer(0, shape[dim])
    sections = m.choose((1, 2, max(first, 1), [first, shape[dim] - first]))
    return Sample((m.operand(shape), sections, dim))


def in_chunks(m):
    shape = m.shape(1)
    return Sample((m.operand(shape), m.integer(1, 4), m.dim(len(shape))))


def flipped(m):
    shape = m.shape(1)
    dims = m.dims(len(shape))
    return Sample((m.operand(shape), dims if isinstance(dims, tuple) else (m.dim(len(shape)),)))


def joined(m):
    """Tensors that differ in size along one dimension."""
    shape = m.shape(1)
    dim = m.dim(len(shape))
    sizes = [shape[dim], *(m.size() for _ in range(m.integer(0, 2)))]
    at = dim % len(shape)
    parts = [m.operand((*shape[:at], n, *shape[at + 1 :])) for n in sizes]
    return Sample((parts, dim))


def stacked(m):
    shape = m.shape()
    parts = [m.operand(shape) for _ in range(m.integer(1, 3))]
    return Sample((parts, m.integer(-len(shape) - 1, len(shape))))


def selected(m):
    """A tensor, a dimension and a vector of indices along it."""
    shape = _not_empty(m, m.shape(1))
    dim = m.dim(len(shape))
    index = m.indices((m.size(),), shape[dim], m.choose(("int64", "int32")))
    return Sample((m.operand(shape), dim, index))


def gathered(m):
    shape = _not_empty(m, m.shape(1))
    dim = m.dim(len(shape))
    places = tuple(m.integer(0, n) for n in shape)
    at = dim % len(shape)
    index_shape = (*places[:at], m.size(), *places[at + 1 :])
    return Sample((m.operand(shape), dim, m.indices(index_shape, shape[dim])))


def put(m):
    """A tensor, indices of its first dimensions, and values for these places."""
    shape = _not_empty(m, m.shape(1))
    count = m.size()
    depth = m.integer(1, len(shape))
    # Different places: where one is written twice, the order of the writes would decide.
    rows = Operand(m.distinct(count, shape[0]))
    others = [m.indices(rows.values.shape, n) for n in shape[1:depth]]
    values = m.operand((*rows.values.shape, *shape[depth:]))
    return Sample((m.operand(shape), (rows, *others), values))


def put_adding(m):
    shape = _not_empty(m, m.shape(1))
    index = m.indices((m.size(),), shape[0])
    values = m.operand((*index.values.shape, *shape[1:]))
    return Sample((m.operand(shape), (index,), values), {"accumulate": True})


def masked(m):
    a, b = m.pair()
    return Sample((m.operand(a), m.operand(b, dtype="bool"), 3))


def sorted_along(m):
    shape = m.shape()
    return Sample((m.operand(shape), m.dim(len(shape)), m.flag()))


def counted(m):
    shape = (m.size() or 1,)
    weights = m.choose((None, m.operand(shape, dtype="float64", differentiable=False)))
    given = {} if weights is None else {"weights": weights}
    return Sample((m.operand(shape, NOT_NEGATIVE),), {"minlength": m.choose((0, 3, 9)), **given})


def labels(m):
    given = m.choose(((), (12,)))
    shape = m.shape() if given else _not_empty(m, m.shape())
    return Sample((m.operand(shape, Domain(integers=(0, 9))), *given))


def product(left, right):
    """Tensors of these numbers of dimensions that can be multiplied as matrices."""

    def make(m):
        rows, inner, columns = m.size(), m.size(), m.size()
        batch = tuple(m.choose((1, 2, 3)) for _ in range(max(left, right) - 2))
        a = (inner,) if left == 1 else (*_batch(m, batch, left - 2), rows, inner)
        b = (inner,) if right == 1 else (*_batch(m, batch, right - 2), inner, columns)
        return Sample((m.operand(a), m.operand(b)))

    return make


def _batch(m, sizes, count):
    """The last `count` sizes, some made 1."""
    return tuple(1 if m.integer(0, 3) == 3 else n for n in sizes[len(sizes) - count :])


def batched(m):
    n, rows, inner, columns = (m.size() for _ in range(4))
    return Sample((m.operand((n, rows, inner)), m.operand((n, inner, columns))))


def vectors(m):
    return Sample((m.operand((m.size(),)), m.operand((m.size(),))))


def layer(m):
    features, outputs = m.size(), m.size()
    lead = tuple(m.size() for _ in range(m.integer(0, 2)))
    bias = (m.operand((outputs,)),) if m.flag() else ()
    return Sample((m.operand((*lead, features)), m.operand((outputs, features)), *bias))


def _class_shape(m):
    classes = m.choose((3, 1, 7))
    return m.choose(((m.size() or 2, classes), (classes,), (2, classes, m.size() or 1)))


def _class_options(m, classes):
    options = {"reduction": m.choose(("mean", "sum", "none"))}
    if m.flag():
        options["weight"] = m.operand((classes,), POSITIVE, differentiable=False)
    if m.flag():
        options["ignore_index"] = m.integer(-1, classes - 1)
    return options


def classes(m):
    """Logits of any rank, labels, and the options of losses over classes."""
    shape = _class_shape(m)
    n = shape[0 if len(shape) == 1 else 1]
    target = m.indices((*shape[:1], *shape[2:]) if len(shape) > 1 else (), n)
    return Sample((m.operand(shape), target), _class_options(m, n))


def smoothed_classes(m):
    sample = classes(m)
    return Sample(sample.args, sample.options | {"label_smoothing": m.choose((0.1, 0.5, 1.0))})


def class_probabilities(m):
    shape = _class_shape(m)
    options = _class_options(m, shape[0 if len(shape) == 1 else 1])
    options.pop("ignore_index", None)
    options["label_smoothing"] = m.choose((0.0, 0.2))
    return Sample((m.operand(shape), m.operand(shape, PROBABILITY)), options)


def compared(first=REAL, second=REAL, *extra, broadcast=True):
    """Predictions and targets of one shape, and the options of elementwise losses."""

    def make(m):
        shape = m.shape()
        options = {"reduction": m.choose(("mean", "sum", "none"))}
        for name in ("weight", *extra):
            if m.flag():
                sizes = m.choose((shape, shape[-1:])) if broadcast else shape
                options[name] = m.operand(sizes, POSITIVE, None, False)
        return Sample((m.operand(shape, first), m.operand(shape, second)), options)

    return make
