"""L-BFGS, with the line search that its convergence needs."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, cat, enable_grad, no_grad, zeros
from ._line_search import strong_wolfe
from ._options import check_rate
from .optimizer import Closure, Group, Optimizer


class LBFGS(Optimizer):
    """A quasi-Newton method: the curvature is learned from the last gradients.

    Each call of `step` makes several iterations, and evaluates the closure several times. All
    parameters are in one group.

    Args:
        params: parameters, or one dict of parameters and options; see Optimizer.
        lr: factor of the step, a number or a tensor of one element, >= 0.
        max_iter: the largest number of iterations in a step.
        max_eval: the largest number of evaluations in a step; 1.25 * max_iter if None.
        tolerance_grad: stop when no element of the gradient is larger.
        tolerance_change: stop when the loss or the parameters change by less.
        history_size: how many gradients are kept.
        line_search_fn: None for steps of fixed size, or "strong_wolfe".

    Raises:
        ValueError: an option outside its range, or several groups; or see Optimizer.
        RuntimeError: in `step`: another line search.

    Source: Liu and Nocedal, "On the limited memory BFGS method for large scale optimization"
    (1989). Follows torch.optim.LBFGS.

    >>> import fastgrad as torch
    >>> w = torch.nn.Parameter(torch.tensor([4.0, -2.0]))
    >>> optimizer = torch.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (w**2).sum()
    ...     loss.backward()
    ...     return loss
    >>> first = optimizer.step(closure)
    >>> bool(closure() < 1e-6)
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_rate(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError(
                "LBFGS doesn't support per-parameter options (parameter groups), but got "
                f"{len(self.param_groups)} of them"
            )

    def _step(self, closure: Closure | None) -> Any:
        if closure is None:
            raise TypeError("LBFGS.step() needs a closure that recomputes the loss: step(closure)")
        group = self.param_groups[0]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError(f"only 'strong_wolfe' is supported, got {group['line_search_fn']!r}")
        with no_grad():
            return _Minimization(group, self.state[group["params"][0]], closure).run()


class _Minimization:
    """One step of the optimizer: iterations until it is near enough, or has worked enough."""

    def __init__(self, group: Group, state: dict[str, Any], closure: Closure) -> None:
        self.group, self.state, self.closure = group, state, closure
        self.params: list[Tensor] = group["params"]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        self.evaluations = 0
        self.loss = 0.0
        self.grad: Tensor

    def run(self) -> Any:
        """The closure's first loss."""
        first = self._evaluate()
        if self._is_flat():
            return first
        state, group = self.state, self.group
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction()
            if state.get("prev_flat_grad") is None:
                state["prev_flat_grad"] = self.grad.clone()
            else:
                state["prev_flat_grad"].copy_(self.grad)
            state["prev_loss"] = self.loss
            slope = self.grad.dot(direction)
            size = self._first_size()
            if float(slope) > -group["tolerance_change"]:
                state["d"], state["t"] = direction, size
                break
            size = self._move(direction, size, slope, iteration == group["max_iter"])
            state["d"], state["t"] = direction, size
            if iteration == group["max_iter"] or self._is_done(direction, size):
                break
        return first

    def _evaluate(self) -> Any:
        with enable_grad():
            loss = self.closure()
        self.loss = float(loss)
        self.grad = self._flat_gradient()
        self._count(1)
        return loss

    def _count(self, evaluations: int) -> None:
        self.evaluations += evaluations
        self.state["func_evals"] += evaluations

    def _flat_gradient(self) -> Tensor:
        return cat(
            [
                zeros(p.numel(), dtype=p.dtype) if p.grad is None else p.grad.reshape(-1)
                for p in self.params
            ]
        )

    def _is_flat(self) -> bool:
        return bool(self.grad.abs().max() <= self.group["tolerance_grad"])

    def _is_done(self, direction: Tensor, size: Any) -> bool:
        tolerance = self.group["tolerance_change"]
        return (
            self.evaluations >= self.group["max_eval"]
            or self._is_flat()
            or bool((direction * size).abs().max() <= tolerance)
            or abs(self.loss - self.state["prev_loss"]) < tolerance
        )

    def _first_size(self) -> Any:
        rate = float(self.group["lr"])
        if self.state["n_iter"] > 1:
            return rate
        return (1.0 / self.grad.abs().sum()).clamp(max=1.0) * rate

    def _direction(self) -> Tensor:
        """The negative gradient times the inverse Hessian, as far as that is known."""
        state = self.state
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return self.grad.neg()
        self._learn()
        changes, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        factors = state.setdefault("al", [None] * self.group["history_size"])
        q: Tensor = self.grad.neg()
        for i in reversed(range(len(changes))):
            factors[i] = steps[i].dot(q) * ro[i]
            q.add_(changes[i] * -factors[i])
        q = q * state["H_diag"]
        for i in range(len(changes)):
            q.add_(steps[i] * (factors[i] - changes[i].dot(q) * ro[i]))
        return q

    def _learn(self) -> None:
        """Keep the last step and how it changed the gradient."""
        state = self.state
        change = self.grad - state["prev_flat_grad"]
        step = state["d"] * state["t"]
        product = change.dot(step)
        if not bool(product > 1e-10):
            return
        if len(state["old_dirs"]) == self.group["history_size"]:
            for kept in (state["old_dirs"], state["old_stps"], state["ro"]):
                kept.pop(0)
        state["old_dirs"].append(change)
        state["old_stps"].append(step)
        state["ro"].append(1.0 / product)
        state["H_diag"] = product / change.dot(change)

    def _move(self, direction: Tensor, size: Any, slope: Tensor, last: bool) -> Any:
        """Go along the direction; the size of the step that was taken."""
        if self.group["line_search_fn"] is None:
            self._add(direction, size)
            if not last:
                self._evaluate()
            return size
        start = [p.clone() for p in self.params]

        def at(t: Any) -> tuple[float, Tensor]:
            self._add(direction, t)
            with enable_grad():
                loss = float(self.closure())
            grad = self._flat_gradient()
            for p, value in zip(self.params, start, strict=True):
                p.copy_(value)
            return loss, grad

        self.loss, self.grad, size, evaluations = strong_wolfe(
            at,
            size,
            direction,
            self.loss,
            self.grad,
            slope,
            max_evaluations=self.group["max_eval"] - self.evaluations,
        )
        self._count(evaluations)
        self._add(direction, size)
        return size

    def _add(self, direction: Tensor, size: Any) -> None:
        at = 0
        for p in self.params:
            p.add_((direction[at : at + p.numel()] * size).view(p.shape))
            at += p.numel()
