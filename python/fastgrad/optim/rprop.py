"""Rprop."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, _core, full_like, zeros_like
from ._options import check_flags, check_rate
from .optimizer import Group, Optimizer, new_counter


class Rprop(Optimizer):
    """Steps along the signs of the gradient, each element with a size of its own.

    Each step compares the signs of a gradient's element g (its negative with `maximize`) and the
    one before: where they agree the element's step size is multiplied by ``etas[1]``, where they
    differ by ``etas[0]``, and g counts as 0; sizes stay within `step_sizes`. Then
    ``p -= size * sign(g)``. All parameters are updated by one call into C++.

    Args:
        params: parameters, or dicts of parameters and options; see Optimizer.
        lr: the first step size, a number or a tensor of one element, >= 0.
        etas: the factors, with 0 < etas[0] < 1 < etas[1].
        step_sizes: the smallest and the largest step size.
        capturable: for compatibility: steps on a CUDA device can always be part of a graph.
        foreach: for compatibility; every step is one fused call with or without it.
        maximize: climb instead of descend.
        differentiable: not available: the update is not recorded.

    Raises:
        ValueError: an option outside its range; or see Optimizer.
        NotImplementedError: `differentiable`, or `capturable` without a CUDA device.

    Source: Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the
    RPROP algorithm" (1993). Follows torch.optim.Rprop.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Rprop([w], lr=0.25)
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
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(
                f"Invalid eta values: {etas[0]}, {etas[1]}; expected 0 < etas[0] < 1 < etas[1]"
            )
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        check_flags("Rprop", defaults)
        super().__init__(params, defaults)

    def _new_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        return {
            "step": new_counter(parameter),
            "prev": zeros_like(parameter),
            "step_size": full_like(parameter, float(group["lr"])),
        }

    def _update(self, group: Group) -> None:
        params, grads, states = self._gathered(group)
        _core.rprop_(
            params,
            grads,
            [state["prev"] for state in states],
            [state["step_size"] for state in states],
            [state["step"] for state in states],
            group["etas"][0],
            group["etas"][1],
            group["step_sizes"][0],
            group["step_sizes"][1],
            group["maximize"],
        )
