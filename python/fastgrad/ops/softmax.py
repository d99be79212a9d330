"""Softmax and what is made of it, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record_result
from fastgrad.ops.direct import autocast, direct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import DType
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "log_softmax",
    "softmax",
]


@autocast("float32")
@direct(_core.softmax, None)
def softmax(
    input: Tensor,
    dim: int | None = None,
    dtype: DType | None = None,
    *,
    axis: int | None = None,
) -> Tensor:
    """exp(x) / sum(exp(x)) along a dimension: positive numbers that add up to 1.

    With `dtype` the input is converted first.

    Follows ``torch.softmax``.

    >>> import fastgrad as torch
    >>> torch.softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    x = input if dtype is None else input.to(dtype)
    if dim is None:
        dim = _legacy_dim(x) if axis is None else axis
    out = _core.softmax(x, dim)
    if out.requires_grad:
        record_result(out, softmax_vjp, _core.edges(x), (dim,))
    return out


def softmax_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, y = saved
    if _core.is_grad_enabled():  # the fused kernel's formula, for gradients of gradients
        weighted = grad * y
        return (weighted - y * weighted.sum(dim, True),)
    return (_core.softmax_backward(grad, y, dim),)


@autocast("float32")
@direct(_core.log_softmax, None)
def log_softmax(
    input: Tensor,
    dim: int | None = None,
    dtype: DType | None = None,
    *,
    axis: int | None = None,
) -> Tensor:
    """log(softmax(x)) along a dimension, computed without overflow.

    With `dtype` the input is converted first.

    Follows ``torch.log_softmax``.

    >>> import fastgrad as torch
    >>> torch.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    x = input if dtype is None else input.to(dtype)
    if dim is None:
        dim = _legacy_dim(x) if axis is None else axis
    out = _core.log_softmax(x, dim)
    if out.requires_grad:
        record_result(out, log_softmax_vjp, _core.edges(x), (dim,))
    return out


def log_softmax_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, y = saved
    if _core.is_grad_enabled():
        return (grad - y.exp() * grad.sum(dim, True),)
    return (_core.log_softmax_backward(grad, y, dim),)


@autocast("float32")
def softmin(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """:func:`softmax` of -x: the smallest number gets the largest share.

    Follows ``torch.nn.functional.softmin``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.softmin(torch.tensor([1.0, 1.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return softmax(-input, dim, dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Samples of a categorical distribution, smoothed so that they have a gradient.

    Args:
        logits: logarithms of probabilities, of any scale.
        tau: the temperature: the lower, the closer the samples are to one-hot.
        hard: give one-hot samples, with the gradient of the smooth ones.
        eps: of no effect, as in PyTorch.

    Source: E. Jang et al., "Categorical reparameterization with Gumbel-softmax", ICLR 2017.
    Follows ``torch.nn.functional.gumbel_softmax``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.gumbel_softmax(torch.zeros(2, 3), hard=True).sum(1)
    tensor([1., 1.])
    """
    # PyTorch's exponential numbers: drawn in double, then rounded.
    drawn = _core.empty_at(logits.get_device(), logits.shape, _core.float64)
    uniform = _core.uniform_(drawn, 0.0, 1.0, None)
    exponential = _core.neg(_core.log1p(_core.neg(uniform))).to(logits.dtype)
    soft = softmax((logits - _core.log(exponential)) / tau, dim)
    if not hard:
        return soft
    chosen = soft.detach().max(dim, keepdim=True).indices
    one_hot = _core.full_at(logits.get_device(), logits.shape, 0, logits.dtype)
    one_hot.scatter_(dim, chosen, 1.0)
    return one_hot - soft.detach() + soft


def _legacy_dim(x: Tensor) -> int:
    """The dimension that PyTorch takes when none is given, with its advice."""
    from warnings import warn

    warn(
        "Implicit dimension choice for softmax has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if x.ndim in (0, 1, 3) else 1
