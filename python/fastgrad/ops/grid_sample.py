"""Images looked up at given places: each new pixel is a weighted sum of some old ones."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.ops.interpolate import cubic_weights
from fastgrad.ops.joining import stack
from fastgrad.ops.resize import pad
from fastgrad.ops.ternary import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from fastgrad.tensor import Tensor

    # For each term of the sum along a dimension, which places, and what they are multiplied by.
    Taps: TypeAlias = list[tuple[Tensor, Tensor | None]]

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")
# Rows of zeros around the image, so that every place that a mode looks at exists.
BEFORE, AFTER = 1, 2


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The pixels that `input` has at the places in `grid`. Differentiable in both.

    Args:
        input: images of shape (N, channels, height, width), or volumes with a depth before it.
        grid: the places, of shape (N, new height, new width, 2), or with a new depth and 3: x from
            -1 at the left edge to 1 at the right one, y from the top to the bottom, then depth.
        mode: 'bilinear' (between neighbours, in volumes, too), 'nearest', or 'bicubic' (of images).
        padding_mode: what lies beyond the edge: 'zeros', the 'border', or the image's 'reflection'.
        align_corners: whether -1 and 1 are the centres of the outermost pixels; by default their
            outer edges.

    Returns:
        Of shape (N, channels, new height, new width). Places that are not a number lie outside.

    Raises:
        ValueError: an unknown mode.
        RuntimeError: shapes or dtypes that do not fit each other.

    Follows ``torch.nn.functional.grid_sample``.

    >>> import fastgrad as torch
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> middle_and_right = torch.tensor([[[[0.0, 0.0], [0.5, 0.0]]]])
    >>> torch.nn.functional.grid_sample(image, middle_and_right, align_corners=False)
    tensor([[[[2.5000, 3.0000]]]])
    """
    _check(input, grid, mode, padding_mode)
    places = [c.flatten(1) for c in grid.unbind(-1)][::-1]
    taps = [
        _taps(c, n, mode, padding_mode, bool(align_corners))
        for c, n in zip(places, input.shape[2:], strict=True)
    ]
    framed = pad(input, (BEFORE, AFTER) * len(taps))
    first = grid.new_zeros(1, dtype=_core.int64)
    result = _sum_of(framed.flatten(2), taps, framed.shape[2:], first)
    return result.reshape(*input.shape[:2], *grid.shape[1:-1])


def _check(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    dims = input.ndim - 2
    if mode not in _MODES:
        raise ValueError(f"grid_sample: expected mode to be one of {_MODES}, but got: {mode!r}")
    if padding_mode not in _PADDINGS:
        raise ValueError(
            f"grid_sample: expected padding_mode to be one of {_PADDINGS}, but got: "
            f"{padding_mode!r}"
        )
    if dims not in (2, 3) or grid.ndim != input.ndim:
        raise RuntimeError(
            "grid_sample: expected input and grid of 4 or of 5 dimensions, but got "
            f"{list(input.shape)} and {list(grid.shape)}"
        )
    if len(grid) != len(input) or grid.shape[-1] != dims:
        raise RuntimeError(
            f"grid_sample: expected a grid of shape [{len(input)}, ..., {dims}] for input of shape "
            f"{list(input.shape)}, but got {list(grid.shape)}"
        )
    if mode == "bicubic" and dims != 2:
        raise RuntimeError("grid_sample: bicubic interpolation only supports 4D input")
    if input.dtype != grid.dtype or not input.is_floating_point():
        raise RuntimeError(
            "grid_sample: expected input and grid of one floating dtype, but got "
            f"{input.dtype} and {grid.dtype}"
        )
    if min(input.shape[2:]) < 1:
        raise RuntimeError(
            "grid_sample: expected input to have non-empty spatial dimensions, but got "
            f"{list(input.shape)}"
        )


def _taps(grid: Tensor, n: int, mode: str, padding: str, align: bool) -> Taps:
    """Which of n pixels each place in -1..1 needs, and how much of them."""
    at = (grid + 1) * ((n - 1) / 2) if align else ((grid + 1) * n - 1) / 2
    at = where(at == at, at, -BEFORE)
    if mode == "bicubic":
        before = at.detach().floor()
        pixels = [_inside(before + k, n, padding, align) for k in range(-1, 3)]
        return list(zip(map(_numbers, pixels), cubic_weights(at - before), strict=True))
    at = _inside(at, n, padding, align)
    if mode == "nearest":
        return [(_numbers(at.detach().round()), None)]
    before = at.detach().floor()
    first, t = _numbers(before), at - before
    return [(first, 1 - t), (first + 1, t)]


def _numbers(pixels: Tensor) -> Tensor:
    return _core.cast(pixels, _core.int64) + BEFORE


def _inside(at: Tensor, n: int, padding: str, align: bool) -> Tensor:
    """The place among n pixels that takes the part of one beyond the edge."""
    if padding == "zeros":
        return at.clamp(-BEFORE, n)
    return (_reflected(at, n, align) if padding == "reflection" else at).clamp(0, n - 1)


def _reflected(at: Tensor, n: int, align: bool) -> Tensor:
    """Between mirrors on the outermost pixels, or on their outer edges."""
    low, span = (0.0, n - 1) if align else (-0.5, n)
    if not span:
        return at * 0
    distance = (at - low).abs()
    laps = (distance.detach() / span).floor()
    rest = distance - laps * span
    return where(laps % 2 == 0, rest, span - rest) + low


def _sum_of(pixels: Tensor, taps: list[Taps], sizes: Sequence[int], index: Tensor) -> Tensor:
    """The weighted sum of pixels [N, channels, all] over the taps along each dimension.

    Args:
        index: the numbers of the pixels, as far as the dimensions before these make them up.
    """
    if not taps:
        return pixels.gather(2, index.expand(-1, pixels.shape[1], -1))
    total = None
    for place, share in taps[0]:
        inner = index * sizes[0] + place[:, None]
        term = _sum_of(pixels, taps[1:], sizes[1:], inner)
        term = term if share is None else term * share[:, None]
        total = term if total is None else total + term
    assert total is not None
    return total


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places for :func:`grid_sample` to which affine maps lead from the pixels of an output.

    Args:
        theta: the maps, from output to input: (N, 2, 3) for images, (N, 3, 4) for volumes.
        size: the output's, (N, channels, height, width), or with a depth before the height.
        align_corners: as for :func:`grid_sample`.

    Returns:
        Of shape (N, height, width, 2), or (N, depth, height, width, 3).

    Raises:
        ValueError, RuntimeError: shapes that do not fit, or a theta of integers.

    Follows ``torch.nn.functional.affine_grid``.

    >>> import fastgrad as torch
    >>> to_the_left = torch.tensor([[[1.0, 0.0, -0.5], [0.0, 1.0, 0.0]]])
    >>> torch.nn.functional.affine_grid(to_the_left, [1, 1, 1, 2], align_corners=True)
    tensor([[[[-1.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    dims = len(size) - 2
    if not theta.is_floating_point():
        raise ValueError(f"affine_grid: expected theta of a floating dtype, but got {theta.dtype}")
    if dims not in (2, 3) or theta.shape != (size[0], dims, dims + 1):
        raise ValueError(
            "affine_grid: expected theta [N, 2, 3] for size (N, C, H, W), or [N, 3, 4] for "
            f"(N, C, D, H, W), but got {list(theta.shape)} and {tuple(size)}"
        )
    if min(size) < 1:
        raise ValueError(f"affine_grid: expected a size without zeros, but got {tuple(size)}")
    axes = [_centres(n, bool(align_corners), theta) for n in size[2:]]
    shape = tuple(size[2:])
    spread = [axis.reshape(-1, *(1,) * (dims - k - 1)).expand(shape) for k, axis in enumerate(axes)]
    places = stack([*spread[::-1], theta.new_ones(shape)], -1).reshape(-1, dims + 1)
    return (places @ theta.transpose(1, 2)).reshape(size[0], *shape, dims)


def _centres(n: int, align: bool, like: Tensor) -> Tensor:
    """The centres of n pixels, from -1 to 1."""
    steps = _core.cast(_core.arange(0, 1, n, _core.int64), like.dtype)
    if align:
        return steps * (2 / (n - 1)) - 1 if n > 1 else steps
    return (2 * steps + 1) / n - 1
