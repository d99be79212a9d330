"""Adam and AdamW."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, _core, zeros_like
from ._options import check_flags, check_not_negative, check_rate, checked_betas
from .optimizer import Group, Optimizer, new_counter


class Adam(Optimizer):
    """Steps along a moving average of the gradient, scaled by one of its squares.

    Each step computes, for a parameter p with gradient g (its negative with `maximize`), in step t:

    ``g += weight_decay * p`` (or with `decoupled_weight_decay` ``p *= 1 - lr * weight_decay``);
    ``m = beta1 * m + (1 - beta1) * g``; ``v = beta2 * v + (1 - beta2) * g**2``;
    ``p -= lr / (1 - beta1**t) * m / (sqrt(v / (1 - beta2**t)) + eps)``, where `amsgrad` takes the
    largest v so far. All parameters are updated by one call into C++.

    Args:
        params: parameters, or dicts of parameters and options; see Optimizer.
        lr: learning rate, a number or a tensor of one element, >= 0.
        betas: how slowly the averages of the gradient and of its square move, in [0, 1).
        eps: keeps the division from exploding, >= 0.
        weight_decay: factor of the L2 penalty, >= 0.
        amsgrad: divide by the largest average of squares so far.
        foreach: for compatibility; every step is one fused call with or without it.
        maximize: climb instead of descend.
        capturable: for compatibility: steps on a CUDA device can always be part of a graph.
        differentiable: not available: the update is not recorded.
        fused: for compatibility, as `foreach`; not both.
        decoupled_weight_decay: shrink the parameters instead of changing the gradient (AdamW).

    Raises:
        ValueError: an option outside its range; or see Optimizer.
        NotImplementedError: `differentiable`, or `capturable` without a CUDA device.
        RuntimeError: `foreach` and `fused` together.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2015); Reddi et al., "On
    the convergence of Adam and beyond" (2018). Follows torch.optim.Adam.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Adam([w], lr=0.25)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter containing:
    tensor([0.7500], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative("epsilon value", eps)
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": checked_betas(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        check_flags(type(self).__name__, defaults)
        super().__init__(params, defaults)

    def _new_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        state = {
            "step": new_counter(parameter),
            "exp_avg": zeros_like(parameter),
            "exp_avg_sq": zeros_like(parameter),
        }
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(parameter)
        return state

    def _update(self, group: Group) -> None:
        params, grads, states = self._gathered(group)
        _core.adam_(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["max_exp_avg_sq"] for state in states] if group["amsgrad"] else [],
            [state["step"] for state in states],
            float(group["lr"]),
            group["betas"][0],
            group["betas"][1],
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )


class AdamW(Adam):
    """:class:`Adam` whose weight decay shrinks the parameters, apart from the gradient.

    Args:
        weight_decay: the parameters are multiplied by ``1 - lr * weight_decay`` in each step.

    The other options and the errors are Adam's. Source: Loshchilov and Hutter, "Decoupled weight
    decay regularization" (2019). Follows torch.optim.AdamW.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.AdamW([w], lr=0.25, weight_decay=0.5)
    >>> w.sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter containing:
    tensor([0.6250], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
