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
    base = _pixel_centres(height, width, (width / 2, height / 2), x.dtype)
    sides = fg.tensor([0.5 * w, 0.5 * h], dtype=x.dtype)
    rows = fg.tensor(matrix, dtype=x.dtype).reshape(2, 3)
    # By a product of matrices, as PyTorch: which pixel is nearest may hang on the last digit.
    grid = base @ (rows.t() / sides)
    return restored(sample(x, grid, interpolation, fill), image.dtype)


def _pixel_centres(height: int, width: int, origin: tuple[float, float], dtype: fg.dtype) -> Tensor:
    """(x, y, 1) of every pixel, [height, width, 3]."""
    y = (fg.arange(height, dtype=dtype) + 0.5 - origin[1])[:, None].expand(height, width)
    x = (fg.arange(width, dtype=dtype) + 0.5 - origin[0]).expand(height, width)
    return fg.stack([x, y, fg.ones_like(x)], -1)


def project(
    image: Tensor, coefficients: Sequence[float], interpolation: str, fill: Sequence[float] | None
) -> Tensor:
    """The image seen from elsewhere.

    Args:
        coefficients: eight numbers a ... h: the pixel at (x, y), from the upper left corner, comes
            from (a x + b y + c, d x + e y + f) / (g x + h y + 1).
    """
    x = as_float(image)
    height, width = x.shape[-2:]
    a, b, c, d, e, f, g, h = coefficients
    base = _pixel_centres(height, width, (0.0, 0.0), x.dtype)
    sides = fg.tensor([0.5 * width, 0.5 * height], dtype=x.dtype)
    places = base @ (fg.tensor([[a, b, c], [d, e, f]], dtype=x.dtype).t() / sides)
    depths = base @ fg.tensor([[g], [h], [1.0]], dtype=x.dtype)
    return restored(sample(x, places / depths - 1, interpolation, fill), image.dtype)


def displace(
    image: Tensor, displacement: Tensor, interpolation: str, fill: Sequence[float] | None
) -> Tensor:
    """Each pixel from a place nearby; the displacement [1, H, W, 2] is in halves of the sides."""
    x = as_float(image)
    down, across = (fg.linspace(1 / n - 1, 1 - 1 / n, n, dtype=x.dtype) for n in x.shape[-2:])
    grid = fg.stack(fg.meshgrid(down, across, indexing="ij")[::-1], -1)
    moved = grid + displacement[0].to(x.dtype)
    return restored(sample(x, moved, interpolation, fill), image.dtype)


def sample(x: Tensor, grid: Tensor, interpolation: str, fill: Sequence[float] | None) -> Tensor:
    """Floats [..., C, H, W] looked up at a grid [h, w, 2], with a colour where there are none."""
    planes = x.reshape(1, -1, *x.shape[-2:])
    if fill is not None:
        planes = fg.cat([planes, fg.ones_like(planes[:, :1])], 1)
    found = fg.nn.functional.grid_sample(
        planes, grid[None], interpolation, padding_mode="zeros", align_corners=False
    )
    shape = (*x.shape[:-2], *grid.shape[:2])
    if fill is None:
        return found.reshape(shape)
    known = found[0, -1]  # the share of each pixel that is of the image
    if interpolation == "nearest":
        known = (known >= 0.5).to(x.dtype)
    colour = fg.tensor(list(fill), dtype=x.dtype).reshape(-1, 1, 1)
    return found[:, :-1].reshape(shape) * known + colour * (1 - known)


def rotated_size(matrix: Matrix, height: int, width: int) -> tuple[int, int]:
    """The height and width that a turned image needs."""
    corners = [(x * width / 2, y * height / 2) for x in (-1, 1) for y in (-1, 1)]
    xs = [matrix[0] * x + matrix[1] * y + matrix[2] + width / 2 for x, y in corners]
    ys = [matrix[3] * x + matrix[4] * y + matrix[5] + height / 2 for x, y in corners]

    def extent(values: list[float]) -> int:
        near = 1e-4  # a side that is longer by less is not
        return math.ceil(max(values) - near) - math.floor(min(values) + near)

    return extent(ys), extent(xs)


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


def sharpened(image: Tensor, factor: float) -> Tensor:
    """Blurred below 1, sharper above; the outermost pixels stay as they are."""
    if min(image.shape[-2:]) <= 2:
        return image
    x = as_float(image)
    kernel = fg.ones(3, 3, dtype=x.dtype)
    kernel[1, 1] = 5
    planes = x.reshape(-1, 1, *x.shape[-2:])
    inside = fg.nn.functional.conv2d(planes, (kernel / kernel.sum()).reshape(1, 1, 3, 3))
    blurred = image.clone()
    blurred[..., 1:-1, 1:-1] = restored(
        inside.reshape(*x.shape[:-2], *inside.shape[-2:]), image.dtype
    )
    return blend(image, blurred, factor)


def autocontrast(image: Tensor) -> Tensor:
    """The darkest value of each channel becomes black, the brightest white."""
    x = as_float(image)
    top = white(image.dtype)
    low, high = x.amin((-2, -1), keepdim=True), x.amax((-2, -1), keepdim=True)
    flat = high == low
    scale = fg.where(flat, 1.0, top / fg.where(flat, 1.0, high - low))
    return ((x - fg.where(flat, 0.0, low)) * scale).clamp(0, top).to(image.dtype)


def equalized(image: Tensor) -> Tensor:
    """Bytes such that each channel has as many dark as bright pixels."""
    planes = image.reshape(-1, image.shape[-2] * image.shape[-1])
    return fg.stack([_equalized_plane(plane) for plane in planes]).reshape(image.shape)


def _equalized_plane(plane: Tensor) -> Tensor:
    counts = fg.bincount(plane.long(), minlength=256)
    step = int(counts[counts != 0][:-1].sum()) // 255
    if step == 0:
        return plane
    darker = counts.cumsum(0) - counts
    table = ((darker + step // 2) // step).clamp(0, 255)
    return table[plane.long()].to(fg.uint8)
