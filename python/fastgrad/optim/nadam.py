"""NAdam."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, _core, zeros_like
from ._options import check_flags, check_not_negative, check_rate, checked_betas
from .optimizer import Group, Optimizer, new_counter


class NAdam(Optimizer):
    """Adam with Nesterov's look ahead.

    Each step computes, for a parameter p with gradient g (its negative with `maximize`), in step t:

    ``g += weight_decay * p`` (or with `decoupled_weight_decay` ``p *= 1 - lr * weight_decay``);
    ``mu(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2)``; ``m = beta1 * m + (1 - beta1) * g``;
    ``v = beta2 * v + (1 - beta2) * g**2``; ``p -= lr * (g * (1 - mu(t)) / (1 - M(t)) + m *
    mu(t + 1) / (1 - M(t + 1))) / (sqrt(v / (1 - beta2**t)) + eps)``, where ``M(t)`` is the product
    of mu(1) to mu(t). All parameters are updated by one call into C++.

    Args:
        params: parameters, or dicts of parameters and options; see Optimizer.
        lr: learning rate, a number or a tensor of one element, >= 0.
        betas: how slowly the averages of the gradient and of its square move, in [0, 1).
        eps: keeps the division from exploding, >= 0.
        weight_decay: factor of the L2 penalty, >= 0.
        momentum_decay: how fast the momentum comes near beta1, >= 0.
        decoupled_weight_decay: shrink the parameters instead of changing the gradient.
        foreach: for compatibility; every step is one fused call with or without it.
        maximize: climb instead of descend.
        capturable: for compatibility: steps on a CUDA device can always be part of a graph.
        differentiable: not available: the update is not recorded.

    Raises:
        ValueError: an option outside its range; or see Optimizer.
        NotImplementedError: `differentiable`, or `capturable` without a CUDA device.

    Source: Dozat, "Incorporating Nesterov momentum into Adam" (2016). Follows torch.optim.NAdam.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.NAdam([w], lr=0.25)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter containing:
    tensor([0.7359], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative("epsilon value", eps)
        check_not_negative("weight_decay value", weight_decay)
        check_not_negative("momentum_decay value", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": checked_betas(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        check_flags("NAdam", defaults)
        super().__init__(params, defaults)

    def _new_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        return {
            "step": new_counter(parameter),
            "mu_product": new_counter(parameter, 1.0),
            "exp_avg": zeros_like(parameter),
            "exp_avg_sq": zeros_like(parameter),
        }

    def _update(self, group: Group) -> None:
        params, grads, states = self._gathered(group)
        _core.nadam_(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["mu_product"] for state in states],
            [state["step"] for state in states],
            float(group["lr"]),
            group["betas"][0],
            group["betas"][1],
            group["eps"],
            group["weight_decay"],
            group["momentum_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )
