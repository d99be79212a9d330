"""Adamax."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, _core, zeros_like
from ._options import check_flags, check_not_negative, check_rate, checked_betas
from .optimizer import Group, Optimizer, new_counter


class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the average of squares.

    Each step computes, for a parameter p with gradient g (its negative with `maximize`), in step t:

    ``g += weight_decay * p``; ``m = beta1 * m + (1 - beta1) * g``;
    ``u = max(beta2 * u, |g| + eps)``; ``p -= lr / (1 - beta1**t) * m / u``.
    All parameters are updated by one call into C++.

    Args:
        params: parameters, or dicts of parameters and options; see Optimizer.
        lr: learning rate, a number or a tensor of one element, >= 0.
        betas: how slowly the average of the gradient and its largest size change, in [0, 1).
        eps: keeps the division from exploding, >= 0.
        weight_decay: factor of the L2 penalty, >= 0.
        foreach: for compatibility; every step is one fused call with or without it.
        maximize: climb instead of descend.
        differentiable: not available: the update is not recorded.
        capturable: for compatibility: steps on a CUDA device can always be part of a graph.

    Raises:
        ValueError: an option outside its range; or see Optimizer.
        NotImplementedError: `differentiable`, or `capturable` without a CUDA device.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2015). Follows
    torch.optim.Adamax.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Adamax([w], lr=0.25)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter containing:
    tensor([0.7500], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative("epsilon value", eps)
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": checked_betas(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        check_flags("Adamax", defaults)
        super().__init__(params, defaults)

    def _new_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        return {
            "step": new_counter(parameter),
            "exp_avg": zeros_like(parameter),
            "exp_inf": zeros_like(parameter),
        }

    def _update(self, group: Group) -> None:
        params, grads, states = self._gathered(group)
        _core.adamax_(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_inf"] for state in states],
            [state["step"] for state in states],
            float(group["lr"]),
            group["betas"][0],
            group["betas"][1],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )
