"""Softmax and its logarithm, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import DType
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "log_softmax",
    "softmax",
]


def softmax(input: Tensor, dim: int | None = None, *, dtype: DType | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along a dimension: positive numbers that add up to 1.

    Follows ``torch.softmax``.

    >>> import fastgrad as torch
    >>> torch.softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    x = input if dtype is None else input.to(dtype)
    dim = _legacy_dim(x) if dim is None else dim
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


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: DType | None = None) -> Tensor:
    """log(softmax(x)) along a dimension, computed without overflow.

    Follows ``torch.log_softmax``.

    >>> import fastgrad as torch
    >>> torch.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    x = input if dtype is None else input.to(dtype)
    dim = _legacy_dim(x) if dim is None else dim
    out = _core.log_softmax(x, dim)
    if out.requires_grad:
        record_result(out, log_softmax_vjp, _core.edges(x), (dim,))
    return out


def log_softmax_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, y = saved
    if _core.is_grad_enabled():
        return (grad - y.exp() * grad.sum(dim, True),)
    return (_core.log_softmax_backward(grad, y, dim),)


def _legacy_dim(x: Tensor) -> int:
    """The dimension that PyTorch takes when none is given, with its advice."""
    from warnings import warn

    warn(
        "Implicit dimension choice for softmax has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if x.ndim in (0, 1, 3) else 1
