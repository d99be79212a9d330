"""The transforms of tensors [..., C, H, W]."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import fastgrad as fg
from fastgrad import Tensor

# The side of a square of input pixels that a filter of size 1 reaches, half of it.
SUPPORT = {"bilinear": 1.0, "bicubic": 2.0}


def white(dtype: fg.dtype) -> int:
    """The value of white."""
    return 1 if dtype.is_floating_point else int(fg.iinfo(dtype).max)


def as_float(image: Tensor) -> Tensor:
    """The same values, in a dtype to compute with."""
    return image if image.dtype in (fg.float32, fg.float64) else image.float()


def restored(result: Tensor, dtype: fg.dtype) -> Tensor:
    """Back to the dtype of the image, rounded and within its range."""
    if result.dtype is dtype:
        return result
    if not dtype.is_floating_point:
        result = result.round().clamp(fg.iinfo(dtype).min, fg.iinfo(dtype).max)
    return result.to(dtype)


def resize(image: Tensor, height: int, width: int, interpolation: str, antialias: bool) -> Tensor:
    x = as_float(image)
    if antialias and interpolation in SUPPORT:
        rows = filter_matrix(x.shape[-2], height, interpolation, x.dtype)
        columns = filter_matrix(x.shape[-1], width, interpolation, x.dtype)
        return restored(rows @ x @ columns.t(), image.dtype)
    planes = x.reshape(-1, 1, *x.shape[-2:])
    smooth = interpolation in SUPPORT
    out = fg.nn.functional.interpolate(
        planes,
        size=(height, width),
        mode=interpolation,
        align_corners=False if smooth else None,
    )
    return restored(out.reshape(*x.shape[:-2], height, width), image.dtype)


def filter_matrix(n: int, out: int, interpolation: str, dtype: fg.dtype) -> Tensor:
    """The weights [out, n] of a filter that is widened when an image shrinks (antialiasing).

    Pillow's filters, with the places of pixels as PyTorch's ``interpolate(antialias=True)``.
    """
    scale = n / out
    widened = max(scale, 1.0)
    support = SUPPORT[interpolation] * widened
    centres = (fg.arange(out, dtype=fg.float64) + 0.5)[:, None] * scale
    places = fg.arange(n, dtype=fg.float64)
    first = (centres - support + 0.5).trunc().clamp(min=0)
    last = (centres + support + 0.5).trunc().clamp(max=n)
    distance = (places + 0.5 - centres).abs() / widened
    weights = _triangle(distance) if interpolation == "bilinear" else _cubic(distance)
    weights = fg.where((places >= first) & (places < last), weights, 0.0)
    return (weights / weights.sum(1, keepdim=True)).to(dtype)


def _triangle(x: Tensor) -> Tensor:
    return (1 - x).clamp(min=0)


def _cubic(x: Tensor) -> Tensor:
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return fg.where(x < 1, near, fg.where(x < 2, far, 0.0))


def crop(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    h, w = image.shape[-2:]
    bottom, right = top + height, left + width
    inside = image[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    sides = (
        max(min(right, 0) - left, 0),
        max(right - max(w, left), 0),
        max(min(bottom, 0) - top, 0),
        max(bottom - max(h, top), 0),
    )
    return fg.nn.functional.pad(inside, sides) if any(sides) else inside


def pad(image: Tensor, sides: tuple[int, int, int, int], fill: float, mode: str) -> Tensor:
    left, top, right, bottom = sides
    if mode == "constant":
        return fg.nn.functional.pad(image, (left, right, top, bottom), value=fill)
    if mode == "reflect" and not (
        max(left, right) < image.shape[-1] and max(top, bottom) < image.shape[-2]
    ):
        raise RuntimeError(
            f"pad: reflect padding {list(sides)} must be less than the image's sides "
            f"{list(image.shape[-2:])}"
        )
    rows = _sources(image.shape[-2], top, bottom, mode)
    columns = _sources(image.shape[-1], left, right, mode)
    return image[..., rows, :][..., columns]


def _sources(n: int, before: int, after: int, mode: str) -> Tensor:
    """Where the pixels of a padded side come from."""
    places = fg.arange(-before, n + after)
    if mode == "edge":
        return places.clamp(0, n - 1)
    period = 2 * n if mode == "symmetric" else max(2 * (n - 1), 1)
    places = places % period
    mirrored = period - 1 - places if mode == "symmetric" else period - places
    return fg.where(places < n, places, mirrored)


Matrix = Sequence[float]


def warp(
    image: Tensor,
    matrix: Matrix,
    size: tuple[int, int],
    interpolation: str,
    fill: Sequence[float] | None,
) -> Tensor:
    """An image of a size, each of whose pixels is looked up where the matrix leads.

    Args:
        matrix: the first two rows of the affine map from output to input, with both centres at 0.
        fill: a value for each channel, or for all, where there is no input; without, 0.
    """
    x = as_float(image)
    height, width = size
    h, w = x.shape[-2:]
    v = (fg.arange(height, dtype=x.dtype) + 0.5 - height / 2)[:, None]
    u = fg.arange(width, dtype=x.dtype) + 0.5 - width / 2
    across = matrix[0] * u + matrix[1] * v + matrix[2] + w / 2 - 0.5
    down = matrix[3] * u + matrix[4] * v + matrix[5] + h / 2 - 0.5
    if interpolation == "nearest":
        value, known = _looked_up(x, down.round(), across.round())
        return restored(_filled(value, known, fill), image.dtype)
    top, left = down.floor(), across.floor()
    value = known = fg.zeros((), dtype=x.dtype)
    for row, row_share in ((top, top + 1 - down), (top + 1, down - top)):
        for column, share in ((left, left + 1 - across), (left + 1, across - left)):
            pixel, there = _looked_up(x, row, column)
            value = value + pixel * (row_share * share)
            known = known + there * (row_share * share)
    return restored(_filled(value, known, fill), image.dtype)


def _looked_up(x: Tensor, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels, 0 where there are none, and whether they are there (1 or 0)."""
    h, w = x.shape[-2:]
    there = (row >= 0) & (row < h) & (column >= 0) & (column < w)
    rows = fg.where(there, row, 0).long()
    columns = fg.where(there, column, 0).long()
    known = there.to(x.dtype)
    return x[..., rows, columns] * known, known


def _filled(value: Tensor, known: Tensor, fill: Sequence[float] | None) -> Tensor:
    """A colour where nothing is known, and a mixture at the edge."""
    if fill is None:
        return value
    colour = fg.tensor(list(fill), dtype=value.dtype).reshape(-1, 1, 1)
    return value * known + colour * (1 - known)


# Colours


def blend(first: Tensor, second: Tensor, share: float) -> Tensor:
    mixed = share * as_float(first) + (1 - share) * as_float(second)
    return mixed.clamp(0, white(first.dtype)).to(first.dtype)


def luminance(image: Tensor) -> Tensor:
    """Grey [..., 1, H, W] of red, green and blue, in the image's dtype."""
    red, green, blue = as_float(image).unbind(-3)
    grey = 0.2989 * red + 0.587 * green + 0.114 * blue
    return grey.to(image.dtype).unsqueeze(-3)


def mean_grey(image: Tensor) -> Tensor:
    grey = luminance(image) if image.shape[-3] == 3 else image
    return as_float(grey).mean((-3, -2, -1), keepdim=True)


def shift_hue(
    image: Tensor, factor: float, convert: Callable[[Tensor, fg.dtype], Tensor]
) -> Tensor:
    hue, saturation, value = _to_hsv(convert(image, fg.float32))
    return convert(_from_hsv((hue + factor) % 1.0, saturation, value), image.dtype)


def _to_hsv(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    red, green, blue = image.unbind(-3)
    value = image.amax(-3)
    chroma = value - image.amin(-3)
    grey = chroma == 0
    saturation = chroma / fg.where(grey, 1.0, value)
    divisor = fg.where(grey, 1.0, chroma)
    r, g, b = ((value - c) / divisor for c in (red, green, blue))
    hue = fg.where(value == red, b - g, fg.where(value == green, 2.0 + r - b, 4.0 + g - r))
    hue = fg.where(grey, 0.0, hue)
    return (hue / 6.0 + 1.0) % 1.0, saturation, value


def _from_hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    sixth = (hue * 6.0).floor()
    f = hue * 6.0 - sixth
    p = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    q = (value * (1.0 - saturation * f)).clamp(0.0, 1.0)
    t = (value * (1.0 - saturation * (1.0 - f))).clamp(0.0, 1.0)
    sector = sixth.long() % 6
    planes = [
        fg.stack(choices, -3).gather(-3, sector.unsqueeze(-3))
        for choices in (
            (value, q, p, p, t, value),
            (t, value, value, q, p, p),
            (p, p, t, value, value, q),
        )
    ]
    return fg.cat(planes, -3)


def blur(image: Tensor, sizes: Sequence[int], sigmas: Sequence[float]) -> Tensor:
    """Gaussian blur with a kernel of a width and a height."""
    x = as_float(image)
    across = _gaussian(sizes[0], sigmas[0], x.dtype)
    down = _gaussian(sizes[1], sigmas[1], x.dtype)
    margins = (sizes[0] // 2, sizes[1] // 2) * 2
    padded = pad(x, margins, 0, "reflect")
    planes = padded.reshape(-1, 1, *padded.shape[-2:])
    kernel = (down[:, None] * across)[None, None]
    out = fg.nn.functional.conv2d(planes, kernel).reshape(x.shape)
    return restored(out, image.dtype)


def _gaussian(size: int, sigma: float, dtype: fg.dtype) -> Tensor:
    half = (size - 1) / 2
    x = fg.linspace(-half, half, size, dtype=dtype)
    weights = fg.exp(-0.5 * (x / sigma) ** 2)
    return weights / weights.sum()


def rotated_size(matrix: Matrix, height: int, width: int) -> tuple[int, int]:
    """The height and width that a turned image needs."""
    corners = [(x * width / 2, y * height / 2) for x in (-1, 1) for y in (-1, 1)]
    xs = [matrix[0] * x + matrix[1] * y + matrix[2] + width / 2 for x, y in corners]
    ys = [matrix[3] * x + matrix[4] * y + matrix[5] + height / 2 for x, y in corners]

    def extent(values: list[float]) -> int:
        near = 1e-4  # a side that is longer by less is not
        return math.ceil(max(values) - near) - math.floor(min(values) + near)

    return extent(ys), extent(xs)
