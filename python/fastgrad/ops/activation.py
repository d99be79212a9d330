"""Smooth activation functions, each above its gradient.

Each has a fused kernel for its gradient. A gradient of the gradient takes the same formula written
with differentiable functions.
"""

from __future__ import annotations

from math import pi

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops import special, ternary, unary
from fastgrad.ops.direct import autocast
from fastgrad.ops.inplace import in_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x times the probability that a standard normal number is below x.

    Args:
        approximate: 'none', or 'tanh' for the approximation by a tanh that many GPTs use.

    Raises:
        RuntimeError: `approximate` is neither.

    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv:1606.08415, 2016.
    Follows ``torch.nn.functional.gelu``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.gelu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    if approximate == "none":
        out = _core.gelu(input)
        vjp = gelu_vjp
    elif approximate == "tanh":
        out = _core.gelu_tanh(input)
        vjp = gelu_tanh_vjp
    else:
        raise RuntimeError(
            f"gelu: approximate argument must be either none or tanh, got {approximate!r}"
        )
    if out.requires_grad:
        record(out, vjp, _core.edges(input), (input,))
    return out


def gelu_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    if not _core.is_grad_enabled():
        return (_core.gelu_backward(grad, x),)
    probability = (special.erf(x * 0.5**0.5) + 1) * 0.5
    density = unary.exp(x * x * -0.5) * (2 * pi) ** -0.5
    return (grad * (probability + x * density),)


def gelu_tanh_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    if not _core.is_grad_enabled():
        return (_core.gelu_tanh_backward(grad, x),)
    factor = (8 / pi) ** 0.5
    square = x * x
    probability = unary.sigmoid((x + square * x * 0.044715) * factor)
    slope = (square * (3 * 0.044715) + 1) * factor
    return (grad * (probability + x * (probability * (1 - probability)) * slope),)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x), also called swish. Follows ``torch.nn.functional.silu``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.silu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2689,  0.0000,  0.7311])
    """
    if inplace:
        return _silu_(input)
    out = _core.silu(input)
    if out.requires_grad:
        record(out, silu_vjp, _core.edges(input), (input,))
    return out


def silu_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    if not _core.is_grad_enabled():
        return (_core.silu_backward(grad, x),)
    s = unary.sigmoid(x)
    return (grad * (s * (x * (1 - s) + 1)),)


_silu_ = in_place(silu)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(log(1 + exp(x))).

    Source: D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.
    Follows ``torch.nn.functional.mish``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.mish(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.3034,  0.0000,  0.8651])
    """
    if inplace:
        return _mish_(input)
    out = _core.mish(input)
    if out.requires_grad:
        record(out, mish_vjp, _core.edges(input), (input,))
    return out


def mish_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    if not _core.is_grad_enabled():
        return (_core.mish_backward(grad, x),)
    t = unary.tanh(softplus(x))
    return (grad * (t + x * unary.sigmoid(x) * (1 - t * t)),)


_mish_ = in_place(mish)


@autocast("float32")
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta, a smooth relu; x itself where beta * x is above `threshold`.

    Follows ``torch.nn.functional.softplus``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.softplus(torch.tensor([-1.0, 0.0, 30.0]))
    tensor([ 0.3133,  0.6931, 30.0000])
    """
    out = _core.softplus(input, beta, threshold)
    if out.requires_grad:
        record(out, softplus_vjp, _core.edges(input), (input, beta, threshold))
    return out


def softplus_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, beta, threshold = saved
    if not _core.is_grad_enabled():
        return (_core.softplus_backward(grad, x, beta, threshold),)
    scaled = x * beta
    return (ternary.where(scaled > threshold, grad, grad * unary.sigmoid(scaled)),)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), computed without overflow. Follows ``torch.nn.functional.logsigmoid``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.logsigmoid(torch.tensor([0.0, -1000.0]))
    tensor([-6.9315e-01, -1.0000e+03])
    """
    out = _core.logsigmoid(input)
    if out.requires_grad:
        record(out, logsigmoid_vjp, _core.edges(input), (input,))
    return out


def logsigmoid_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    if not _core.is_grad_enabled():
        return (_core.logsigmoid_backward(grad, x),)
    return (grad * unary.sigmoid(-x),)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + abs(x)). Follows ``torch.nn.functional.softsign``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.softsign(torch.tensor([-1.0, 0.0, 3.0]))
    tensor([-0.5000,  0.0000,  0.7500])
    """
    out = _core.softsign(input)
    if out.requires_grad:
        record(out, softsign_vjp, _core.edges(input), (input,))
    return out


def softsign_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    if not _core.is_grad_enabled():
        return (_core.softsign_backward(grad, x),)
    return (grad / unary.square(unary.abs(x) + 1),)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x). Follows ``torch.nn.functional.tanhshrink``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.tanhshrink(torch.tensor([0.0, 1.0, 2.0]))
    tensor([0.0000, 0.2384, 1.0360])
    """
    out = _core.tanhshrink(input)
    if out.requires_grad:
        record(out, tanhshrink_vjp, _core.edges(input), (input,))
    return out


def tanhshrink_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    if not _core.is_grad_enabled():
        return (_core.tanhshrink_backward(grad, x),)
    return (grad * unary.square(unary.tanh(x)),)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along a dimension times the sigmoid of the second half.

    Raises:
        RuntimeError: the dimension has no even size.

    Source: Y. Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017.
    Follows ``torch.nn.functional.glu``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.glu(torch.tensor([2.0, 4.0, 0.0, 0.0]))
    tensor([1., 2.])
    """
    if input.ndim == 0:
        raise RuntimeError("glu: does not support scalars because halving size must be even")
    size = input.size(dim)
    if size % 2:
        raise RuntimeError(
            f"glu: Halving dimension must be even, but dimension {dim} is size {size}"
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"glu: not implemented for {input.dtype} tensors; convert first, e.g. with .float()"
        )
    half = size // 2
    return input.narrow(dim, 0, half) * unary.sigmoid(input.narrow(dim, half, half))
