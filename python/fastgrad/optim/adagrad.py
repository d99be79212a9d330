"""Adagrad."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, _core, full_like
from ._options import check_flags, check_not_negative, check_rate
from .optimizer import Group, Optimizer, new_counter


class Adagrad(Optimizer):
    """Steps along the gradient, scaled by the sum of all its squares so far.

    Each step computes, for a parameter p with gradient g (its negative with `maximize`), in step t:

    ``g += weight_decay * p``; ``s += g**2``;
    ``p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)``.
    All parameters are updated by one call into C++.

    Args:
        params: parameters, or dicts of parameters and options; see Optimizer.
        lr: learning rate, a number or a tensor of one element, >= 0.
        lr_decay: how fast the learning rate falls, >= 0.
        weight_decay: factor of the L2 penalty, >= 0.
        initial_accumulator_value: what the sums begin with, >= 0.
        eps: keeps the division from exploding, >= 0.
        foreach: for compatibility; every step is one fused call with or without it.
        maximize: climb instead of descend.
        differentiable: not available: the update is not recorded.
        fused: for compatibility, as `foreach`; not both.

    Raises:
        ValueError: an option outside its range; or see Optimizer.
        NotImplementedError: `differentiable`.
        RuntimeError: `foreach` and `fused` together.

    Source: Duchi et al., "Adaptive subgradient methods for online learning and stochastic
    optimization" (2011). Follows torch.optim.Adagrad.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Adagrad([w], lr=0.25)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter containing:
    tensor([0.7500], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr)
        check_not_negative("lr_decay value", lr_decay)
        check_not_negative("weight_decay value", weight_decay)
        check_not_negative("initial_accumulator_value value", initial_accumulator_value)
        check_not_negative("epsilon value", eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        check_flags("Adagrad", defaults)
        super().__init__(params, defaults)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = self._new_state(parameter, group)

    def _new_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        return {
            "step": new_counter(parameter),
            "sum": full_like(parameter, group["initial_accumulator_value"]),
        }

    def _update(self, group: Group) -> None:
        params, grads, states = self._gathered(group)
        _core.adagrad_(
            params,
            grads,
            [state["sum"] for state in states],
            [state["step"] for state in states],
            float(group["lr"]),
            group["lr_decay"],
            group["weight_decay"],
            group["eps"],
            group["maximize"],
        )
