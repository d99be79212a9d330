"""Losses of each element that have kernels: one pass forward with the reduction, one backward."""

from __future__ import annotations

from math import nan

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops import ternary, unary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


class Fused:
    """A loss with kernels, and its slope in differentiable functions, for gradients of gradients.

    The kernels take an input and a target of one shape and dtype, and what `a` is for them.
    """

    __slots__ = ("backward", "slope", "value")

    def __init__(
        self,
        value: Callable[[Tensor, Tensor, float, bool, float], Tensor],
        backward: Callable[[Tensor, Tensor, Tensor, float, float], Tensor],
        slope: Callable[[Tensor, Tensor, float], Tensor],
    ) -> None:
        self.value, self.backward, self.slope = value, backward, slope


MSE = Fused(_core.mse_loss, _core.mse_loss_backward, lambda x, t, a: 2 * (x - t))
HUBER = Fused(
    _core.huber_loss, _core.huber_loss_backward, lambda x, t, a: ternary.clamp(x - t, -a, a)
)
KL_DIV = Fused(_core.kl_div, _core.kl_div_backward, lambda x, t, a: -t)
KL_DIV_LOG = Fused(_core.kl_div_log, _core.kl_div_log_backward, lambda x, t, a: -unary.exp(t))
BCE_WITH_LOGITS = Fused(
    _core.bce_with_logits, _core.bce_with_logits_backward, lambda x, t, a: unary.sigmoid(x) - t
)


def fits_kernels(input: Tensor, target: Tensor) -> bool:
    """Whether nothing is to be broadcast or promoted, and no ``vmap`` is at work."""
    return (
        input.dtype is target.dtype
        and input.dtype.is_floating_point
        and input.shape == target.shape
        and not _core.is_batched(input)
        and not _core.is_batched(target)
    )


def fused(
    loss: Fused, input: Tensor, target: Tensor, a: float, reduction: str, factor: float = 1.0
) -> Tensor:
    """The losses times a factor, reduced, in one pass; one node for all of it."""
    scale = factor
    if reduction == "mean":
        count = input.numel()
        scale = factor / count if count else nan
    out = loss.value(input, target, a, reduction != "none", scale)
    if out.requires_grad:
        record(out, fused_vjp, _core.edges(input, target), (loss, input, target, a, scale))
    return out


def fused_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    """The target has a gradient only where the loss is one of its difference to the input."""
    loss, input, target, a, scale = saved
    if _core.is_grad_enabled() or _core.is_batched(grad):
        to_input = grad * (loss.slope(input, target, a) * scale)
    else:
        to_input = loss.backward(grad, input, target, a, scale)
    return to_input, None if needs[1] is None else -to_input
