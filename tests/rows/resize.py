"""Rows of padding, exchanging channels for pixels, and interpolation."""

from itertools import product
from math import floor

import numpy as np

from rows.op import Op, fraction
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


def sampled(*modes, paddings=("zeros", "border", "reflection")):
    """Images and the places to look at, some of them outside."""

    def made(m):
        mode, dims = m.choose(modes)
        lead = (min(m.size() or 1, 9),)
        image = tuple(m.integer(1, 5) for _ in range(dims))
        looked = tuple(m.integer(0, 4) for _ in range(dims))
        x = m.operand((*lead, m.choose((1, 2)), *image))
        grid = m.operand((*lead, *looked, dims), Domain(-2.3, 2.3))
        options = {"mode": mode, "padding_mode": m.choose(paddings)}
        return Sample((x, grid), options | {"align_corners": m.flag()})

    return made


def pixels(grid, space, align_corners):
    """Where a grid looks, in pixels, a last dimension for each dimension of an image."""
    n = np.array(space[::-1])
    at = (grid + 1) / 2 * (n - 1) if align_corners else ((grid + 1) * n - 1) / 2
    return at[..., ::-1]


def grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    space = x.shape[2:]
    at = pixels(grid, space, align_corners)

    def outside(p, n):
        if padding_mode == "reflection":
            low, high = (0, n - 1) if align_corners else (-0.5, n - 0.5)
            turns = np.mod(p - low, 2 * (high - low)) if high > low else 0 * p
            p = low + np.minimum(turns, 2 * (high - low) - turns)
        return p if padding_mode == "zeros" else np.clip(p, 0, n - 1)

    total = 0.0
    reach = {"nearest": (0,), "bilinear": (0, 1), "bicubic": (-1, 0, 1, 2)}[mode]
    for offsets in product(reach, repeat=len(space)):
        share, inside, index = 1.0, True, []
        for d, (n, k) in enumerate(zip(space, offsets, strict=True)):
            p = at[..., d] if mode == "bicubic" else outside(at[..., d], n)
            place = np.round(p) if mode == "nearest" else np.floor(p) + k
            weight = {"nearest": np.ones_like, "bilinear": lambda t: 1 - t, "bicubic": _cubic}[mode]
            share = share * weight(np.abs(p - place))
            place = outside(place, n) if mode == "bicubic" else place
            inside = inside & (place >= 0) & (place < n)
            index.append(np.clip(place, 0, n - 1).astype(int))
        batch = np.arange(len(x)).reshape(-1, *(1,) * len(space))
        found = np.moveaxis(x[(batch, slice(None), *index)], -1, 1)
        total = total + found * (share * inside)[:, None]
    return total


def between_kinks(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    return mode == "bicubic" or fraction(pixels(grid, x.shape[2:], align_corners))


def mapped(m):
    dims = m.choose((2, 3))
    n = min(m.size() or 1, 9)
    size = (n, 2, *(m.integer(1, 5) for _ in range(dims)))
    return Sample((m.operand((n, dims, dims + 1)), size, m.flag()))


def affine_grid(theta, size, align_corners):
    space = size[2:]

    def line(n):
        ends = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        return ends if align_corners else ends * (n - 1) / n

    axes = np.meshgrid(*map(line, space), indexing="ij")
    base = np.stack([*axes[::-1], np.ones(space)], -1)
    return np.einsum("...j,nij->n...i", base, theta)


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
    Op("nn.functional.upsample_nearest", interpolate, without_mode(("nearest", 2))),
    Op(
        "nn.functional.upsample_bilinear",
        lambda x, **options: interpolate(x, **options, mode="bilinear", align_corners=True),
        without_mode(("bilinear", 2)),
        scale=20,
        halves=False,
    ),
    Op(
        "nn.functional.grid_sample",
        grid_sample,
        sampled(("bilinear", 2), ("bilinear", 3), ("bicubic", 2)),
        smooth=between_kinks,
        scale=100,
        halves=False,
    ),
    Op(
        "nn.functional.grid_sample",
        grid_sample,
        sampled(("nearest", 2), ("nearest", 3)),
        smooth=between_kinks,
        halves=False,
        label="grid_sample nearest",
    ),
    Op("nn.functional.affine_grid", affine_grid, mapped, scale=10),
]
