"""Schedules that rise and fall, with the momentum the other way round."""

import math
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ..optimizer import Group, Optimizer
from .scheduler import LRScheduler, Rate, checked_optimizer, for_each_group, set_rate


def uses_betas(optimizer: Optimizer) -> bool:
    """Whether the optimizer calls its momentum beta1."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled; "
            "give cycle_momentum=False"
        )
    return "betas" in optimizer.defaults


class _WithMomentum(LRScheduler):
    """Sets the momentum of an optimizer, whatever that calls it."""

    use_beta1: bool

    def _set_momentum(self, group: Group, momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum

    def _start_momentum(self, base: list[float], largest: list[float]) -> None:
        for low, high, group in zip(base, largest, self.optimizer.param_groups, strict=True):
            self._set_momentum(group, high)
            group["max_momentum"] = high
            group["base_momentum"] = low


class CyclicLR(_WithMomentum):
    """The learning rate goes up and down between two bounds.

    Args:
        optimizer: whose learning rates are set.
        base_lr: the lower bound, one for all groups or one for each.
        max_lr: the upper bound of the first cycle.
        step_size_up: the number of steps from the lower to the upper bound.
        step_size_down: the number of steps back; as many as up if None.
        mode: "triangular" (always the same height), "triangular2" (half of it in each further
            cycle), or "exp_range" (times ``gamma**step``).
        gamma: the factor of "exp_range".
        scale_fn: gives the height's factor, in place of `mode`.
        scale_mode: what `scale_fn` is a function of: the number of the "cycle", from 1, or of
            "iterations".
        cycle_momentum: move the momentum (or beta1) the other way round.
        base_momentum: its lower bound.
        max_momentum: its upper bound.
        last_epoch: see LRScheduler.

    Raises:
        ValueError: the mode is unknown, or the optimizer has no momentum.
        TypeError: it is not an optimizer.

    Source: Smith, "Cyclical learning rates for training neural networks" (2017). Follows
    torch.optim.lr_scheduler.CyclicLR.

    >>> import fastgrad as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.9)
    >>> scheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, 0.5, 1.0, step_size_up=2)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked_optimizer(optimizer)
        base_lrs = for_each_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_rate(group, lr)
        self.max_lrs = for_each_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(
                "mode is invalid and scale_fn is None; use 'triangular', 'triangular2' or "
                f"'exp_range', got {mode!r}"
            )
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom: Any = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_betas(optimizer)
            self.base_momentums = for_each_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = for_each_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                self._start_momentum(self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The factor of the height of a cycle, or of a step."""
        if self._scale_fn_custom is not None:
            return float(self._scale_fn_custom(x))
        if self.mode == "triangular":
            return 1.0
        return float(1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma**x)

    def get_lr(self) -> list[Rate]:
        """Compute the learning rate of each group, and set its momentum."""
        self._check_within_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        up = x <= self.step_ratio
        height = x / self.step_ratio if up else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for low, high, group in zip(
                self.base_momentums, self.max_momentums, self.optimizer.param_groups, strict=True
            ):
                self._set_momentum(group, high - (high - low) * height * scale)
        return [
            low + (high - low) * height * scale
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer; of a `scale_fn` that is an object its attributes."""
        state = super().state_dict()
        function = state.pop("_scale_fn_custom")
        plain = function is None or isinstance(function, FunctionType)
        state["_scale_fn_custom"] = None if plain else function.__dict__.copy()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` of a scheduler of the same kind returned."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"] is not None:
            self._scale_fn_custom.__dict__.update(state_dict["_scale_fn_custom"])


class OneCycleLR(_WithMomentum):
    """The learning rate rises to its largest value once, then falls far below the first one.

    Args:
        optimizer: whose learning rates are set.
        max_lr: the largest rate, one for all groups or one for each.
        total_steps: the number of steps of the cycle; or
        epochs, steps_per_epoch: two numbers with that product.
        pct_start: the share of the steps in which it rises.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: move the momentum (or beta1) the other way round.
        base_momentum: its lower bound.
        max_momentum: its upper bound.
        div_factor: the first rate is max_lr / div_factor.
        final_div_factor: the last rate is the first one / final_div_factor.
        three_phase: fall to the first rate as fast as it rose, and then to the last one.
        last_epoch: see LRScheduler.

    Raises:
        ValueError: an option outside its range, an optimizer without momentum, or more steps than
            there are.
        TypeError: it is not an optimizer.

    Source: Smith and Topin, "Super-convergence: very fast training of neural networks using large
    learning rates" (2019). Follows torch.optim.lr_scheduler.OneCycleLR.

    >>> import fastgrad as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.9)
    >>> scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked_optimizer(optimizer)
        self.total_steps = _number_of_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        largest = for_each_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for lr, group in zip(largest, optimizer.param_groups, strict=True):
                group["initial_lr"] = lr / div_factor
                group["max_lr"] = lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_betas(optimizer)
            high = for_each_group("max_momentum", optimizer, max_momentum)
            low = for_each_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                self._start_momentum(low, high)
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def get_lr(self) -> list[Rate]:
        """Compute the learning rate of each group, and set its momentum."""
        self._check_within_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        start = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if step <= end or phase is self._schedule_phases[-1]:
                break
            start = end
        share = (step - start) / (end - start)
        rates = []
        for group in self.optimizer.param_groups:
            first, last = group[phase["start_lr"]], group[phase["end_lr"]]
            rates.append(self._between(first, last, share))
            if self.cycle_momentum:
                first, last = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(first, last, share))
        return rates


def _number_of_steps(
    total_steps: int | None, epochs: int | None, steps_per_epoch: int | None
) -> int:
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    if total_steps is not None:
        given = {"total_steps": total_steps}
    product = 1
    for name, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
        product *= value
    return product


def _phases(steps: int, rising: float, three: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and the names of the values between which it moves."""
    end, twice = float(rising * steps) - 1, float(2 * rising * steps) - 2
    corners: list[tuple[float, str, str, str, str]]
    corners = [(end, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
    if three:
        corners += [
            (twice, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
            (steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
        ]
    else:
        corners += [(steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    return [dict(zip(names, corner, strict=True)) for corner in corners]
