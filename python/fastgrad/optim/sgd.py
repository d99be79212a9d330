"""Stochastic gradient descent."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, _core, empty_like
from ._options import check_flags, check_not_negative, check_rate
from .optimizer import Group, Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum.

    Each step computes, for a parameter p with gradient g (its negative with `maximize`):

    ``g += weight_decay * p``; with momentum ``b = momentum * b + (1 - dampening) * g`` (in the
    first step ``b = g``) and ``g = g + momentum * b`` for Nesterov's form or ``g = b`` otherwise;
    ``p -= lr * g``. All parameters are updated by one call into C++.

    Args:
        params: parameters, or dicts of parameters and options; see Optimizer.
        lr: learning rate, a number or a tensor of one element, >= 0.
        momentum: >= 0; 0 is plain gradient descent.
        dampening: how much of the gradient momentum leaves out.
        weight_decay: factor of the L2 penalty, >= 0.
        nesterov: Nesterov's form; needs momentum and no dampening.
        maximize: climb instead of descend.
        foreach: for compatibility; every step is one fused call with or without it.
        differentiable: not available: the update is not recorded.
        fused: for compatibility, as `foreach`; not both.

    Raises:
        ValueError: an option outside its range; or see Optimizer.
        NotImplementedError: `differentiable`.
        RuntimeError: `foreach` and `fused` together.

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning"
    (2013). Follows torch.optim.SGD.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.SGD([w], lr=0.25)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.5]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr)
        check_not_negative("momentum value", momentum)
        check_not_negative("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        check_flags("SGD", defaults)
        super().__init__(params, defaults)

    def _update(self, group: Group) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        if group["momentum"] == 0:
            _apply(group, params, [], first=False)
            return
        state = self.state
        moving = [p for p in params if state[p].get("momentum_buffer") is not None]
        if len(moving) < len(params):
            self._start([p for p in params if state[p].get("momentum_buffer") is None], group)
        _apply(group, moving, [state[p]["momentum_buffer"] for p in moving], first=False)

    def _start(self, params: list[Tensor], group: Group) -> None:
        """Update parameters that have no momentum yet."""
        buffers = [empty_like(p) for p in params]
        _apply(group, params, buffers, first=True)
        for p, buffer in zip(params, buffers, strict=True):
            self.state[p]["momentum_buffer"] = buffer


def _apply(group: Group, params: list[Tensor], buffers: list[Tensor], *, first: bool) -> None:
    if not params:
        return
    _core.sgd_(
        params,
        [p.grad for p in params if p.grad is not None],
        buffers,
        float(group["lr"]),
        group["momentum"],
        group["dampening"],
        group["weight_decay"],
        group["nesterov"],
        group["maximize"],
        first,
    )
