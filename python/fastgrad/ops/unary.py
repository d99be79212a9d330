"""Elementwise functions of one tensor, each above its gradient."""

from __future__ import annotations

from math import log as _log

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops.direct import autocast, direct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "abs",
    "absolute",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "neg",
    "negative",
    "positive",
    "reciprocal",
    "relu",
    "rsqrt",
    "sigmoid",
    "sign",
    "sqrt",
    "square",
    "tanh",
]


@direct(_core.neg)
def neg(input: Tensor) -> Tensor:
    """-x. Follows ``torch.neg``.

    >>> import fastgrad as torch
    >>> torch.neg(torch.tensor([1, -2]))
    tensor([-1,  2])
    """
    out = _core.neg(input)
    if out.requires_grad:
        record(out, neg_vjp, _core.edges(input))
    return out


negative = neg


def neg_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (neg(grad),)


@direct(_core.abs)
def abs(input: Tensor) -> Tensor:
    """|x|; the gradient at 0 is 0. Follows ``torch.abs``.

    >>> import fastgrad as torch
    >>> torch.abs(torch.tensor([1, -2]))
    tensor([1, 2])
    """
    out = _core.abs(input)
    if out.requires_grad:
        record(out, abs_vjp, _core.edges(input), (input,))
    return out


absolute = abs


def abs_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * sign(saved[0]),)


def no_slope(grad: Tensor) -> Grads:
    """The gradient of a function that is constant almost everywhere."""
    return (_core.full_at(grad.get_device(), grad.shape, 0, grad.dtype),)


def sign_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return no_slope(grad)


@direct(_core.sign)
def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1; its gradient is 0. Follows ``torch.sign``.

    >>> import fastgrad as torch
    >>> torch.sign(torch.tensor([3.0, -2.0, 0.0]))
    tensor([ 1., -1.,  0.])
    """
    out = _core.sign(input)
    if out.requires_grad:
        record(out, sign_vjp, _core.edges(input))
    return out


def square(input: Tensor) -> Tensor:
    """x**2. Follows ``torch.square``.

    >>> import fastgrad as torch
    >>> torch.square(torch.tensor([1, -2]))
    tensor([1, 4])
    """
    if input.dtype is _core.bool:
        return _core.pow(input, 2)
    out = _core.square(input)
    if out.requires_grad:
        record(out, square_vjp, _core.edges(input), (input,))
    return out


def square_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * (saved[0] * 2),)


@autocast("float32")
@direct(_core.exp)
def exp(input: Tensor) -> Tensor:
    """e**x. Follows ``torch.exp``.

    >>> import fastgrad as torch
    >>> torch.exp(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    out = _core.exp(input)
    if out.requires_grad:
        record_result(out, exp_vjp, _core.edges(input))
    return out


def exp_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * saved[0],)


@direct(_core.exp2)
def exp2(input: Tensor) -> Tensor:
    """2**x. Follows ``torch.exp2``.

    >>> import fastgrad as torch
    >>> torch.exp2(torch.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """
    out = _core.exp2(input)
    if out.requires_grad:
        record_result(out, exp2_vjp, _core.edges(input))
    return out


def exp2_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * saved[0] * _log(2.0),)


@autocast("float32")
@direct(_core.expm1)
def expm1(input: Tensor) -> Tensor:
    """e**x - 1, accurate near 0. Follows ``torch.expm1``.

    >>> import fastgrad as torch
    >>> torch.expm1(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.7183])
    """
    out = _core.expm1(input)
    if out.requires_grad:
        record_result(out, expm1_vjp, _core.edges(input))
    return out


def expm1_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * (saved[0] + 1),)


@autocast("float32")
@direct(_core.log)
def log(input: Tensor) -> Tensor:
    """The natural logarithm. Follows ``torch.log``.

    >>> import fastgrad as torch
    >>> torch.log(torch.tensor([1.0, 10.0]))
    tensor([0.0000, 2.3026])
    """
    out = _core.log(input)
    if out.requires_grad:
        record(out, log_vjp, _core.edges(input), (input,))
    return out


def log_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad / saved[0],)


@autocast("float32")
@direct(_core.log2)
def log2(input: Tensor) -> Tensor:
    """The logarithm to base 2. Follows ``torch.log2``.

    >>> import fastgrad as torch
    >>> torch.log2(torch.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """
    out = _core.log2(input)
    if out.requires_grad:
        record(out, log2_vjp, _core.edges(input), (input,))
    return out


def log2_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad / (saved[0] * _log(2.0)),)


@autocast("float32")
@direct(_core.log10)
def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10. Follows ``torch.log10``.

    >>> import fastgrad as torch
    >>> torch.log10(torch.tensor([1.0, 100.0]))
    tensor([0., 2.])
    """
    out = _core.log10(input)
    if out.requires_grad:
        record(out, log10_vjp, _core.edges(input), (input,))
    return out


def log10_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad / (saved[0] * _log(10.0)),)


@autocast("float32")
@direct(_core.log1p)
def log1p(input: Tensor) -> Tensor:
    """log(1 + x), accurate near 0. Follows ``torch.log1p``.

    >>> import fastgrad as torch
    >>> torch.log1p(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.6931])
    """
    out = _core.log1p(input)
    if out.requires_grad:
        record(out, log1p_vjp, _core.edges(input), (input,))
    return out


def log1p_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad / (saved[0] + 1),)


@direct(_core.sqrt)
def sqrt(input: Tensor) -> Tensor:
    """The square root. Follows ``torch.sqrt``.

    >>> import fastgrad as torch
    >>> torch.sqrt(torch.tensor([4.0, 9.0]))
    tensor([2., 3.])
    """
    out = _core.sqrt(input)
    if out.requires_grad:
        record_result(out, sqrt_vjp, _core.edges(input))
    return out


def sqrt_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad / (saved[0] * 2),)


@autocast("float32")
@direct(_core.rsqrt)
def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(x). Follows ``torch.rsqrt``.

    >>> import fastgrad as torch
    >>> torch.rsqrt(torch.tensor([4.0, 16.0]))
    tensor([0.5000, 0.2500])
    """
    out = _core.rsqrt(input)
    if out.requires_grad:
        record_result(out, rsqrt_vjp, _core.edges(input))
    return out


def rsqrt_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * (saved[0] * saved[0] * saved[0] * -0.5),)


@autocast("float32")
@direct(_core.reciprocal)
def reciprocal(input: Tensor) -> Tensor:
    """1 / x. Follows ``torch.reciprocal``.

    >>> import fastgrad as torch
    >>> torch.reciprocal(torch.tensor([2.0, 4.0]))
    tensor([0.5000, 0.2500])
    """
    out = _core.reciprocal(input)
    if out.requires_grad:
        record_result(out, reciprocal_vjp, _core.edges(input))
    return out


def reciprocal_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (neg(grad) * (saved[0] * saved[0]),)


# The functions below have a fused kernel for their gradient. A gradient of the gradient takes the
# same formula written with differentiable functions.


@direct(_core.tanh)
def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent. Follows ``torch.tanh``.

    >>> import fastgrad as torch
    >>> torch.tanh(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    out = _core.tanh(input)
    if out.requires_grad:
        record_result(out, tanh_vjp, _core.edges(input))
    return out


def tanh_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    result = saved[0]
    if _core.is_grad_enabled():
        return (grad * (1 - result * result),)
    return (_core.tanh_backward(grad, result),)


@direct(_core.sigmoid)
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)). Follows ``torch.sigmoid``.

    >>> import fastgrad as torch
    >>> torch.sigmoid(torch.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    out = _core.sigmoid(input)
    if out.requires_grad:
        record_result(out, sigmoid_vjp, _core.edges(input))
    return out


def sigmoid_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    result = saved[0]
    if _core.is_grad_enabled():
        return (grad * (result * (1 - result)),)
    return (_core.sigmoid_backward(grad, result),)


@direct(_core.relu)
def relu(input: Tensor) -> Tensor:
    """max(x, 0); the gradient at 0 is 0. Follows ``torch.relu``.

    >>> import fastgrad as torch
    >>> torch.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    out = _core.relu(input)
    if out.requires_grad:
        record_result(out, relu_vjp, _core.edges(input))
    return out


def relu_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    result = saved[0]
    if _core.is_grad_enabled():
        return (grad * _core.logical_not(_core.le(result, 0)),)  # NaN passes, as in the kernel
    return (_core.relu_backward(grad, result),)


def positive(input: Tensor) -> Tensor:
    """The tensor itself.

    Raises:
        RuntimeError: the tensor has bools.

    Follows ``torch.positive``.

    >>> import fastgrad as torch
    >>> torch.positive(torch.tensor([1, -2]))
    tensor([ 1, -2])
    """
    if input.dtype is _core.bool:
        raise RuntimeError(
            "The `+` operator, on a bool tensor is not supported; convert it first, e.g. by .int()"
        )
    return input
