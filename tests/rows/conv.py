"""Rows of convolutions and of windows as columns."""

from itertools import product

import numpy as np

from rows.op import Op
from strategies import FLOATS, Sample


def per_dim(value, dims):
    return (value,) * dims if isinstance(value, int) else tuple(value)


def _sizes(m, dims):
    """A kernel, its options, and an image into which it fits."""
    one_or_all = lambda *values: m.choose(  # noqa: E731
        (m.choose(values), tuple(m.choose(values) for _ in range(dims)))
    )
    options = {
        "stride": one_or_all(1, 2, 3),
        "padding": one_or_all(0, 1, 2),
        "dilation": one_or_all(1, 2),
    }
    kernel = tuple(m.choose((1, 2, 3)) for _ in range(dims))
    each = zip(
        kernel, per_dim(options["padding"], dims), per_dim(options["dilation"], dims), strict=False
    )
    image = tuple(max(d * (k - 1) + 1 - 2 * p, 1) + m.integer(0, 3) for k, p, d in each)
    return kernel, image, options


def batch(m):
    """The batch, which may be missing or, as in the large case, large."""
    return m.choose(((m.size(),), ()))


def convolved(dims, strings=False):
    def made(m):
        kernel, image, options = _sizes(m, dims)
        groups = m.choose((1, 2))
        channels, filters = groups * m.choose((1, 2, 3)), groups * m.choose((1, 2))
        if strings:
            options |= {"padding": m.choose(("same", "valid")), "stride": 1}
            each = zip(image, kernel, per_dim(options["dilation"], dims), strict=False)
            image = tuple(max(n, d * (k - 1) + 1) for n, k, d in each)
        x, weight = m.operand((*batch(m), channels, *image)), (filters, channels // groups, *kernel)
        if m.flag():
            options["bias"] = m.operand((filters,))
        return Sample((x, m.operand(weight)), options | {"groups": groups})

    return made


def spread(dims):
    """What a transposed convolution takes."""

    def made(m):
        kernel, image, options = _sizes(m, dims)
        groups = m.choose((1, 2))
        channels, filters = groups * m.choose((1, 2)), groups * m.choose((1, 2, 3))
        options["padding"] = 0 if min(image) < 3 else m.choose((0, 1))
        low = min(
            max(s, d)
            for s, d in zip(
                per_dim(options["stride"], dims), per_dim(options["dilation"], dims), strict=False
            )
        )
        options |= {"output_padding": m.integer(0, low - 1), "groups": groups}
        if m.flag():
            options["bias"] = m.operand((filters,))
        x, weight = m.operand((*batch(m), channels, *image)), (channels, filters // groups, *kernel)
        return Sample((x, m.operand(weight)), options)

    return made


def unfolded(m):
    kernel, image, options = _sizes(m, 2)
    return Sample((m.operand((*batch(m), m.choose((1, 2)), *image)), kernel), options)


def folded(m):
    kernel, image, options = _sizes(m, 2)
    windows = int(np.prod(_counts(image, kernel, **options)))
    rows = m.choose((1, 2)) * int(np.prod(kernel))
    return Sample((m.operand((*batch(m), rows, windows)), image, kernel), options)


def _counts(image, kernel, stride=1, padding=0, dilation=1):
    each = zip(
        image, kernel, *(per_dim(n, len(image)) for n in (stride, padding, dilation)), strict=False
    )
    return [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in each]


def _windows(x, kernel, stride=1, padding=0, dilation=1):
    """x (N, C, ...) as (N, C, kernel ..., windows ...)."""
    dims = len(kernel)
    stride, padding, dilation = (per_dim(n, dims) for n in (stride, padding, dilation))
    counts = _counts(x.shape[2:], kernel, stride, padding, dilation)
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    out = np.zeros((*x.shape[:2], *kernel, *counts), x.dtype)
    for at in product(*map(range, kernel)):
        each = zip(at, dilation, stride, counts, strict=False)
        part = tuple(slice(k * d, k * d + s * (n - 1) + 1, s) for k, d, s, n in each)
        out[(slice(None), slice(None), *at)] = x[(slice(None), slice(None), *part)]
    return out


def _add_windows(columns, image, kernel, stride=1, padding=0, dilation=1):
    """The adjoint of `_windows`."""
    dims = len(kernel)
    stride, padding, dilation = (per_dim(n, dims) for n in (stride, padding, dilation))
    whole = tuple(n + 2 * p for n, p in zip(image, padding, strict=False))
    out = np.zeros((*columns.shape[:2], *whole), columns.dtype)
    counts = columns.shape[2 + dims :]
    for at in product(*map(range, kernel)):
        each = zip(at, dilation, stride, counts, strict=False)
        part = tuple(slice(k * d, k * d + s * (n - 1) + 1, s) for k, d, s, n in each)
        out[(slice(None), slice(None), *part)] += columns[(slice(None), slice(None), *at)]
    inner = tuple(slice(p, p + n) for n, p in zip(image, padding, strict=False))
    return out[(slice(None), slice(None), *inner)]


def _batched(function):
    """The same for an input that may have no batch."""

    def called(x, weight, *args, **options):
        if x.ndim == weight.ndim:
            return function(x, weight, *args, **options)
        return function(x[None], weight, *args, **options)[0]

    return called


@_batched
def convolution(x, weight, bias=0, stride=1, padding=0, dilation=1, groups=1):
    dims = weight.ndim - 2
    kernel = weight.shape[2:]
    if padding in ("same", "valid"):
        total = [
            d * (k - 1) if padding == "same" else 0
            for k, d in zip(kernel, per_dim(dilation, dims), strict=False)
        ]
        x, padding = np.pad(x, ((0, 0), (0, 0), *((n // 2, n - n // 2) for n in total))), 0
    columns = _windows(x, kernel, stride, padding, dilation)
    n, per_group = x.shape[0], x.shape[1] // groups
    parts = []
    for g in range(groups):
        rows = weight.shape[0] // groups
        filters = weight[g * rows : (g + 1) * rows]
        part = columns[:, g * per_group : (g + 1) * per_group]
        axes = tuple(range(1, 2 + dims))
        parts.append(np.moveaxis(np.tensordot(part, filters, (axes, axes)), -1, 1))
    out = (
        np.concatenate(parts, 1)
        if n
        else np.zeros((0, weight.shape[0], *columns.shape[2 + dims :]))
    )
    return (out + np.reshape(bias, (-1,) + (1,) * dims)).astype(x.dtype)


@_batched
def transposed(x, weight, bias=0, stride=1, padding=0, dilation=1, output_padding=0, groups=1):
    dims, kernel = weight.ndim - 2, weight.shape[2:]
    each = zip(x.shape[2:], kernel, *(per_dim(n, dims) for n in (stride, dilation)), strict=False)
    whole = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in each]
    per_group = x.shape[1] // groups
    parts = []
    for g in range(groups):
        own = slice(g * per_group, (g + 1) * per_group)
        columns = np.moveaxis(np.tensordot(x[:, own], weight[own], ((1,), (0,))), 0, -1)
        columns = np.moveaxis(columns, (*range(dims), -1), (*range(-dims, 0), 0))
        parts.append(_add_windows(columns, whole, kernel, stride, 0, dilation))
    out = np.concatenate(parts, 1)
    pads = per_dim(padding, dims)
    out = np.pad(out, ((0, 0), (0, 0), *((0, n) for n in per_dim(output_padding, dims))))
    kept = tuple(slice(p, size - p) for p, size in zip(pads, out.shape[2:], strict=False))
    out = out[(slice(None), slice(None), *kept)]
    return (out + np.reshape(bias, (-1,) + (1,) * dims)).astype(x.dtype)


def unfold(x, kernel, **options):
    if x.ndim == 3:
        return unfold(x[None], kernel, **options)[0]
    columns = _windows(x, kernel, **options)
    n, channels = x.shape[:2]
    windows = int(np.prod(columns.shape[4:]))
    return columns.reshape(n, channels * int(np.prod(kernel)), windows)


def fold(columns, image, kernel, **options):
    if columns.ndim == 2:
        return fold(columns[None], image, kernel, **options)[0]
    counts = _counts(image, kernel, **options)
    channels = columns.shape[1] // int(np.prod(kernel))
    shaped = columns.reshape(columns.shape[0], channels, *kernel, *counts)
    return _add_windows(shaped, image, kernel, **options)


ROWS = [
    *(
        Op(f"nn.functional.conv{dims}d", convolution, convolved(dims), scale=20)
        for dims in (1, 2, 3)
    ),
    Op("nn.functional.conv2d", convolution, convolved(2, True), scale=20, label="conv2d same"),
    Op("nn.functional.conv1d", convolution, convolved(1, True), scale=20, label="conv1d same"),
    *(
        Op(
            f"nn.functional.conv_transpose{dims}d",
            transposed,
            spread(dims),
            (*FLOATS, "int64"),
            scale=20,
        )
        for dims in (1, 2, 3)
    ),
    Op("nn.functional.unfold", unfold, unfolded, (*FLOATS, "bool")),
    Op("nn.functional.fold", fold, folded, FLOATS, scale=4),
]
