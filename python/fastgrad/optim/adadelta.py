"""Adadelta."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, _core, zeros_like
from ._options import check_flags, check_not_negative, check_rate
from .optimizer import Group, Optimizer, new_counter


class Adadelta(Optimizer):
    """Steps whose size follows from those of earlier steps and gradients.

    Each step computes, for a parameter p with gradient g (its negative with `maximize`):

    ``g += weight_decay * p``; ``v = rho * v + (1 - rho) * g**2``;
    ``d = sqrt(u + eps) / sqrt(v + eps) * g``; ``u = rho * u + (1 - rho) * d**2``; ``p -= lr * d``.
    All parameters are updated by one call into C++.

    Args:
        params: parameters, or dicts of parameters and options; see Optimizer.
        lr: factor of the step, a number or a tensor of one element, >= 0.
        rho: how slowly the averages move, in [0, 1].
        eps: keeps the first steps from being 0, >= 0.
        weight_decay: factor of the L2 penalty, >= 0.
        foreach: for compatibility; every step is one fused call with or without it.
        capturable: for compatibility: steps on a CUDA device can always be part of a graph.
        maximize: climb instead of descend.
        differentiable: not available: the update is not recorded.

    Raises:
        ValueError: an option outside its range; or see Optimizer.
        NotImplementedError: `differentiable`, or `capturable` without a CUDA device.

    Source: Zeiler, "ADADELTA: an adaptive learning rate method" (2012). Follows
    torch.optim.Adadelta.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Adadelta([w], eps=1e-2)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter containing:
    tensor([0.6877], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}; expected a number in [0, 1]")
        check_not_negative("epsilon value", eps)
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        check_flags("Adadelta", defaults)
        super().__init__(params, defaults)

    def _new_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        return {
            "step": new_counter(parameter),
            "square_avg": zeros_like(parameter),
            "acc_delta": zeros_like(parameter),
        }

    def _update(self, group: Group) -> None:
        params, grads, states = self._gathered(group)
        _core.adadelta_(
            params,
            grads,
            [state["square_avg"] for state in states],
            [state["acc_delta"] for state in states],
            [state["step"] for state in states],
            float(group["lr"]),
            group["rho"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )
