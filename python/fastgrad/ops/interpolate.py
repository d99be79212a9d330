"""Images in other sizes: each dimension in turn becomes a weighted sum of some of its elements."""

from __future__ import annotations

from math import floor

from fastgrad import _core
from fastgrad.device import placed
from fastgrad.ops.indexing import index_select
from fastgrad.ops.pool_average import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from fastgrad._types import DType
    from fastgrad.tensor import Tensor

    # For each term of the sum, which elements, and what they are multiplied by (None for 1).
    Taps: TypeAlias = list[tuple[Tensor, Tensor | None]]

_AREAS = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
_DIMS_OF_MODE = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Images of another size.

    Args:
        input: of shape (N, channels, ...), with one to three more dimensions.
        size: the new sizes, one number or one for each dimension.
        scale_factor: instead of `size`, by how much to multiply the sizes.
        mode: 'nearest', 'nearest-exact' or 'area' for any number of dimensions; 'linear' (one),
            'bilinear' and 'bicubic' (two), 'trilinear' (three).
        align_corners: for the modes of the last line: whether the centres of the outermost pixels
            stay where they are, or (by default) the edges of the images.
        recompute_scale_factor: use the ratio of the sizes instead of `scale_factor` for the places.
        antialias: not implemented.

    Raises:
        ValueError, NotImplementedError, RuntimeError: options do not fit together, or to the input.

    Follows ``torch.nn.functional.interpolate``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([[[1.0, 2.0]]])
    >>> torch.nn.functional.interpolate(x, scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    >>> torch.nn.functional.interpolate(x, size=3, mode="linear", align_corners=True)
    tensor([[[1.0000, 1.5000, 2.0000]]])
    """
    dims = input.ndim - 2
    _check_mode(dims, mode, align_corners, antialias)
    sizes, factors = _sizes(input, size, scale_factor, recompute_scale_factor)
    if min((*sizes, *input.shape[2:])) < 1:
        raise RuntimeError(
            "interpolate: Input and output sizes should be greater than 0, but got input sizes "
            f"{list(input.shape[2:])} and output sizes {sizes}"
        )
    if mode == "area":
        return _AREAS[dims](input, tuple(sizes))
    if input.dtype is _core.uint8 and mode in _DIMS_OF_MODE:
        return _rounded(_resampled(input.float(), sizes, factors, mode, bool(align_corners)))
    return _resampled(input, sizes, factors, mode, bool(align_corners))


def _check_mode(dims: int, mode: str, align_corners: bool | None, antialias: bool) -> None:
    if antialias:
        raise NotImplementedError(
            "interpolate: antialias=True is not implemented; average first, e.g. with mode='area'"
        )
    if dims not in (1, 2, 3) or mode not in ("nearest", "nearest-exact", "area", *_DIMS_OF_MODE):
        raise NotImplementedError(
            f"interpolate: Only 3D, 4D and 5D input Tensors supported (got {dims + 2}D) for the "
            "modes: nearest | nearest-exact | area | linear | bilinear | bicubic | trilinear "
            f"(got {mode})"
        )
    wanted = _DIMS_OF_MODE.get(mode)
    if wanted is None and align_corners is not None:
        raise ValueError(
            "interpolate: align_corners option can only be set with the interpolating modes: "
            f"linear | bilinear | bicubic | trilinear, got {mode}"
        )
    if wanted not in (None, dims):
        raise NotImplementedError(
            f"interpolate: Got {dims + 2}D input, but {mode} mode needs {wanted + 2}D input"
        )


def _sizes(
    input: Tensor,
    size: int | Sequence[int] | None,
    scale_factor: float | Sequence[float] | None,
    recompute: bool | None,
) -> tuple[list[int], list[float | None]]:
    """The new sizes, and the factors that say where pixels come from, if not the sizes do."""
    space = input.shape[2:]
    if (size is None) == (scale_factor is None):
        raise ValueError(
            "interpolate: only one of size or scale_factor should be defined"
            if size is not None
            else "interpolate: either size or scale_factor should be defined"
        )
    if size is not None and recompute:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if scale_factor is None:
        sizes: list[int] = _for_each(size, space)
        return sizes, [None] * len(space)
    factors = _for_each(scale_factor, space)
    sizes = [floor(float(n) * factor) for n, factor in zip(space, factors, strict=True)]
    return sizes, [None] * len(space) if recompute else factors


def _for_each(given: Any, space: Sequence[int]) -> list[Any]:
    """One number, or one for each dimension, as one for each."""
    each = list(given) if isinstance(given, (tuple, list)) else [given] * len(space)
    if len(each) != len(space):
        raise ValueError(
            "interpolate: Input and output must have the same number of spatial dimensions, but "
            f"got input with spatial dimensions of {list(space)} and {given}"
        )
    return each


def _resampled(
    x: Tensor, sizes: list[int], factors: list[float | None], mode: str, align: bool
) -> Tensor:
    # Numbers of places are those of the images, and of nearest pixels always float32, as PyTorch's.
    exact = x.dtype is _core.float64 and mode in _DIMS_OF_MODE
    dtype = _core.float64 if exact else _core.float32
    for d, (size, factor) in enumerate(zip(sizes, factors, strict=True), 2):
        n = x.shape[d]
        if n == size and (factor is None or mode == "nearest" or align):
            continue
        if mode == "nearest" and size == 2 * n:
            factor = 2.0
        x = _along(
            x, d, _taps(n, placed(_origins(n, size, factor, mode, align, dtype), x.device), mode)
        )
    return x


def _origins(
    n: int, size: int, factor: float | None, mode: str, align: bool, dtype: DType
) -> Tensor:
    """The place among n pixels that each of `size` pixels comes from, a fraction."""
    pixels = _core.cast(_core.arange(0, 1, size, _core.int64), dtype)
    if align:
        return _core.mul(pixels, (n - 1) / (size - 1) if size > 1 else 0.0)
    step = _core.tensor(n / size if factor is None else 1.0 / factor, dtype)
    if mode == "nearest":
        return _core.mul(pixels, step)
    centres = _core.mul(_core.add(pixels, 0.5), step)
    return centres if mode == "nearest-exact" else _core.sub(centres, 0.5)


def _taps(n: int, origins: Tensor, mode: str) -> Taps:
    def pixel(place: Tensor) -> Tensor:
        return _core.clamp(_core.cast(place, _core.int64), 0, n - 1)

    if mode in ("nearest", "nearest-exact"):
        return [(pixel(_core.floor(origins)), None)]
    if mode != "bicubic":
        origins = _core.maximum(origins, 0.0)
    before = _core.floor(origins)
    t = _core.sub(origins, before)
    if mode != "bicubic":
        return [(pixel(before), 1 - t), (pixel(before + 1), t)]
    return [(pixel(before + k), weight) for k, weight in enumerate(cubic_weights(t), -1)]


def cubic_weights(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The shares of the four pixels around a place that lies `t` after the second of them."""
    return _cubic_far(t + 1), _cubic_near(t), _cubic_near(1 - t), _cubic_far(2 - t)


# The cubic convolution kernel with a = -0.75, up to a distance of 1 and from there to 2.
# Source: R. Keys, "Cubic convolution interpolation for digital image processing", IEEE ASSP 1981.


def _cubic_near(x: Tensor) -> Tensor:
    return (1.25 * x - 2.25) * x * x + 1


def _cubic_far(x: Tensor) -> Tensor:
    return ((-0.75 * x + 3.75) * x - 6.0) * x + 3.0


def _along(x: Tensor, d: int, taps: Taps) -> Tensor:
    """The weighted sum of elements along a dimension."""
    total = None
    for places, weight in taps:
        term = index_select(x, d, places)
        if weight is not None:
            term = term * weight.to(x.dtype).view(-1, *(1,) * (x.ndim - d - 1))
        total = term if total is None else total + term
    assert total is not None
    return total


def _rounded(x: Tensor) -> Tensor:
    return x.round().clamp(0, 255).to(_core.uint8)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """:func:`interpolate` to the nearest pixel. Follows ``torch.nn.functional.upsample_nearest``.

    >>> import fastgrad as torch
    >>> from warnings import catch_warnings
    >>> with catch_warnings(action="ignore"):  # PyTorch calls it deprecated
    ...     torch.nn.functional.upsample_nearest(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor)


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """:func:`interpolate` between pixels of images, with aligned corners.

    Follows ``torch.nn.functional.upsample_bilinear``.

    >>> import fastgrad as torch
    >>> from warnings import catch_warnings
    >>> with catch_warnings(action="ignore"):  # PyTorch calls it deprecated
    ...     torch.nn.functional.upsample_bilinear(torch.tensor([[[[1.0, 3.0]]]]), size=(1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    return interpolate(input, size, scale_factor, "bilinear", True)
