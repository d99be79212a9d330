"""Differences and integrals of sampled functions, all made of differentiable functions."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.ops.comparison import logical_xor
from fastgrad.ops.joining import cat
from fastgrad.ops.scan import cumsum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._types import Dims, Operand
    from fastgrad.tensor import Tensor

__all__ = [
    "cumulative_trapezoid",
    "diff",
    "gradient",
    "trapezoid",
    "trapz",
]


def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """The differences of neighbours along a dimension, taken `n` times.

    Of bools, whether they differ.

    Args:
        prepend, append: what to put before and after the input first.

    Raises:
        RuntimeError: the input is 0-d, or `n` is negative.

    Follows ``torch.diff``.

    >>> import fastgrad as torch
    >>> torch.diff(torch.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"diff: order must be non-negative but got {n}")
    if n == 0:
        return input.clone()
    parts = [part for part in (prepend, input, append) if part is not None]
    x = cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        later, earlier = _neighbours(x, dim)
        x = logical_xor(later, earlier) if x.dtype is _core.bool else later - earlier
    return x


def _neighbours(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """All but the first, and all but the last along `dim`."""
    n = max(x.shape[dim] - 1, 0)
    return x.narrow(dim, min(1, x.shape[dim]), n), x.narrow(dim, 0, n)


def trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """The integral along a dimension by the trapezoidal rule.

    Args:
        x: where the function was sampled: a vector, or as many points as `y` has.
        dx: the distance of neighbouring points instead; 1 unless told.

    Raises:
        RuntimeError: `x` has not one point for each sample.

    Follows ``torch.trapezoid``.

    >>> import fastgrad as torch
    >>> torch.trapezoid(torch.tensor([1.0, 2.0, 4.0]), dx=2)
    tensor(9.)
    """
    areas = _areas("trapezoid", y, x, dx, dim)
    return areas.sum(dim) / 2 if y.shape[dim] else y.sum(dim, dtype=y.dtype)


trapz = trapezoid


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """The running integral along a dimension by the trapezoidal rule, one shorter than `y`.

    Args and errors as for :func:`trapezoid`.

    Follows ``torch.cumulative_trapezoid``.

    >>> import fastgrad as torch
    >>> torch.cumulative_trapezoid(torch.tensor([1.0, 2.0, 4.0]))
    tensor([1.5000, 4.5000])
    """
    return cumsum(_areas("cumulative_trapezoid", y, x, dx, dim), dim) / 2


def _areas(name: str, y: Tensor, x: Tensor | None, dx: float | None, dim: int) -> Tensor:
    """Twice the areas between neighbouring samples."""
    if y.ndim == 0:
        raise IndexError(f"{name}: dimension specified as {dim} but tensor has no dimensions")
    if x is not None and dx is not None:
        raise TypeError(f"{name}() takes either x or dx, got both")
    later, earlier = _neighbours(y, dim)
    if x is None:
        return (later + earlier) * (1 if dx is None else dx)
    if x.ndim == 1:
        if x.shape[0] != y.shape[dim]:
            raise RuntimeError(
                f"{name}: There must be one `x` value for each sample point, got {x.shape[0]} for "
                f"{y.shape[dim]}"
            )
        x = x.view([-1 if d == dim % y.ndim else 1 for d in range(y.ndim)])
    elif x.ndim < y.ndim:
        x = x.view((1,) * (y.ndim - x.ndim) + x.shape)
    right, left = _neighbours(x, dim)
    return (later + earlier) * (right - left)


def gradient(
    input: Tensor,
    *,
    spacing: float | Tensor | Sequence[Any] = 1,
    dim: Dims | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """The derivative along each dimension, estimated by second-order central differences.

    Args:
        spacing: the distance of neighbouring samples, one for each dimension, or for each a vector
            of the places of the samples.
        dim: the dimensions; all unless told.
        edge_order: 1 or 2, the order of the differences at the edges.

    Raises:
        RuntimeError: fewer samples than edge_order + 1, or not one spacing for each dimension.

    Follows ``torch.gradient``.

    >>> import fastgrad as torch
    >>> torch.gradient(torch.tensor([1.0, 4.0, 9.0]))
    (tensor([3., 4., 5.]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError(
            f"gradient: only edge_order=1 and edge_order=2 are supported, got {edge_order}"
        )
    dims = tuple(range(input.ndim)) if dim is None else (dim,) if isinstance(dim, int) else dim
    steps = _spacings(spacing, len(dims))
    return tuple(_slope(input, d, step, edge_order) for d, step in zip(dims, steps, strict=True))


def _spacings(spacing: Any, count: int) -> list[Any]:
    if not isinstance(spacing, (list, tuple)):
        spacing = [spacing] * count
    if len(spacing) != count:
        raise RuntimeError(
            f"gradient: expected one spacing for each of {count} dimensions, got {len(spacing)}"
        )
    return list(spacing)


def _slope(x: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    n = x.shape[dim]
    if n < edge_order + 1:
        raise RuntimeError(
            f"gradient: expected each dimension size to be at least edge_order+1 = {edge_order + 1}"
            f", got {n} in dimension {dim}"
        )
    steps = _steps(x, dim, spacing)
    later, earlier = _neighbours(x, dim)
    slopes = (later - earlier) / steps  # between neighbours
    h1, h2 = _neighbours(steps, dim)[::-1]
    s1, s2 = _neighbours(slopes, dim)[::-1]
    inner = (s1 * h2 + s2 * h1) / (h1 + h2)
    first, last = slopes.narrow(dim, 0, 1), slopes.narrow(dim, n - 2, 1)
    if edge_order == 2:  # the slope of the parabola through the outer three samples
        first = first + (first - inner.narrow(dim, 0, 1))
        last = last + (last - inner.narrow(dim, n - 3, 1))
    return cat([first, inner, last], dim)


def _steps(x: Tensor, dim: int, spacing: Operand) -> Tensor:
    """The distances of neighbouring samples, with as many dimensions as x."""
    kind = x.dtype if x.dtype.is_floating_point else _core.get_default_dtype()
    n, sizes = x.shape[dim], [1] * x.ndim
    sizes[dim] = x.shape[dim] - 1
    if not isinstance(spacing, _core.TensorBase) or spacing.ndim == 0:
        value = spacing.item() if isinstance(spacing, _core.TensorBase) else spacing
        return _core.full_at(x.get_device(), sizes, value, kind)
    if spacing.ndim != 1 or spacing.numel() != n:
        raise RuntimeError(
            f"gradient: expected a vector of {n} places for dimension {dim}, got shape "
            f"{list(spacing.shape)}"
        )
    right, left = _neighbours(spacing, 0)
    return (right - left).view(sizes)
