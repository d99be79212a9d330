"""Rounding, and the parts of a number: each function above its gradient."""

from __future__ import annotations

from math import inf
from sys import float_info

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.comparison import isfinite
from fastgrad.ops.results import Result
from fastgrad.ops.unary import exp2, no_slope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "ceil",
    "fix",
    "floor",
    "frac",
    "frexp",
    "nan_to_num",
    "round",
    "trunc",
]


def floor(input: Tensor) -> Tensor:
    """The largest whole number that is not above x; its gradient is 0. Follows ``torch.floor``.

    >>> import fastgrad as torch
    >>> torch.floor(torch.tensor([1.5, -1.5]))
    tensor([ 1., -2.])
    """
    out = _core.floor(input)
    if out.requires_grad:
        record(out, floor_vjp, _core.edges(input))
    return out


def floor_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return no_slope(grad)


def ceil(input: Tensor) -> Tensor:
    """The smallest whole number that is not below x; its gradient is 0. Follows ``torch.ceil``.

    >>> import fastgrad as torch
    >>> torch.ceil(torch.tensor([1.5, -1.5]))
    tensor([ 2., -1.])
    """
    out = _core.ceil(input)
    if out.requires_grad:
        record(out, ceil_vjp, _core.edges(input))
    return out


def ceil_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return no_slope(grad)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest whole number, halves to the even one; its gradient is 0.

    With `decimals`, rounds to that many places after the point.

    Follows ``torch.round``.

    >>> import fastgrad as torch
    >>> torch.round(torch.tensor([0.5, 1.5, 2.4]))
    tensor([0., 2., 2.])
    """
    if decimals:
        return _round_to(input, decimals)
    out = _core.round(input)
    if out.requires_grad:
        record(out, round_vjp, _core.edges(input))
    return out


def _round_to(input: Tensor, decimals: int) -> Tensor:
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"round: decimals are not implemented for {input.dtype} tensors; convert to float first"
        )
    unit = 10.0 ** abs(decimals) if abs(decimals) <= 308 else inf
    return round(input * unit) / unit if decimals > 0 else round(input / unit) * unit


def round_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return no_slope(grad)


def trunc(input: Tensor) -> Tensor:
    """x without its fraction; its gradient is 0. Follows ``torch.trunc``.

    >>> import fastgrad as torch
    >>> torch.trunc(torch.tensor([1.5, -1.5]))
    tensor([ 1., -1.])
    """
    out = _core.trunc(input)
    if out.requires_grad:
        record(out, trunc_vjp, _core.edges(input))
    return out


def trunc_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return no_slope(grad)


fix = trunc


def frac(input: Tensor) -> Tensor:
    """x - trunc(x), for floats. Follows ``torch.frac``.

    >>> import fastgrad as torch
    >>> torch.frac(torch.tensor([1.5, -1.25]))
    tensor([ 0.5000, -0.2500])
    """
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"frac: not implemented for {input.dtype} tensors; whole numbers have no fraction"
        )
    out = _core.frac(input)
    if out.requires_grad:
        record(out, frac_vjp, _core.edges(input))
    return out


def frac_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)


class frexp_result(Result):
    mantissa: Tensor
    exponent: Tensor


def frexp(input: Tensor) -> frexp_result:
    """The named tuple (mantissa, exponent): x = mantissa * 2**exponent with a mantissa in [0.5, 1).

    The exponent is int32, and 0 for 0, infinities and NaN.

    Raises:
        RuntimeError: the tensor has no floats.

    Follows ``torch.frexp``.

    >>> import fastgrad as torch
    >>> mantissa, exponent = torch.frexp(torch.tensor([10.0, -0.5]))
    >>> mantissa, exponent
    (tensor([ 0.6250, -0.5000]), tensor([4, 0], dtype=torch.int32))
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"frexp: only supports floating-point dtypes, got {input.dtype}; convert first"
        )
    exponent = _core.cast(_core.exponent(_core.detach(input)), _core.int32)
    mantissa = _core.mantissa(input)
    if mantissa.requires_grad:
        record(mantissa, frexp_vjp, _core.edges(input), (exponent,))
    return frexp_result((mantissa, exponent))


def frexp_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad / exp2(saved[0]),)


def nan_to_num(
    input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """x with NaN and infinities replaced; their gradient is 0.

    Args:
        nan: What stands for NaN.
        posinf: What stands for infinity; the largest number of the dtype unless given.
        neginf: What stands for minus infinity; the smallest one unless given.

    Follows ``torch.nan_to_num``.

    >>> import fastgrad as torch
    >>> torch.nan_to_num(torch.tensor([1.0, torch.nan, torch.inf]), posinf=9.0)
    tensor([1., 0., 9.])
    """
    if not input.dtype.is_floating_point:
        return _core.clone(input)
    largest = _LARGEST[input.dtype]
    out = _core.where(_core.eq(input, inf), largest if posinf is None else posinf, input)
    out = _core.where(_core.eq(input, -inf), -largest if neginf is None else neginf, out)
    out = _core.where(_core.isnan(input), nan or 0.0, out)
    if out.requires_grad:
        record(out, nan_to_num_vjp, _core.edges(input), (input,))
    return out


_LARGEST = {
    _core.float16: 65504.0,
    _core.bfloat16: (2 - 2.0**-7) * 2.0**127,
    _core.float32: (2 - 2.0**-23) * 2.0**127,
    _core.float64: float_info.max,
}


def nan_to_num_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * isfinite(saved[0]),)
