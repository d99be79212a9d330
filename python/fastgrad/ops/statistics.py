"""Variances, covariances and quantiles, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops.indexing import gather, getitem
from fastgrad.ops.matmul import matmul
from fastgrad.ops.reduction import count_along, dims_or_all, mean, renamed, restored
from fastgrad.ops.rounding import ceil, floor, round
from fastgrad.ops.sort import sort
from fastgrad.ops.ternary import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Dims, Operand
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "corrcoef",
    "cov",
    "nanquantile",
    "quantile",
    "std",
    "std_mean",
    "var",
    "var_mean",
]


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The variance, divided by n - correction (1 unless told; `unbiased=False` means 0).

    Raises:
        RuntimeError: the elements are no floats.

    Follows ``torch.var``.

    >>> import fastgrad as torch
    >>> torch.var(torch.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    dims, keep, less = _var_options(dim, unbiased, keepdim, correction, axis, keepdims)
    degrees = _degrees_of_freedom(input, dims, less)
    out = _variance(input, dims, keep, degrees)
    if out.requires_grad:
        record(out, var_vjp, _core.edges(input), (input, dims, keep, degrees))
    return out


def var_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (_var_gradient(grad, *saved),)


def _var_gradient(
    grad: Tensor, x: Tensor, dim: Dims | None, keepdim: bool, degrees: float
) -> Tensor:
    upstream = restored(grad, x.shape, dim, keepdim)
    return upstream * (2.0 / degrees if degrees else float("inf")) * (x - mean(x, dim, True))


def _var_options(
    dim: Any,
    unbiased: bool | None,
    keepdim: bool,
    correction: float | None,
    axis: Dims | None,
    keepdims: bool | None,
) -> tuple[Dims | None, bool, float]:
    """Dimensions, keepdim and correction of PyTorch's two ways to call var and std."""
    if dim is True or dim is False:  # var(x, unbiased)
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError(
            "var and std take either unbiased or correction, got both: unbiased=False is "
            "correction=0"
        )
    if correction is None:
        correction = 0 if unbiased is False else 1
    return *renamed(dim, keepdim, axis, keepdims), correction


def _degrees_of_freedom(x: Tensor, dim: Dims | None, correction: float) -> float:
    if not x.dtype.is_floating_point:
        raise RuntimeError(
            "std and var only support floating point dtypes, got "
            f"{x.dtype}; convert it with .float()"
        )
    degrees = count_along(x.shape, dim) - correction
    return degrees if degrees > 0 else 0.0


def _variance(x: Tensor, dim: Dims | None, keepdim: bool, degrees: float) -> Tensor:
    """In two passes: the squares of the differences from the mean."""
    dims = dims_or_all(dim)
    centre = _core.div(_core.sum(x, dims, True, None), count_along(x.shape, dim))
    return _core.div(_core.square_sum(_core.sub(x, centre), dims, keepdim), degrees)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The standard deviation: the square root of :func:`var`. Its gradient at 0 is 0.

    Raises:
        RuntimeError: the elements are no floats.

    Follows ``torch.std``.

    >>> import fastgrad as torch
    >>> torch.std(torch.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    dims, keep, less = _var_options(dim, unbiased, keepdim, correction, axis, keepdims)
    degrees = _degrees_of_freedom(input, dims, less)
    out = _core.sqrt(_variance(input, dims, keep, degrees))
    if out.requires_grad:
        record_result(out, std_vjp, _core.edges(input), (input, dims, keep, degrees))
    return out


def std_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    *rest, result = saved
    is_zero = _core.eq(result, 0)
    slope = (grad / (where(is_zero, 1.0, result) * 2)).masked_fill(is_zero, 0.0)
    return (_var_gradient(slope, *rest),)


def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """:func:`var` and the mean. Follows ``torch.var_mean``.

    >>> import fastgrad as torch
    >>> torch.var_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    dims, keep, less = _var_options(dim, unbiased, keepdim, correction, axis, keepdims)
    return var(input, dims, None, keep, correction=less), mean(input, dims, keep)


def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Dims | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """:func:`std` and the mean. Follows ``torch.std_mean``.

    >>> import fastgrad as torch
    >>> torch.std_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    dims, keep, less = _var_options(dim, unbiased, keepdim, correction, axis, keepdims)
    return std(input, dims, None, keep, correction=less), mean(input, dims, keep)


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariances of variables: each row of `input` holds the observations of one.

    Args:
        correction: how much less than the number of observations is divided by.
        fweights: how often each observation was made (integers).
        aweights: how important each observation is.

    Raises:
        RuntimeError: more than two dimensions, or weights that do not fit.

    Follows ``torch.cov``.

    >>> import fastgrad as torch
    >>> torch.cov(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2 or input.dtype is _core.bool:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions and not to be bool, got "
            f"{input.dtype} of shape {list(input.shape)}"
        )
    x = input if input.ndim == 2 else input.reshape(1, -1)
    _check_weights(x.shape[1], fweights, aweights)
    weights = fweights if aweights is None else _weighted(aweights, fweights)
    total = _core.tensor(x.shape[1], None) if weights is None else weights.sum()
    less: Operand = correction
    if aweights is not None and correction:
        less = correction * _weighted(aweights, weights).sum() / total
    centred = x - (_weighted(x, weights).sum(1) / total).unsqueeze(1)
    product = matmul(centred, _weighted(centred, weights).t().to(centred.dtype))
    return (product / (total - less).clamp(min=0)).squeeze()


def _check_weights(observations: int, fweights: Tensor | None, aweights: Tensor | None) -> None:
    for name, weights, floats in (("fweights", fweights, False), ("aweights", aweights, True)):
        if weights is None:
            continue
        if weights.ndim > 1 or weights.numel() != observations:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the "
                f"input but got {weights.numel()} != {observations}"
            )
        if weights.dtype.is_floating_point is not floats or weights.dtype is _core.bool:
            kind = "floating point" if floats else "integral"
            raise RuntimeError(
                f"cov(): expected {name} to have {kind} dtype but got {name} with {weights.dtype}"
            )
        if (weights < 0).any():
            raise RuntimeError(f"cov(): {name} cannot be negative")


def _weighted(x: Tensor, weights: Tensor | None) -> Tensor:
    return x if weights is None else x * weights


def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables: :func:`cov` divided by standard deviations.

    Follows ``torch.corrcoef``.

    >>> import fastgrad as torch
    >>> torch.corrcoef(torch.tensor([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    c = cov(input)
    if c.ndim == 0:
        return c / c
    diagonal = _core.arange_at(c.get_device(), 0, 1, c.shape[0], _core.int64)
    deviations = getitem(c, (diagonal, diagonal)).sqrt()
    return (c / deviations.unsqueeze(1) / deviations).clamp(-1, 1)


def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    axis: int | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The q-th quantiles, of all elements or along a dimension; several q come first in the shape.

    Args:
        q: a number in [0, 1], or a vector of such.
        interpolation: between two elements, "linear", or "lower", "higher", "midpoint", "nearest".

    Raises:
        RuntimeError: q is outside [0, 1] or of another dtype than the elements, or there are none.

    NaN where there is one. Follows ``torch.quantile``.

    >>> import fastgrad as torch
    >>> torch.quantile(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0.5, 0.75]))
    tensor([2., 3.])
    """
    at, keep = dim if axis is None else axis, keepdim if keepdims is None else keepdims
    return _quantile("quantile", input, q, at, keep, interpolation)


def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    axis: int | None = None,
    keepdims: bool | None = None,
) -> Tensor:
    """:func:`quantile` of what is not NaN; NaN where all is.

    Follows ``torch.nanquantile``.

    >>> import fastgrad as torch
    >>> torch.nanquantile(torch.tensor([1.0, float("nan"), 2.0]), 0.5)
    tensor(1.5000)
    """
    at, keep = dim if axis is None else axis, keepdim if keepdims is None else keepdims
    return _quantile("nanquantile", input, q, at, keep, interpolation)


def _quantile(
    name: str, x: Tensor, q: float | Tensor, dim: int | None, keepdim: bool, interpolation: str
) -> Tensor:
    fractions = _checked_fractions(name, x, q)
    if interpolation not in _ROUNDED and interpolation not in ("linear", "midpoint"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    at = 0 if dim is None or not x.shape else dim % len(x.shape) if -x.ndim <= dim < x.ndim else dim
    lines = x.reshape(-1) if dim is None or not x.shape else x.transpose(at, -1)
    ordered = sort(lines, -1).values
    ranks = _ranks(ordered, fractions.reshape(-1), ignore_nan=name == "nanquantile")
    found = _at_ranks(ordered, ranks, interpolation)
    if dim is not None and x.shape:
        found = found.transpose(at, -1)
    return _with_fractions_first(found, x, fractions.ndim, dim, at, keepdim)


_ROUNDED = {"lower": floor, "higher": ceil, "nearest": round}


def _checked_fractions(name: str, x: Tensor, q: float | Tensor) -> Tensor:
    if x.dtype not in (_core.float32, _core.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double, got {x.dtype}")
    if x.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty, got {list(x.shape)}")
    fractions = q if isinstance(q, _core.TensorBase) else _core.tensor(q, x.dtype)
    if isinstance(q, (list, tuple)) or fractions.ndim > 1:
        kind = TypeError if isinstance(q, (list, tuple)) else RuntimeError
        raise kind(f"{name}() q must be a number or a 1D tensor, got {q}; make it a tensor")
    if fractions.dtype is not x.dtype:
        raise RuntimeError(
            f"{name}() q tensor must be same dtype as the input tensor, got {fractions.dtype} and "
            f"{x.dtype}"
        )
    if not _core.logical_and(_core.ge(fractions, 0), _core.le(fractions, 1)).all():
        raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
    return fractions


def _ranks(ordered: Tensor, fractions: Tensor, ignore_nan: bool) -> Tensor:
    """Where the quantiles lie in the sorted lines, as fractional indices."""
    missing = _core.isnan(ordered)
    last = ordered.shape[-1] - 1
    if ignore_nan:
        count = _core.sum(_core.logical_not(missing), -1, True, ordered.dtype)
        return fractions * (count - 1).clamp(min=0)
    return where(_core.any(missing, -1, True), float(last), fractions * last)


def _at_ranks(ordered: Tensor, ranks: Tensor, interpolation: str) -> Tensor:
    rounded = _ROUNDED.get(interpolation)
    if rounded is not None:
        return gather(ordered, -1, rounded(ranks).to(_core.int64))
    low = floor(ranks)
    below = gather(ordered, -1, low.to(_core.int64))
    above = gather(ordered, -1, ceil(ranks).to(_core.int64))
    weight = ranks - low if interpolation == "linear" else 0.5
    difference = above - below
    from_below, from_above = below + difference * weight, above - difference * (1 - weight)
    return where(_core.lt(weight, 0.5), from_below, from_above)


def _with_fractions_first(
    found: Tensor, x: Tensor, rank: int, dim: int | None, at: int, keepdim: bool
) -> Tensor:
    """The dimension `at` holds the quantiles: it becomes the first, or goes if there is one q."""
    if rank:
        rest = [d for d in range(found.ndim) if d != at]
        found = found.permute(at, *rest)
    elif dim is None or not keepdim or not x.shape:
        found = found.squeeze(at)
    if not keepdim:
        return found
    if dim is None:
        return found.reshape((*found.shape, *(1,) * x.ndim))
    return found.unsqueeze(at + 1) if rank and x.shape else found
