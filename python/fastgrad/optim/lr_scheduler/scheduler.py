"""LRScheduler: what all schedulers have in common."""

import warnings
from collections.abc import Sequence
from typing import Any

from ... import Tensor
from ..optimizer import Optimizer

Rate = Any  # a number, or a tensor of one element


def checked_optimizer(optimizer: Any) -> Optimizer:
    """The optimizer itself, if it is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A value for each parameter group: the one given for all, or a list of them."""
    count = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        value = [value] * count
    elif len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)}"
            f" values, param_groups has {count}."
        )
    return [copied(x) for x in value]


def copied(value: Rate) -> Rate:
    """A number as it is, and of a tensor a copy."""
    return value.clone() if isinstance(value, Tensor) else value


def values_of(optimizer: Optimizer, key: str) -> list[Rate]:
    """What each group has under a key."""
    return [copied(group[key]) for group in optimizer.param_groups]


def set_rate(group: dict[str, Any], lr: Rate) -> None:
    """A new learning rate, in the group's tensor where that has one."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(float(lr))
    else:
        group["lr"] = lr


def state_without(scheduler: "LRScheduler", *names: str) -> dict[str, Any]:
    """The attributes of a scheduler, but for some."""
    return {key: value for key, value in scheduler.__dict__.items() if key not in names}


class LRScheduler:
    """Base class of schedulers: sets the learning rates of an optimizer, step by step.

    A subclass defines `get_lr`, which computes the rates from ``self.last_epoch``,
    ``self.base_lrs`` and the optimizer's groups. Call `step` after the optimizer's.

    Args:
        optimizer: whose parameter groups are changed.
        last_epoch: how many steps were taken before; -1 for a new start. The groups must have an
            "initial_lr" otherwise, as those of a loaded state dict have.

    Raises:
        TypeError: it is not an optimizer.
        KeyError: a group has no "initial_lr" although `last_epoch` is not -1.

    Follows torch.optim.lr_scheduler.LRScheduler.

    >>> import fastgrad as torch
    >>> class Halved(torch.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [lr * 0.5**self.last_epoch for lr in self.base_lrs]
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = Halved(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    _is_initial = False
    _get_lr_called_within_step = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0; load the optimizer's state first, or start "
                    "with last_epoch=-1"
                )
        self.base_lrs = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer."""
        return state_without(self, "optimizer")

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` of a scheduler of the same kind returned."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Rate]:
        """The learning rate of each group since the last step."""
        return self._last_lr

    def get_lr(self) -> list[Rate]:
        """Compute the learning rate of each group for ``self.last_epoch``."""
        raise NotImplementedError(f"{type(self).__name__} defines no get_lr()")

    def step(self, epoch: int | None = None) -> None:
        """Set the learning rates of the next epoch, or of a given one (deprecated)."""
        if self._step_count == 1 and not self.optimizer._opt_called:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: call them in "
                "the opposite order, or the first value of the schedule is skipped",
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch()
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._get_lr_called_within_step = True
        try:
            closed_form = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
            rates = self.get_lr() if closed_form is None else closed_form()
        finally:
            self._get_lr_called_within_step = False
        self._set_rates(rates)

    def _set_rates(self, rates: Sequence[Rate]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, lr)
        self._last_lr = values_of(self.optimizer, "lr")

    def _check_within_step(self) -> None:
        """What get_lr of the library's own schedulers begins with."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, "
                "please use `get_last_lr()`.",
                stacklevel=3,
            )

    def _unchanged(self) -> list[Rate]:
        return values_of(self.optimizer, "lr")

    def _times(self, factor: float) -> list[Rate]:
        return [group["lr"] * factor for group in self.optimizer.param_groups]


def warn_of_epoch() -> None:
    """What a step to a given epoch says."""
    warnings.warn(
        "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
        "possible. Please use `scheduler.step()` to step the scheduler.",
        stacklevel=3,
    )
