"""Counting: how often numbers occur, in all or by interval."""

from __future__ import annotations

from math import isfinite

from fastgrad import _core
from fastgrad.device import made_on
from fastgrad.ops.results import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad.tensor import Tensor

__all__ = [
    "bincount",
    "histc",
    "histogram",
]


class histogram_result(Result):
    hist: Tensor
    bin_edges: Tensor


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each non-negative integer occurs in a vector, or the sum of its weights.

    Raises:
        RuntimeError: an element is negative, or the tensor is no vector of integers.

    Follows ``torch.bincount``.

    >>> import fastgrad as torch
    >>> torch.bincount(torch.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    return _core.bincount(input, weights, minlength)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of `bins` equal intervals from `min` to `max`.

    With equal limits, those of the elements. Elements outside, and NaN, are not counted.

    Raises:
        RuntimeError: the elements are no floats, or the limits are not finite and in order.

    Follows ``torch.histc``.

    >>> import fastgrad as torch
    >>> torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    x = _flat_floats("histc", input, bins)
    if min > max:
        raise RuntimeError(f"histc(): max must be larger than min, got min {min} and max {max}")
    low, high = _limits("histc", x, (min, max) if min < max else None)
    scaled = _core.div(_core.mul(_core.sub(x, low), bins), high - low)
    # Elements outside of the limits, and NaN, are counted in a place of their own, the first.
    inside = _core.where(_inside(x, low, high), scaled, -1.0)
    places = _core.add(_core.minimum(_core.cast(inside, _core.int64), bins - 1), 1)
    counts = _core.bincount(places, None, bins + 1)
    return _core.cast(_core.narrow(counts, 0, 1, bins), input.dtype)


def _flat_floats(name: str, input: Tensor, bins: Any) -> Tensor:
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"{name}(): not implemented for {input.dtype}; convert it with .float()"
        )
    if isinstance(bins, int) and bins <= 0:
        raise RuntimeError(f"{name}(): bins must be > 0, but got {bins}")
    return _core.reshape(_core.detach(input), (-1,))


def _limits(name: str, x: Tensor, given: tuple[float, float] | None) -> tuple[float, float]:
    """The outer limits of the intervals; those of the elements if none are given."""
    if given is not None:
        low, high = given
    elif x.numel() == 0:
        low, high = 0.0, 1.0
    else:
        low, high = _core.amin(x, (), False).item(), _core.amax(x, (), False).item()
    if not (isfinite(low) and isfinite(high)):
        raise RuntimeError(
            f"{name}(): range of [{low}, {high}] is not finite; give finite limits for it"
        )
    if low > high:
        raise RuntimeError(f"{name}(): max should be >= min, got range of [{low}, {high}]")
    return (low - 1, high + 1) if low == high else (low, high)


def _inside(x: Tensor, low: Any, high: Any) -> Tensor:
    return _core.logical_and(_core.ge(x, low), _core.le(x, high))


def histogram(
    input: Tensor,
    bins: int | Tensor,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> histogram_result:
    """How many elements fall into each interval, and the edges of the intervals.

    Args:
        bins: the number of equal intervals, or their edges as a vector of increasing numbers.
        range: the outer limits of equal intervals; those of the elements unless told.
        weight: how much each element counts.
        density: divide so that the integral over all intervals is 1.

    Raises:
        RuntimeError: the elements are no floats, or bins, limits or weights do not fit.

    Follows ``torch.histogram``.

    >>> import fastgrad as torch
    >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 3.0))
    torch.return_types.histogram(
    hist=tensor([2., 1.]),
    bin_edges=tensor([0.0000, 1.5000, 3.0000]))
    """
    x = _flat_floats("histogram", input, bins)
    edges = _edges(x, bins, range)
    count = edges.numel() - 1
    inside = _inside(x, _core.select(edges, 0, 0), _core.select(edges, 0, -1))
    kept = _core.getitem(x, inside)
    # The last interval holds its right edge, too.
    places = _core.sub(_core.searchsorted(edges, kept, None, True), 1).clamp(max=count - 1)
    hist = _core.bincount(places, _kept_weights(input, weight, inside), count).to(input.dtype)
    if density:
        widths = _core.narrow(edges, 0, 1, count) - _core.narrow(edges, 0, 0, count)
        hist = hist / hist.sum() / widths
    return histogram_result((hist, edges))


def _edges(x: Tensor, bins: int | Tensor, limits: tuple[float, float] | None) -> Tensor:
    if isinstance(bins, int):
        low, high = _limits("histogram", x, limits)
        return made_on(x.device, _core.linspace, low, high, bins + 1, x.dtype)
    if limits is not None:
        raise TypeError("histogram(): range goes with a number of bins; edges say it themselves")
    if bins.ndim != 1 or bins.numel() < 2 or bins.dtype is not x.dtype:
        raise RuntimeError(
            f"histogram(): bins must be a vector of at least two edges of {x.dtype}, got "
            f"{bins.dtype} of shape {list(bins.shape)}"
        )
    return _core.clone(_core.detach(bins))


def _kept_weights(input: Tensor, weight: Tensor | None, inside: Tensor) -> Tensor | None:
    if weight is None:
        return None
    if weight.shape != input.shape or weight.dtype is not input.dtype:
        raise RuntimeError(
            f"histogram(): weight must have the input's shape and dtype, {list(input.shape)} of "
            f"{input.dtype}, got {list(weight.shape)} of {weight.dtype}"
        )
    return _core.getitem(_core.reshape(_core.detach(weight), (-1,)), inside)
