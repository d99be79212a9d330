"""Activation functions with kinks, each above its gradient: at a kink that is PyTorch's choice.

As in :mod:`fastgrad.ops.activation`, a gradient of the gradient takes the fused kernel's formula
written with differentiable functions.
"""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops import ternary, unary
from fastgrad.ops.direct import autocast
from fastgrad.ops.inplace import in_place, in_place_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._core import Generator
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "celu",
    "celu_",
    "hardshrink",
    "prelu",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "threshold",
    "threshold_",
]

# Of selu: the fixed point of mean 0 and variance 1.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946

relu_ = in_place_function(unary.relu, kernel=_core.relu_)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha * (exp(x) - 1).

    Source: D.-A. Clevert et al., "Fast and accurate deep network learning by exponential linear
    units", ICLR 2016. Follows ``torch.nn.functional.elu``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.elu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.6321,  0.0000,  1.0000])
    """
    return elu_(input, alpha) if inplace else _elu(input, alpha, 1.0)


elu_ = in_place_function(elu)


def _elu(input: Tensor, alpha: float, scale: float) -> Tensor:
    out = _core.elu(input, alpha, scale)
    if out.requires_grad:
        record(out, elu_vjp, _core.edges(input), (input, alpha, scale))
    return out


def elu_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, alpha, scale = saved
    if not _core.is_grad_enabled():
        return (_core.elu_backward(grad, x, alpha, scale),)
    # Clamped, so that no infinity in the branch that is not taken gives NaN.
    below = grad * (unary.exp(x.clamp(max=0)) * (alpha * scale))
    return (ternary.where(x <= 0, below, grad * scale),)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """:func:`elu` with an alpha and a scale that keep mean 0 and variance 1 through the layers.

    Source: G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
    Follows ``torch.nn.functional.selu``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.selu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-1.1113,  0.0000,  1.0507])
    """
    return selu_(input) if inplace else _elu(input, SELU_ALPHA, SELU_SCALE)


selu_ = in_place_function(selu)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha * (exp(x / alpha) - 1): smooth for every alpha.

    Raises:
        RuntimeError: alpha is 0.

    Source: J. Barron, "Continuously differentiable exponential linear units", arXiv:1704.07483,
    2017. Follows ``torch.nn.functional.celu``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.celu(torch.tensor([-1.0, 0.0, 1.0]), alpha=2.0)
    tensor([-0.7869,  0.0000,  1.0000])
    """
    if inplace:
        return celu_(input, alpha)
    if alpha == 0:
        raise RuntimeError("celu: ZeroDivisionError: alpha cannot be 0; use relu")
    out = _core.celu(input, alpha)
    if out.requires_grad:
        record(out, celu_vjp, _core.edges(input), (input, alpha))
    return out


def celu_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, alpha = saved
    if not _core.is_grad_enabled():
        return (_core.celu_backward(grad, x, alpha),)
    below = grad * unary.exp(x.clamp(max=0) / alpha)
    return (ternary.where(x <= 0, below, grad),)


celu_ = in_place_function(celu)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, else negative_slope * x. Follows ``torch.nn.functional.leaky_relu``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 0.0, 1.0]), 0.1)
    tensor([-0.1000,  0.0000,  1.0000])
    """
    if inplace:
        return leaky_relu_(input, negative_slope)
    out = _core.leaky_relu(input, negative_slope)
    if out.requires_grad:
        record(out, leaky_relu_vjp, _core.edges(input), (input, negative_slope))
    return out


def leaky_relu_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, slope = saved
    if not _core.is_grad_enabled():
        return (_core.leaky_relu_backward(grad, x, slope),)
    return (ternary.where(x > 0, grad, grad * slope),)


leaky_relu_ = in_place_function(leaky_relu)


@autocast("half")
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where it is positive, else weight * x, with a learned weight.

    Args:
        weight: one number, or one for each channel (dimension 1 of the input).

    Raises:
        RuntimeError: weight has another size, or another dtype than the input.

    Source: K. He et al., "Delving deep into rectifiers", ICCV 2015. Follows ``torch.prelu``.

    >>> import fastgrad as torch
    >>> torch.prelu(torch.tensor([-1.0, 2.0]), torch.tensor([0.25]))
    tensor([-0.2500,  2.0000])
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1:
        raise RuntimeError(
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got shape "
            f"{list(weight.shape)}"
        )
    if weight.numel() not in (1, channels):
        raise RuntimeError(
            f"prelu: Mismatch of parameter numbers and input channel size. Found parameter numbers "
            f"= {weight.numel()} and channel size = {channels}"
        )
    if weight.dtype is not input.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}"
        )
    slope = weight.view((-1,) + (1,) * (input.ndim - 2)) if input.ndim > 1 else weight.reshape(())
    return ternary.where(input > 0, input, input * slope)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """:func:`leaky_relu` with slopes drawn from [lower, upper] in training, else their mean.

    Raises:
        RuntimeError: lower is above upper.

    Source: B. Xu et al., "Empirical evaluation of rectified activations in convolutional network",
    arXiv:1505.00853, 2015. Follows ``torch.rrelu``.

    >>> import fastgrad as torch
    >>> torch.rrelu(torch.tensor([-1.0, 0.0, 1.0]), 0.1, 0.3)
    tensor([-0.2000,  0.0000,  1.0000])
    """
    if inplace:
        return rrelu_(input, lower, upper, training, generator=generator)
    if lower > upper:
        raise RuntimeError(
            "rrelu: Lower bound should be less than or equal to the upper bound, got "
            f"{lower} and {upper}"
        )
    if not training or not input.dtype.is_floating_point:
        return leaky_relu(input, (lower + upper) / 2)
    # PyTorch draws in double, and only for the elements that are not positive.
    negative = input <= 0
    drawn = _core.empty_at(input.get_device(), (int(negative.sum()),), _core.float64)
    slopes = _core.full_at(input.get_device(), input.shape, 1, input.dtype)
    slopes[negative] = _core.uniform_(drawn, lower, upper, generator).to(input.dtype)
    return input * slopes


rrelu_ = in_place_function(rrelu)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x held between two limits, where the gradient is 0; of integers, too.

    Raises:
        ValueError: min_val is above max_val.

    Follows ``torch.nn.functional.hardtanh``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.hardtanh(torch.tensor([-3.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}")
    if inplace:
        return hardtanh_(input, min_val, max_val)
    out = _core.hardtanh(input, min_val, max_val)
    if out.requires_grad:
        record(out, hardtanh_vjp, _core.edges(input), (input, min_val, max_val))
    return out


def hardtanh_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, low, high = saved
    if not _core.is_grad_enabled():
        return (_core.hardtanh_backward(grad, x, low, high),)
    return (ternary.where((x <= low) | (x >= high), 0.0, grad),)


hardtanh_ = in_place_function(hardtanh)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x held between 0 and 6. Follows ``torch.nn.functional.relu6``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.relu6(torch.tensor([-1.0, 3.0, 8.0]))
    tensor([0., 3., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * relu6(x + 3) / 6.

    Source: A. Howard et al., "Searching for MobileNetV3", ICCV 2019.
    Follows ``torch.nn.functional.hardswish``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.hardswish(torch.tensor([-4.0, 1.5, 4.0]))
    tensor([-0.0000,  1.1250,  4.0000])
    """
    if inplace:
        return _hardswish_(input)
    out = _core.hardswish(input)
    if out.requires_grad:
        record(out, hardswish_vjp, _core.edges(input), (input,))
    return out


def hardswish_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    if not _core.is_grad_enabled():
        return (_core.hardswish_backward(grad, x),)
    inside = ternary.where(x < 3, grad * (x / 3 + 0.5), grad)
    return (ternary.where(x <= -3, 0.0, inside),)


_hardswish_ = in_place(hardswish)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6. Follows ``torch.nn.functional.hardsigmoid``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.hardsigmoid(torch.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if inplace:
        return _hardsigmoid_(input)
    out = _core.hardsigmoid(input)
    if out.requires_grad:
        record(out, hardsigmoid_vjp, _core.edges(input), (input,))
    return out


def hardsigmoid_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x = saved[0]
    if not _core.is_grad_enabled():
        return (_core.hardsigmoid_backward(grad, x),)
    return (ternary.where((x > -3) & (x < 3), grad / 6, 0.0),)


_hardsigmoid_ = in_place(hardsigmoid)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above the threshold, else `value`; of integers, too.

    Follows ``torch.threshold``.

    >>> import fastgrad as torch
    >>> torch.threshold(torch.tensor([-1.0, 0.5, 2.0]), 1.0, 7.0)
    tensor([7., 7., 2.])
    """
    if inplace:
        return threshold_(input, threshold, value)
    out = _core.threshold(input, threshold, value)
    if out.requires_grad:
        record(out, threshold_vjp, _core.edges(input), (input, threshold, value))
    return out


def threshold_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, limit, value = saved
    if not _core.is_grad_enabled():
        return (_core.threshold_backward(grad, x, limit, value),)
    return (ternary.where(x <= limit, 0.0, grad),)


threshold_ = in_place_function(threshold, ", 0.5, 0.0")


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, but 0 between -lambd and lambd. Follows ``torch.nn.functional.hardshrink``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.hardshrink(torch.tensor([-1.0, 0.2, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    out = _core.hardshrink(input, lambd)
    if out.requires_grad:
        record(out, hardshrink_vjp, _core.edges(input), (input, lambd))
    return out


def hardshrink_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, lambd = saved
    if not _core.is_grad_enabled():
        return (_core.hardshrink_backward(grad, x, lambd),)
    return (ternary.where((x >= -lambd) & (x <= lambd), 0.0, grad),)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and 0 where it would pass it.

    Raises:
        RuntimeError: lambd is negative.

    Follows ``torch.nn.functional.softshrink``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.softshrink(torch.tensor([-1.0, 0.2, 2.0]))
    tensor([-0.5000,  0.0000,  1.5000])
    """
    if not lambd >= 0:
        raise RuntimeError(f"softshrink: lambda must be greater or equal to 0, but found {lambd}")
    out = _core.softshrink(input, lambd)
    if out.requires_grad:
        record(out, softshrink_vjp, _core.edges(input), (input, lambd))
    return out


def softshrink_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, lambd = saved
    if not _core.is_grad_enabled():
        return (_core.softshrink_backward(grad, x, lambd),)
    return (ternary.where((x >= -lambd) & (x <= lambd), 0.0, grad),)
