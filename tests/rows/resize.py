"""Rows of padding, exchanging channels for pixels, and interpolation."""

from itertools import product
from math import floor

import numpy as np

from rows.op import Op, far_from
from strategies import NUMBERS, Domain, Sample

ANY = (*NUMBERS, "bool")


def padded(m):
    shape = m.shape(1)
    count = m.integer(1, len(shape))
    pairs = [(m.integer(-(n // 2), 3), m.integer(-(n // 2), 3)) for n in shape[::-1][:count]]
    pad = tuple(n for pair in pairs for n in pair)
    return Sample((m.operand(shape), pad), {"value": m.choose((None, 0, 1.0))})


def extended(m):
    """An image that is padded with its own elements."""
    dims = m.integer(1, 3)
    image = tuple(m.integer(2, 5) for _ in range(dims))
    lead = (min(m.size() or 1, 99),) * m.integer(1, 2)
    mode = m.choose(("reflect", "replicate", "circular"))
    most = {"reflect": -1, "replicate": 2, "circular": 0}[mode]
    pad = tuple(m.integer(0, n + most) for n in image[::-1] for _ in range(2))
    return Sample((m.operand((*lead, *image)), pad, mode))


def pad(x, pad, mode="constant", value=None):
    ends = [(0, 0)] * (x.ndim - len(pad) // 2) + list(zip(pad[-2::-2], pad[-1::-2], strict=False))
    cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, ends, strict=False))
    grown = [(max(a, 0), max(b, 0)) for a, b in ends]
    if mode == "constant":
        return np.pad(x[cut], grown, constant_values=value or 0)
    return np.pad(x[cut], grown, {"replicate": "edge", "circular": "wrap"}.get(mode, mode))


def shuffled(up):
    def made(m):
        factor = m.choose((1, 2, 3))
        channels, high, wide = (min(m.size() or 1, 9) for _ in range(3))
        lead = m.choose(((), (2,), (2, 2)))
        if up:
            shape = (*lead, channels * factor**2, high, wide)
        else:
            shape = (*lead, channels, high * factor, wide * factor)
        return Sample((m.operand(shape), factor))

    return made


def pixel_shuffle(x, r):
    *lead, channels, high, wide = x.shape
    parts = x.reshape(*lead, channels // r**2, r, r, high, wide)
    n = len(lead)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return parts.transpose(order).reshape(*lead, channels // r**2, high * r, wide * r)


def pixel_unshuffle(x, r):
    *lead, channels, high, wide = x.shape
    parts = x.reshape(*lead, channels, high // r, r, wide // r, r)
    n = len(lead)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return parts.transpose(order).reshape(*lead, channels * r * r, high // r, wide // r)


def grouped(m):
    groups = m.choose((1, 2, 3))
    shape = (m.size(), groups * m.choose((1, 2)), *m.choose(((3,), (2, 2))))
    return Sample((m.operand(shape), groups))


def channel_shuffle(x, groups):
    n, channels, *rest = x.shape
    parts = x.reshape(n, groups, channels // groups, *rest)
    return np.swapaxes(parts, 1, 2).reshape(x.shape)


def resized(*modes, corners=(None,)):
    """Images and their new size."""

    def made(m):
        mode, dims = m.choose(modes)
        image = tuple(m.integer(1, 5) for _ in range(dims))
        sizes = tuple(m.integer(1, 7) for _ in image)
        target = m.choose(
            ({"size": sizes}, {"size": sizes[0]}, {"scale_factor": m.choose((1, 2, 1.7, 3.0))})
        )
        lead = (min(m.size() or 1, 99), 2)
        options = target | {"mode": mode}
        if m.choose((True, False)):
            options["align_corners"] = m.choose(corners)
        return Sample((m.operand((*lead, *image)),), options)

    return made


def without_mode(*modes):
    inner = resized(*modes)

    def made(m):
        sample = inner(m)
        wanted = ("size", "scale_factor")
        return Sample(sample.args, {k: v for k, v in sample.options.items() if k in wanted})

    return made


def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=None):
    for d in range(2, x.ndim):
        n = x.shape[d]
        count = (size if np.ndim(size) == 0 else size[d - 2]) if size is not None else None
        count = floor(n * scale_factor) if count is None else count
        x = np.moveaxis(
            _line(np.moveaxis(x, d, -1), count, scale_factor, mode, align_corners), -1, d
        )
    return x


def _line(x, count, factor, mode, corners):
    n = x.shape[-1]
    step = n / count if factor is None else 1 / factor
    places = np.arange(count)
    if mode == "area":
        ends = [(i * n // count, -(-(i + 1) * n // count)) for i in places]
        return np.stack([x[..., a:b].mean(-1) for a, b in ends], -1)
    if mode == "nearest":
        return x[..., np.minimum(floor_of(places * step), n - 1)]
    if mode == "nearest-exact":
        return x[..., np.minimum(floor_of((places + 0.5) * step), n - 1)]
    at = places * ((n - 1) / max(count - 1, 1)) if corners else (places + 0.5) * step - 0.5
    if mode != "bicubic":
        return _hat(x, np.clip(at, 0, n - 1))
    whole = np.floor(at).astype(int)
    return sum(x[..., np.clip(whole + k, 0, n - 1)] * _cubic(at - whole - k) for k in range(-1, 3))


def floor_of(x):
    return np.floor(np.float32(x)).astype(int)


def _hat(x, at):
    """Between the two neighbours."""
    n = x.shape[-1]
    return sum(x[..., [k]] * np.maximum(0, 1 - np.abs(at - k)) for k in range(n))


def _cubic(d, a=-0.75):
    d = np.abs(d)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    return np.where(d <= 1, near, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a)


def placed(*modes):
    """Images or volumes, and places in and around them."""

    def made(m):
        mode, dims = m.choose(modes)
        n, channels = min(m.size() or 1, 3), m.choose((1, 2))
        image, out = (tuple(m.integer(1, 4) for _ in range(dims)) for _ in range(2))
        padding, align = m.choose(("zeros", "border", "reflection")), m.flag()
        grid = m.operand((n, *out, dims), Domain(-1.9, 1.9), differentiable=mode != "nearest")
        return Sample((m.operand((n, channels, *image)), grid, mode, padding, align))

    return made


def grid_sample(x, grid, mode, padding, align):
    n, channels, *image = x.shape
    result = np.zeros((n, channels, *grid.shape[1:-1]))
    for out in np.ndindex(n, *grid.shape[1:-1]):
        lines = [
            _weights(at, size, mode, padding, align)
            for at, size in zip(grid[out][::-1], image, strict=True)
        ]
        for taps in product(*lines):
            pixel = (out[0], slice(None), *(place for place, _ in taps))
            result[(out[0], slice(None), *out[1:])] += x[pixel] * np.prod([w for _, w in taps])
    return result


def _weights(at, n, mode, padding, align):
    """Which of n pixels a place from -1 to 1 needs, and how much of each."""
    at = _unscaled(at, n, align)
    if mode == "bicubic":
        low = floor(at)
        pairs = [(_found(low + k, n, padding, align), _cubic(at - low - k)) for k in range(-1, 3)]
    else:
        at = _found(at, n, padding, align)
        low = floor(at)
        nearest = [(np.round(at), 1)]
        pairs = nearest if mode == "nearest" else [(low, low + 1 - at), (low + 1, at - low)]
    return [(int(place), weight) for place, weight in pairs if 0 <= place < n]


def _unscaled(at, n, align):
    return (at + 1) / 2 * (n - 1) if align else ((at + 1) * n - 1) / 2


def _found(at, n, padding, align):
    if padding == "zeros":
        return at
    if padding == "reflection":
        left, right = (0, n - 1) if align else (-0.5, n - 0.5)
        while left < right and not left <= at <= right:
            at = 2 * left - at if at < left else 2 * right - at
    return min(max(at, 0), n - 1)


def away_from_pixels(x, grid, mode, padding, align):
    """Where no place is on a pixel, or half-way between two, where mirrors are."""
    image = x.shape[:1:-1]
    at = [_unscaled(grid[..., k], n, align) for k, n in enumerate(image)]
    return all(np.all(far_from(2 * a, np.round(2 * a))) for a in at)


def mapped(m):
    """Affine maps, and the size of an output."""
    dims = m.choose((2, 3))
    n = min(m.size() or 1, 3)
    theta = m.operand((n, dims, dims + 1))
    return Sample((theta, (n, 1, *(m.integer(2, 4) for _ in range(dims))), m.flag()))


def affine_grid(theta, size, align):
    lines = [np.linspace(-1, 1, n) if align else (2 * np.arange(n) + 1) / n - 1 for n in size[2:]]
    places = np.meshgrid(*lines, indexing="ij")[::-1]
    return np.einsum("k...,nik->n...i", np.stack([*places, np.ones_like(places[0])]), theta)


ROWS = [
    Op("nn.functional.pad", pad, padded, ANY),
    Op("nn.functional.pad", pad, extended, NUMBERS, label="pad from within"),
    Op("nn.functional.pixel_shuffle", pixel_shuffle, shuffled(True), ANY),
    Op("nn.functional.pixel_unshuffle", pixel_unshuffle, shuffled(False), ANY),
    Op("channel_shuffle", channel_shuffle, grouped),
    Op(
        "nn.functional.interpolate",
        interpolate,
        resized(("nearest", 1), ("nearest", 2), ("nearest", 3), ("nearest-exact", 2)),
        label="interpolate nearest",
    ),
    Op(
        "nn.functional.interpolate",
        interpolate,
        resized(("area", 1), ("area", 2)),
        scale=10,
        label="interpolate area",
    ),
    Op(
        "nn.functional.interpolate",
        interpolate,
        resized(("linear", 1), ("bilinear", 2), ("trilinear", 3), corners=(True, False, None)),
        scale=20,
        halves=False,
        label="interpolate linear",
    ),
    Op(
        "nn.functional.interpolate",
        interpolate,
        resized(("bicubic", 2), corners=(True, False, None)),
        scale=40,
        halves=False,
        label="interpolate cubic",
    ),
    Op(
        "nn.functional.grid_sample",
        grid_sample,
        placed(("nearest", 2), ("bilinear", 2), ("bilinear", 3), ("nearest", 3)),
        smooth=away_from_pixels,
        scale=40,
        halves=False,
    ),
    Op(
        "nn.functional.grid_sample",
        grid_sample,
        placed(("bicubic", 2)),
        smooth=away_from_pixels,
        scale=80,
        halves=False,
        label="grid_sample cubic",
    ),
    Op("nn.functional.affine_grid", affine_grid, mapped, scale=4, halves=False),
    Op("nn.functional.upsample_nearest", interpolate, without_mode(("nearest", 2))),
    Op(
        "nn.functional.upsample_bilinear",
        lambda x, **options: interpolate(x, **options, mode="bilinear", align_corners=True),
        without_mode(("bilinear", 2)),
        scale=20,
        halves=False,
    ),
]
