"""Images looked up at the places of a grid: spatial transformers, warps, rotations."""

from __future__ import annotations

from itertools import product

from fastgrad import _core
from fastgrad.ops.direct import autocast
from fastgrad.ops.interpolate import cubic_weights
from fastgrad.ops.joining import cat, stack
from fastgrad.ops.matmul import matmul
from fastgrad.ops.sampling import sample
from fastgrad.ops.ternary import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from fastgrad.tensor import Tensor

    # Whole-numbered places along one dimension, and the share of the pixels there.
    Taps: TypeAlias = list[tuple[Tensor, Tensor]]

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


@autocast("widest")
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Images of the grid's size, each of whose pixels is looked up where the grid says.

    Args:
        input: (N, channels, height, width), or with a depth before the height; floats.
        grid: (N, height', width', 2), or (N, depth', height', width', 3), of the same dtype: the
            places as (x, y) or (x, y, z), from -1 (left, top) to 1 (right, bottom).
        mode: 'bilinear' (between the pixels), 'nearest', or 'bicubic' (images without depth only).
        padding_mode: what is outside of the image: 'zeros', 'border' (the outermost pixels) or
            'reflection' (the image, mirrored).
        align_corners: whether -1 and 1 are the centres of the outermost pixels, or (by default)
            the edges of the image.

    Returns:
        (N, channels, *the grid's sizes). Gradients reach both `input` and `grid`.

    Raises:
        ValueError: an unknown mode.
        RuntimeError: sizes or dtypes do not fit together.

    Follows ``torch.nn.functional.grid_sample``.

    >>> import fastgrad as torch
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> grid = torch.tensor([[[[-1.0, -1.0], [0.0, 0.0]]]])
    >>> torch.nn.functional.grid_sample(image, grid, align_corners=True)
    tensor([[[[1.0000, 2.5000]]]])
    """
    _check(input, grid, mode, padding_mode)
    space, align = input.shape[2:], bool(align_corners)
    places = grid.reshape(input.shape[0], 1, -1, len(space))
    # The grid's last dimension begins with the image's last one.
    lines = [
        _taps(_pixels(places[..., -1 - d], n, align), n, mode, padding_mode, align)
        for d, n in enumerate(space)
    ]
    index, share = _combined(lines, space)
    out = sample(input.flatten(2), index, share)
    return out.reshape(*input.shape[:2], *grid.shape[1:-1])


def _check(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    for name, given, known in (("mode", mode, _MODES), ("padding_mode", padding_mode, _PADDINGS)):
        if given not in known:
            raise ValueError(
                f"nn.functional.grid_sample(): expected {name} to be one of "
                f"{', '.join(map(repr, known))}, but got: {given!r}"
            )
    dims = input.ndim - 2
    if dims not in (2, 3) or grid.ndim != input.ndim:
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but "
            f"got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if input.shape[0] != grid.shape[0] or grid.shape[-1] != dims:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, and grid to have "
            f"size {dims} in last dimension, but got input with sizes {list(input.shape)} and "
            f"grid with sizes {list(grid.shape)}"
        )
    if min(input.shape[2:]) < 1:
        raise RuntimeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has "
            f"sizes {list(input.shape)}"
        )
    if input.dtype is not grid.dtype or not input.dtype.is_floating_point:
        raise RuntimeError(
            "grid_sampler(): expected input and grid to have same floating point dtype, but input "
            f"has {input.dtype} and grid has {grid.dtype}"
        )
    if mode == "bicubic" and dims != 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


def _pixels(places: Tensor, n: int, align: bool) -> Tensor:
    """From -1 ... 1 to pixels, where a whole number is the centre of one."""
    return (places + 1) * ((n - 1) / 2) if align else ((places + 1) * n - 1) / 2


def _taps(x: Tensor, n: int, mode: str, padding: str, align: bool) -> Taps:
    """Which pixels each place needs, and how much of them; pixels outside are zeros."""
    if mode == "bicubic":
        before = x.detach().floor()
        weights = cubic_weights(x - before)
        # The places are whole numbers, and it is these that are clipped or mirrored.
        return [
            (_padded(before + k, n, padding, align), weight) for k, weight in enumerate(weights, -1)
        ]
    x = _padded(x, n, padding, align)
    if mode == "nearest":
        rounded = x.round()  # whose gradient is 0, and reaches the grid as in PyTorch
        return [(rounded.detach(), rounded - rounded.detach() + 1)]
    before = x.detach().floor()
    after = x - before
    return [(before, 1 - after), (before + 1, after)]


def _padded(x: Tensor, n: int, padding: str, align: bool) -> Tensor:
    if padding == "zeros":
        return x
    if padding == "reflection":
        x = _reflected(x, 0.0, n - 1.0) if align else _reflected(x, -0.5, n - 0.5)
    inside = (x > 0) & (x < n - 1)  # without the ends: there the gradient is PyTorch's, 0
    return where(inside, x, x.detach().clamp(0, n - 1))


def _reflected(x: Tensor, low: float, high: float) -> Tensor:
    """Mirrored at the two ends as often as it takes."""
    span = high - low
    if span == 0:
        return x * 0
    there = (x - low).abs()
    flips = (there.detach() / span).floor()
    rest = there - flips * span
    return where(flips % 2 == 0, rest + low, high - rest)


def _combined(lines: list[Taps], space: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The numbers of the pixels and their shares, (N, taps, places), from those of each dimension.

    A number is -1 where the pixel lies outside in any dimension.
    """
    numbers, shares = [], []
    for taps in product(*lines):
        (place, share), *others = taps
        number, inside = _number(place, space[0])
        for (place, part), n in zip(others, space[1:], strict=True):
            step, near = _number(place, n)
            number = _core.add(_core.mul(number, n), step)
            inside = _core.logical_and(inside, near)
            share = share * part
        numbers.append(_core.where(inside, number, -1))
        shares.append(share)
    return cat(numbers, 1), cat(shares, 1)


def _number(place: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """A place as an integer, and whether there is one of n pixels."""
    place = _core.detach(place)
    inside = _core.logical_and(_core.ge(place, 0), _core.lt(place, n))
    return _core.cast(place, _core.int64), inside


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid for :func:`grid_sample` that maps images by an affine map.

    Args:
        theta: (N, 2, 3), or (N, 3, 4) for images with depth: the map from places of the result to
            places of the input, both from -1 to 1, as (x, y) or (x, y, z).
        size: of the result: (N, channels, height, width), or with a depth before the height.
        align_corners: as for :func:`grid_sample`.

    Returns:
        (N, height, width, 2), or (N, depth, height, width, 3).

    Raises:
        ValueError: theta has no floats, or does not fit to the size.
        NotImplementedError: a size of other than four or five numbers.

    Follows ``torch.nn.functional.affine_grid``.

    >>> import fastgrad as torch
    >>> mirror = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> grid = torch.nn.functional.affine_grid(mirror, (1, 1, 1, 2), align_corners=True)
    >>> grid[..., 0]
    tensor([[[ 1., -1.]]])
    """
    _check_theta(theta, size)
    space = list(size[2:])
    lines = [_centres(n, bool(align_corners), theta) for n in space]
    axes = [
        line.view(-1, *(1,) * (len(space) - 1 - d)).expand(space) for d, line in enumerate(lines)
    ]
    one = _core.full_at(theta.get_device(), (), 1.0, theta.dtype).expand(space)
    base = stack([*axes[::-1], one], -1).reshape(-1, len(space) + 1)
    return matmul(base, theta.transpose(1, 2)).reshape(size[0], *space, len(space))


def _check_theta(theta: Tensor, size: Sequence[int]) -> None:
    if not theta.is_floating_point():
        raise ValueError(
            f"affine_grid: Expected theta to have floating point type, but got {theta.dtype}"
        )
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {list(size)}"
        )
    dims = len(size) - 2
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (dims, dims + 1) or theta.shape[0] != size[0]:
        raise ValueError(
            f"affine_grid: Expected a batch of {dims}D affine matrices of shape "
            f"{size[0]}x{dims}x{dims + 1} for size {list(size)}. Got {list(theta.shape)}"
        )
    if min(size) < 1:
        raise ValueError(f"affine_grid: Expected non-zero, positive output size. Got {list(size)}")


def _centres(n: int, align: bool, like: Tensor) -> Tensor:
    """The places of n pixels between -1 and 1."""
    if n == 1:
        return _core.full_at(like.get_device(), (1,), 0.0, like.dtype)
    line = _core.cast(_core.arange_at(like.get_device(), 0, 1, n, _core.int64), like.dtype)
    return line * (2 / (n - 1)) - 1 if align else (line * 2 + 1) / n - 1
