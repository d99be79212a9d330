"""RMSprop."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, _core, zeros_like
from ._options import check_flags, check_not_negative, check_rate
from .optimizer import Group, Optimizer, new_counter


class RMSprop(Optimizer):
    """Steps along the gradient, scaled by a moving average of its square.

    Each step computes, for a parameter p with gradient g (its negative with `maximize`):

    ``g += weight_decay * p``; ``v = alpha * v + (1 - alpha) * g**2``; with `centered`
    ``a = alpha * a + (1 - alpha) * g`` and ``v - a**2`` in place of v below; ``d = g / (sqrt(v) +
    eps)``; with momentum ``b = momentum * b + d`` in place of d; ``p -= lr * d``.
    All parameters are updated by one call into C++.

    Args:
        params: parameters, or dicts of parameters and options; see Optimizer.
        lr: learning rate, a number or a tensor of one element, >= 0.
        alpha: how slowly the averages move, >= 0.
        eps: keeps the division from exploding, >= 0.
        weight_decay: factor of the L2 penalty, >= 0.
        momentum: >= 0.
        centered: divide by the deviation of the gradient, not by its size.
        capturable: for compatibility: steps on a CUDA device can always be part of a graph.
        foreach: for compatibility; every step is one fused call with or without it.
        maximize: climb instead of descend.
        differentiable: not available: the update is not recorded.

    Raises:
        ValueError: an option outside its range; or see Optimizer.
        NotImplementedError: `differentiable`, or `capturable` without a CUDA device.

    Source: Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5 (2012);
    centered: Graves, "Generating sequences with recurrent neural networks" (2013). Follows
    torch.optim.RMSprop.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.RMSprop([w], lr=0.25, alpha=0.75)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter containing:
    tensor([0.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative("epsilon value", eps)
        check_not_negative("momentum value", momentum)
        check_not_negative("weight_decay value", weight_decay)
        check_not_negative("alpha value", alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        check_flags("RMSprop", defaults)
        super().__init__(params, defaults)

    def _new_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        state = {"step": new_counter(parameter), "square_avg": zeros_like(parameter)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(parameter)
        if group["centered"]:
            state["grad_avg"] = zeros_like(parameter)
        return state

    def _update(self, group: Group) -> None:
        params, grads, states = self._gathered(group)
        _core.rmsprop_(
            params,
            grads,
            [state["square_avg"] for state in states],
            [state["momentum_buffer"] for state in states] if group["momentum"] > 0 else [],
            [state["grad_avg"] for state in states] if group["centered"] else [],
            [state["step"] for state in states],
            float(group["lr"]),
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            group["maximize"],
        )
