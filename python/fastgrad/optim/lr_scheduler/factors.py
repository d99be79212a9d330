"""Schedules given by functions."""

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from ..optimizer import Optimizer
from .scheduler import LRScheduler, Rate, state_without

Factor = Callable[[int], float]


class _OfFunctions(LRScheduler):
    """A function of the epoch for each parameter group."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        count = len(optimizer.param_groups)
        functions = list(lr_lambda) if isinstance(lr_lambda, list | tuple) else [lr_lambda] * count
        if len(functions) != count:
            raise ValueError(f"Expected {count} lr_lambdas, but got {len(functions)}")
        for function in functions:
            if not callable(function):
                raise TypeError(
                    f"lr_lambda should be a function, but got {type(function).__name__}"
                )
        self.lr_lambdas: list[Any] = functions
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer; of callable objects their attributes, of functions
        None."""
        state = state_without(self, "optimizer", "lr_lambdas")
        state["lr_lambdas"] = [
            None if isinstance(function, FunctionType) else function.__dict__.copy()
            for function in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` of a scheduler of the same kind returned."""
        self.__dict__.update({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes is not None:
                function.__dict__.update(attributes)


class LambdaLR(_OfFunctions):
    """The initial learning rate times a function of the epoch.

    Args:
        optimizer: whose learning rates are set.
        lr_lambda: gives the factor for an epoch; one function, or one for each group.
        last_epoch: see LRScheduler.

    Raises:
        ValueError: another number of functions than of groups.
        TypeError: it is not a function.

    Follows torch.optim.lr_scheduler.LambdaLR.

    >>> import fastgrad as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def get_lr(self) -> list[Rate]:
        """Compute the learning rate of each group for ``self.last_epoch``."""
        self._check_within_step()
        return [
            lr * function(self.last_epoch)
            for function, lr in zip(self.lr_lambdas, self.base_lrs, strict=True)
        ]


class MultiplicativeLR(_OfFunctions):
    """The learning rate times a function of the epoch, in every step.

    Args:
        optimizer: whose learning rates are set.
        lr_lambda: gives the factor for an epoch; one function, or one for each group.
        last_epoch: see LRScheduler.

    Raises:
        ValueError: another number of functions than of groups.
        TypeError: it is not a function.

    Follows torch.optim.lr_scheduler.MultiplicativeLR.

    >>> import fastgrad as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def get_lr(self) -> list[Rate]:
        """Compute the learning rate of each group for ``self.last_epoch``."""
        self._check_within_step()
        if self._is_initial:
            return self._unchanged()
        return [
            group["lr"] * function(self.last_epoch)
            for function, group in zip(self.lr_lambdas, self.optimizer.param_groups, strict=True)
        ]
