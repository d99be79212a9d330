"""Adafactor."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, finfo, no_grad, zeros, zeros_like
from ._options import check_rate
from .optimizer import Group, Optimizer, new_counter


class Adafactor(Optimizer):
    """Steps scaled by an average of squares of which only row and column means are kept.

    Each step computes, for a parameter p with gradient g (its negative with `maximize`), in step t:

    ``b = t**beta2_decay``; ``p *= 1 - lr * weight_decay``; of a matrix (or of each matrix of the
    two last dimensions) r and c move by the share b towards the means of g**2 along its rows and
    columns, and ``v = r c / mean(r)``; of a vector v moves towards g**2 itself;
    ``u = g / sqrt(v)``;
    ``p -= max(eps[1], rms(p)) * min(lr, 1 / sqrt(t)) * u / max(1, rms(u) / d)``
    where rms is the root of the mean square.

    Args:
        params: parameters, or dicts of parameters and options; see Optimizer.
        lr: the largest relative step, a number or a tensor of one element, >= 0.
        beta2_decay: how the averages slow down, <= 0.
        eps: the least root of v (None: the dtype's epsilon) and the least size of a parameter.
        d: an update whose root mean square is larger is scaled down to it, >= 1.
        weight_decay: shrinks the parameters, >= 0.
        foreach: for compatibility, of no effect.
        maximize: climb instead of descend.

    Raises:
        ValueError: an option outside its range; or see Optimizer.

    Source: Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost"
    (2018). Follows torch.optim.Adafactor.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.ones(2, 2))
    >>> optimizer = torch.optim.Adafactor([w], lr=0.25)
    >>> w.sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter containing:
    tensor([[0.7500, 0.7500],
            [0.7500, 0.7500]], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_rate(lr)
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        least = {"epsilon1": eps[0] or 0.0, "epsilon2": eps[1], "weight_decay": weight_decay}
        for name, value in least.items():
            if not value >= 0.0:
                raise ValueError(f"{name} should be >= 0 but is: {value}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _new_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        if parameter.ndim < 2:
            return {"step": new_counter(parameter), "variance": zeros_like(parameter)}
        *lead, rows, columns = parameter.shape
        return {
            "step": new_counter(parameter),
            "row_var": zeros(*lead, rows, 1, dtype=parameter.dtype, device=parameter.device),
            "col_var": zeros(*lead, 1, columns, dtype=parameter.dtype, device=parameter.device),
        }

    @no_grad()
    def _update(self, group: Group) -> None:
        for parameter, grad, state in zip(*self._gathered(group), strict=True):
            _step(parameter, -grad if group["maximize"] else grad, state, group)


def _step(parameter: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
    lr = float(group["lr"])
    least, smallest = group["eps"]
    if least is None:
        least = finfo(parameter.dtype).eps
    state["step"] += 1
    t = state["step"].item()
    size = max(smallest, _root_mean_square(parameter)) * min(lr, 1 / t**0.5)
    if group["weight_decay"] != 0:
        parameter.mul_(1 - lr * group["weight_decay"])
    squares = _average_of_squares(grad, state, t ** group["beta2_decay"], least)
    update = squares.clamp(min=least * least).rsqrt() * grad
    update.mul_(-size / max(1.0, _root_mean_square(update) / group["d"]))
    parameter.add_(update)


def _average_of_squares(grad: Tensor, state: dict[str, Any], share: float, least: float) -> Tensor:
    """Of a vector the average itself, of a matrix the product of what is kept of it."""
    squares = grad * grad
    if grad.ndim < 2:
        variance: Tensor = state["variance"]
        return variance.lerp_(squares, share)
    rows: Tensor = state["row_var"]
    columns: Tensor = state["col_var"]
    rows.lerp_(squares.mean(-1, keepdim=True), share)
    columns.lerp_(squares.mean(-2, keepdim=True), share)
    return rows @ columns / rows.mean(-2, keepdim=True).clamp(min=least)


def _root_mean_square(x: Tensor) -> float:
    return float((x * x).mean() ** 0.5)
