"""Averaged stochastic gradient descent."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, _core, zeros_like
from ._options import check_flags, check_not_negative, check_rate
from .optimizer import Group, Optimizer, new_counter


class ASGD(Optimizer):
    """Gradient descent with a falling learning rate, and the average of where it has been.

    Each step computes, for a parameter p with gradient g (its negative with `maximize`), in step t:

    ``g += weight_decay * p``; ``p = (1 - lambd * eta) * p - eta * g``; ``ax += mu * (p - ax)``;
    then ``eta = lr / (1 + lambd * lr * t)**alpha`` and ``mu = 1 / max(1, t - t0)`` for the next
    step. The averages are in the state, under "ax". All parameters are updated by one call into
    C++.

    Args:
        params: parameters, or dicts of parameters and options; see Optimizer.
        lr: the first learning rate, a number or a tensor of one element, >= 0.
        lambd: how fast the parameters and the learning rate fall.
        alpha: the power with which the learning rate falls.
        t0: the step from which on the average is taken.
        weight_decay: factor of the L2 penalty, >= 0.
        foreach: for compatibility; every step is one fused call with or without it.
        maximize: climb instead of descend.
        differentiable: not available: the update is not recorded.
        capturable: for compatibility: steps on a CUDA device can always be part of a graph.

    Raises:
        ValueError: an option outside its range; or see Optimizer.
        NotImplementedError: `differentiable`, or `capturable` without a CUDA device.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992).
    Follows torch.optim.ASGD.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.ASGD([w], lr=0.25, lambd=0.0)
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
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        check_flags("ASGD", defaults)
        super().__init__(params, defaults)

    def _new_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        return {
            "step": new_counter(parameter),
            "eta": new_counter(parameter, float(group["lr"])),
            "mu": new_counter(parameter, 1.0),
            "ax": zeros_like(parameter),
        }

    def _update(self, group: Group) -> None:
        params, grads, states = self._gathered(group)
        _core.asgd_(
            params,
            grads,
            [state["ax"] for state in states],
            [state["mu"] for state in states],
            [state["eta"] for state in states],
            [state["step"] for state in states],
            float(group["lr"]),
            group["lambd"],
            group["alpha"],
            group["t0"],
            group["weight_decay"],
            group["maximize"],
        )
