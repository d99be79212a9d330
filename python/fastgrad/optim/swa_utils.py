"""Averages of a model's weights over training: stochastic weight averaging and moving averages.

Follows torch.optim.swa_utils.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

from .. import Tensor, int64, no_grad, tensor
from ..nn import Module
from ..nn.modules.batch_norm import _BatchNorm
from .lr_scheduler.scheduler import LRScheduler, Rate, for_each_group
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Any], Tensor]
Averages = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1].")


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """A function that moves an average by the share ``1 - decay`` of the way.

    Raises:
        ValueError: the decay lies outside [0, 1].
    """
    _check_decay(decay)

    @no_grad()
    def update(average: Tensor, current: Tensor, count: Any) -> Tensor:
        return decay * average + (1 - decay) * current

    return update


def get_swa_avg_fn() -> Average:
    """A function that adds one more to an average of so many."""

    @no_grad()
    def update(average: Tensor, current: Tensor, count: Any) -> Tensor:
        moved: Tensor = average + (current - average) / (count + 1)
        return moved

    return update


def _in_place(function: Average) -> Averages:
    @no_grad()
    def update(averages: Sequence[Tensor], currents: Sequence[Tensor], count: Any) -> None:
        for average, current in zip(averages, currents, strict=True):
            average.copy_(function(average, current, count))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """:func:`get_ema_avg_fn` for lists of averages, changed in place.

    Raises:
        ValueError: the decay lies outside [0, 1].
    """
    return _in_place(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Averages:
    """:func:`get_swa_avg_fn` for lists of averages, changed in place."""
    return _in_place(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's.

    Args:
        model: is copied.
        device: where the copy is; the CPU.
        avg_fn: ``avg_fn(average, current, count)`` gives the new average; equal weights if None.
        multi_avg_fn: changes lists of averages in place, instead of `avg_fn`.
        use_buffers: average the buffers, too, instead of copying them.

    Raises:
        AssertionError: `avg_fn` and `multi_avg_fn` are both given.

    Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization"
    (2018). Follows torch.optim.swa_utils.AveragedModel.

    >>> import fastgrad as torch
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> average = torch.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 3.0):
    ...     _ = torch.nn.init.constant_(model.weight, value)
    ...     average.update_parameters(model)
    >>> average.module.weight.item()
    2.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters as they are now into the averages."""
        averages, currents = self._averaged(self.module), self._averaged(model)
        if not bool(self.n_averaged > 0):
            for average, current in zip(averages, currents, strict=True):
                average.copy_(current)
        elif averages:
            update = self.multi_avg_fn or _in_place(self.avg_fn or get_swa_avg_fn())
            update(averages, currents, self.n_averaged)
        if not self.use_buffers:
            for own, other in zip(self.module.buffers(), model.buffers(), strict=True):
                own.detach().copy_(other.detach())
        self.n_averaged += 1

    def _averaged(self, model: Module) -> list[Tensor]:
        buffers = model.buffers() if self.use_buffers else ()
        return [t.detach() for t in chain(model.parameters(), buffers)]


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of batch normalization anew, for averaged weights.

    Args:
        loader: gives batches: inputs, or tuples that begin with them.
        model: is called with each batch, in training mode.
        device: where the inputs go first.

    Follows torch.optim.swa_utils.update_bn.

    >>> import fastgrad as torch
    >>> norm = torch.nn.BatchNorm1d(1)
    >>> torch.optim.swa_utils.update_bn([torch.full((2, 1), 3.0)], norm)
    >>> norm.running_mean
    tensor([3.])
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
    with no_grad():
        for batch in loader:
            inputs = batch[0] if isinstance(batch, list | tuple) else batch
            model(inputs if device is None else inputs.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """The learning rate moves to that of weight averaging, and stays there.

    Args:
        optimizer: whose learning rates are set.
        swa_lr: the rate in the end, one for all groups or one for each.
        anneal_epochs: how many epochs it takes.
        anneal_strategy: "cos" or "linear".
        last_epoch: see LRScheduler.

    Raises:
        ValueError: another strategy, or `anneal_epochs` is no integer >= 0.

    Follows torch.optim.swa_utils.SWALR.

    >>> import fastgrad as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=1)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = for_each_group("swa_lr", optimizer, swa_lr)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of the way is done after a step."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Rate]:
        """Compute the learning rate of each group for the next epoch."""
        self._check_within_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates
