"""Results that run along a dimension, each above its gradient."""

from __future__ import annotations

from math import inf

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops.direct import autocast
from fastgrad.ops.indexing import gather_backward
from fastgrad.ops.joining import cat
from fastgrad.ops.results import Result
from fastgrad.ops.unary import exp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import DType
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "logcumsumexp",
]


class cummax_result(Result):
    values: Tensor
    indices: Tensor


class cummin_result(Result):
    values: Tensor
    indices: Tensor


@autocast("float32")
def cumsum(
    input: Tensor, dim: int | None = None, *, dtype: DType | None = None, axis: int | None = None
) -> Tensor:
    """The running sum along a dimension; integers and bools add up to int64.

    Follows ``torch.cumsum``.

    >>> import fastgrad as torch
    >>> torch.cumsum(torch.tensor([1, 2, 3]), dim=0)
    tensor([1, 3, 6])
    """
    at = _required("cumsum", dim, axis)
    x = input if dtype is None else input.to(dtype)
    out = _core.cumsum(x, at)
    if out.requires_grad:
        record(out, cumsum_vjp, _core.edges(x), (at,))
    return out if dtype is None else out.to(dtype)


def cumsum_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (dim,) = saved
    return (_cumsum_from_the_end(grad, dim),)


def _cumsum_from_the_end(x: Tensor, dim: int) -> Tensor:
    return cumsum(x.flip(dim), dim).flip(dim) if x.shape else x


def _required(name: str, dim: int | None, axis: int | None) -> int:
    at = dim if axis is None else axis
    if at is None:
        raise TypeError(f'{name}() missing 1 required positional arguments: "dim"; give dim=0')
    return at


@autocast("float32")
def cumprod(
    input: Tensor, dim: int | None = None, *, dtype: DType | None = None, axis: int | None = None
) -> Tensor:
    """The running product along a dimension; integers and bools give int64.

    Follows ``torch.cumprod``.

    >>> import fastgrad as torch
    >>> torch.cumprod(torch.tensor([2, 3, 4]), dim=0)
    tensor([ 2,  6, 24])
    """
    at = _required("cumprod", dim, axis)
    x = input if dtype is None else input.to(dtype)
    out = _core.cumprod(x, at)
    if out.requires_grad:
        record(out, cumprod_vjp, _core.edges(x), (x, at))
    return out if dtype is None else out.to(dtype)


# The derivative of y[j] = x[0] ... x[j] by x[i] is x[0] ... x[i - 1] times x[i + 1] ... x[j]: no
# division, and so right for zeros. The sum over j of the latter parts, each times the gradient of
# y[j], is a recurrence.
def cumprod_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, dim = saved
    return (products_before(x, dim) * recurrence(x, grad, dim, True),)


def products_before(x: Tensor, dim: int) -> Tensor:
    """At each place along `dim`, the product of the elements before it."""
    return _shifted(cumprod(x, dim), dim, 1.0)


def products_of_others(x: Tensor, dim: int) -> Tensor:
    """At each place along `dim`, the product of all other elements."""
    if not x.shape:
        return _core.full((), 1.0, x.dtype)
    after = products_before(x.flip(dim), dim).flip(dim)
    return products_before(x, dim) * after


def _shifted(x: Tensor, dim: int, fill: float) -> Tensor:
    """Every element moved to the next place along `dim`; the first place gets `fill`."""
    if not x.shape:
        return _core.full((), fill, x.dtype)
    if x.shape[dim] == 0:
        return x
    sizes = list(x.shape)
    sizes[dim] = 1
    first = _core.full_at(x.get_device(), sizes, fill, x.dtype)
    return cat([first, x.narrow(dim, 0, x.shape[dim] - 1)], dim)


def recurrence(x: Tensor, added: Tensor, dim: int, backward: bool) -> Tensor:
    """y[i] = added[i] + x[i] * y[i - 1] along `dim`; backward: added[i] + x[i + 1] * y[i + 1].

    Either is the other's adjoint as a function of `added`.
    """
    out = _core.recurrence(x, added, dim, backward)
    if out.requires_grad:
        record_result(out, recurrence_vjp, _core.edges(x, added), (x, dim, backward))
    return out


def recurrence_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, dim, backward, result = saved
    to_added = recurrence(x, grad, dim, not backward)
    if needs[0] is None:
        return None, to_added
    earlier, here = (to_added, result) if backward else (result, to_added)
    return _shifted(earlier, dim, 0.0) * here, to_added


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """The logarithm of the running sum of the exponentials, without overflow. Floats only.

    Raises:
        RuntimeError: the elements are no floats.

    Follows ``torch.logcumsumexp``.

    >>> import fastgrad as torch
    >>> torch.logcumsumexp(torch.tensor([0.0, 0.0, 1000.0]), dim=0)
    tensor([0.0000e+00, 6.9315e-01, 1.0000e+03])
    """
    out = _core.logcumsumexp(input, dim)
    if out.requires_grad:
        record_result(out, logcumsumexp_vjp, _core.edges(input), (input, dim))
    return out


# The derivative of y[j] by x[i] is exp(x[i] - y[j]) = exp(x[i] - y[i]) exp(y[i] - y[i + 1]) ...,
# where no factor is above 1.
def logcumsumexp_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, dim, result = saved
    # Where the sum so far is 0, logarithms say nothing about its parts: they get no gradient.
    nothing = _core.eq(result, -inf)
    total = result.masked_fill(nothing, 0.0)
    before = _shifted(result, dim, -inf)
    ratio = exp(before - total)
    ratio = ratio.masked_fill(_core.isnan(ratio), 0.0)  # of infinities
    return (exp(x - total) * recurrence(ratio, grad.masked_fill(nothing, 0.0), dim, True),)


def cummax(input: Tensor, dim: int | None = None, *, axis: int | None = None) -> cummax_result:
    """The largest element so far along a dimension, and its index: the last of equal ones.

    NaN counts as the largest.

    Follows ``torch.cummax``.

    >>> import fastgrad as torch
    >>> torch.cummax(torch.tensor([1, 3, 2, 3]), dim=0)
    torch.return_types.cummax(
    values=tensor([1, 3, 3, 3]),
    indices=tensor([0, 1, 1, 3]))
    """
    at = _required("cummax", dim, axis)
    values, indices = _core.cummax(input, at)
    if values.requires_grad:
        record(values, cummax_vjp, _core.edges(input), (input.shape, at, indices))
    return cummax_result((values, indices))


def cummax_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, dim, indices = saved
    return (gather_backward(grad, shape, dim, indices),)


def cummin(input: Tensor, dim: int | None = None, *, axis: int | None = None) -> cummin_result:
    """The smallest element so far along a dimension, and its index: the last of equal ones.

    NaN counts as the smallest here.

    Follows ``torch.cummin``.

    >>> import fastgrad as torch
    >>> torch.cummin(torch.tensor([3, 1, 2, 1]), dim=0)
    torch.return_types.cummin(
    values=tensor([3, 1, 1, 1]),
    indices=tensor([0, 1, 1, 3]))
    """
    at = _required("cummin", dim, axis)
    values, indices = _core.cummin(input, at)
    if values.requires_grad:
        record(values, cummin_vjp, _core.edges(input), (input.shape, at, indices))
    return cummin_result((values, indices))


def cummin_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, dim, indices = saved
    return (gather_backward(grad, shape, dim, indices),)
