"""Rows of pools."""

from itertools import product

import numpy as np

from rows.conv import batch, per_dim
from rows.op import Op
from strategies import FLOATS, NUMBERS, POSITIVE, REAL, Sample


def windowed(dims, dilated=False, domain=REAL, **drawn):
    """An image and windows over it."""

    def made(m):
        kernel = m.choose((2, 3, tuple(m.choose((1, 2, 3)) for _ in range(dims))))
        sizes = per_dim(kernel, dims)
        options = {"stride": m.choose((1, 2, None, tuple(m.choose((1, 2)) for _ in sizes)))}
        options["padding"] = m.choose((0, tuple(m.integer(0, k // 2) for k in sizes)))
        if dilated:
            options["dilation"] = m.choose((1, 2)) if options["padding"] == 0 else 1
        reach = options.get("dilation", 1)
        image = tuple(reach * (k - 1) + 1 + m.integer(0, 3) for k in sizes)
        options |= {key: m.choose(values) for key, values in drawn.items()}
        return Sample((m.operand((*batch(m), m.choose((1, 2)), *image), domain), kernel), options)

    return made


def targeted(dims, indices=False):
    """An image and the number of windows that share it."""

    def made(m):
        image = tuple(m.integer(1, 6) for _ in range(dims))
        each = tuple(m.integer(1, 4) for _ in range(dims))
        given = {"return_indices": m.flag()} if indices else {}
        return Sample((m.operand((*batch(m), 2, *image)), m.choose((each, 3))), given)

    return made


def unpooled(dims):
    """What a pool of windows that do not overlap gave."""

    def made(m):
        counts = tuple(m.integer(1, 3) for _ in range(dims))
        shape = (*batch(m), 2, *counts)
        rng = np.random.default_rng(m.integer(0, 2**20))
        image = rng.random((*shape[:-dims], *(2 * n for n in counts)))
        places = max_pool(image, 2, return_indices=True, dims=dims)[1]
        index = m.operand(shape, dtype="int64")
        return Sample((m.operand(shape), type(index)(places.astype(np.int64), index.layout), 2))

    return made


def _spans(image, kernel, stride, padding, dilation, ceil_mode):
    """For each dimension the places of each window, and its size together with the padding."""
    dims = len(image)
    kernel, padding, dilation = (per_dim(n, dims) for n in (kernel, padding, dilation))
    stride = kernel if stride is None else per_dim(stride, dims)
    for n, k, s, p, d in zip(image, kernel, stride, padding, dilation, strict=False):
        room = n + 2 * p - d * (k - 1) - 1
        count = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        starts = [i * s - p for i in range(count)]
        yield [
            ([at for at in range(x, x + d * k, d) if 0 <= at < n], min(x + k, n + p) - x)
            for x in starts
        ]


def _pooled(x, dims, spans, combine):
    """combine(elements (..., n), their places, their sizes) for every window."""
    spans = list(spans)
    flat = np.arange(int(np.prod(x.shape[-dims:]))).reshape(x.shape[-dims:])
    shape = [len(s) for s in spans]
    results = []
    for window in product(*spans):
        at = np.ix_(*(places for places, _ in window))
        part = x[(..., *at)].reshape(*x.shape[:-dims], flat[at].size)
        results.append(combine(part, flat[at].ravel(), [n for _, n in window]))
    return [
        np.stack(values, -1).reshape(*x.shape[:-dims], *shape)
        for values in zip(*results, strict=True)
    ]


def _largest(part, places, _):
    return part.max(-1), places[part.argmax(-1)]


def max_pool(
    x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False, dims=2
):
    dims = len(kernel) if isinstance(kernel, tuple) else dims
    spans = _spans(x.shape[-dims:], kernel, stride, padding, dilation, ceil_mode)
    found = _pooled(x, dims, spans, _largest)
    return found if return_indices else found[0]


def avg_pool(
    x,
    kernel,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
    dims=2,
):
    def average(part, places, sizes):
        count = int(np.prod(sizes)) if count_include_pad else len(places)
        total, divisor = part.sum(-1), divisor_override or count
        return (
            np.trunc(total / divisor).astype(x.dtype) if x.dtype.kind == "i" else total / divisor,
        )

    spans = _spans(x.shape[-dims:], kernel, stride, padding, 1, ceil_mode)
    return _pooled(x, dims, spans, average)[0]


def _shares(image, sizes):
    for n, count in zip(image, sizes, strict=False):
        spans = [range(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
        yield [(list(span), len(span)) for span in spans]


def adaptive(combine, dims):
    def pool(x, sizes, return_indices=False):
        found = _pooled(x, dims, _shares(x.shape[-dims:], per_dim(sizes, dims)), combine)
        return found if return_indices else found[0]

    return pool


def lp_pool(x, p, kernel, stride=None, ceil_mode=False, dims=2):
    spans = _spans(x.shape[-dims:], kernel, stride, 0, 1, ceil_mode)
    if np.isinf(p):
        return _pooled(x, dims, spans, lambda part, *_: (np.abs(part).max(-1),))[0]

    def norm(part, places, sizes):  # a window that is cut counts as if it were whole
        whole = int(np.prod(per_dim(kernel, dims)))
        return (((part**p).sum(-1) / int(np.prod(sizes)) * whole) ** (1 / p),)

    return _pooled(x, dims, spans, norm)[0]


def normed(dims):
    inner = windowed(dims, domain=POSITIVE)

    def made(m):
        sample = inner(m)
        options = {k: v for k, v in sample.options.items() if k != "padding"}
        x, kernel = sample.args
        kernel = kernel[0] if isinstance(kernel, tuple) and dims == 1 else kernel
        return Sample((x, m.choose((2, 3.0, float("inf"))), kernel), options)

    return made


def max_unpool(x, places, kernel, dims=2):
    shape = (*x.shape[:-dims], *(2 * n for n in x.shape[-dims:]))
    out = np.zeros((*x.shape[:-dims], int(np.prod(shape[-dims:]))))
    flat = (*x.shape[:-dims], int(np.prod(x.shape[-dims:])))
    np.put_along_axis(out, places.reshape(flat), x.reshape(flat), -1)
    return out.reshape(shape)


def _in(dims, function):
    return lambda *args, **options: function(*args, **options, dims=dims)


CEIL = {"ceil_mode": (False, True)}
AVERAGE = CEIL | {"count_include_pad": (True, False)}

ROWS = [
    *(
        Op(
            f"nn.functional.max_pool{dims}d",
            _in(dims, max_pool),
            windowed(dims, True, return_indices=(False, True), **CEIL),
            FLOATS if dims == 1 else NUMBERS,
            label=f"max_pool{dims}d",
        )
        for dims in (1, 2, 3)
    ),
    *(
        Op(
            f"nn.functional.max_pool{dims}d_with_indices",
            lambda *args, dims=dims, **options: max_pool(
                *args, **options, return_indices=True, dims=dims
            ),
            windowed(dims),
            halves=False,
        )
        for dims in (1, 2, 3)
    ),
    *(
        Op(
            f"nn.functional.avg_pool{dims}d",
            _in(dims, avg_pool),
            windowed(dims, **AVERAGE, **({} if dims == 1 else {"divisor_override": (None, 3)})),
            (*FLOATS, "int64"),
            scale=4,
        )
        for dims in (1, 2, 3)
    ),
    *(
        Op(
            f"nn.functional.adaptive_max_pool{dims}d",
            adaptive(_largest, dims),
            targeted(dims, True),
        )
        for dims in (1, 2, 3)
    ),
    *(
        Op(
            f"nn.functional.adaptive_avg_pool{dims}d",
            adaptive(lambda part, *_: (part.mean(-1),), dims),
            targeted(dims),
            scale=4,
        )
        for dims in (1, 2, 3)
    ),
    *(
        Op(f"nn.functional.lp_pool{dims}d", _in(dims, lp_pool), normed(dims), scale=20)
        for dims in (1, 2, 3)
    ),
    *(
        Op(f"nn.functional.max_unpool{dims}d", _in(dims, max_unpool), unpooled(dims))
        for dims in (1, 2, 3)
    ),
]
