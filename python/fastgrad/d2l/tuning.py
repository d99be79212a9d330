"""The search for hyperparameters: what is tried next, for how long, and what was best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import fastgrad as torch
from fastgrad.d2l.framework import HyperParameters, Trainer
from fastgrad.d2l.timing import Timer

Config = dict[str, Any]


class HPOTrainer(Trainer):
    """A trainer that tells how often the trained classifier is wrong on the held-out data."""

    def validation_error(self) -> Any:
        """1 minus the mean accuracy of the batches, on the CPU."""
        model: Any = self.model
        model.eval()
        total, count = torch.zeros(()), 0
        with torch.no_grad():
            for batch in self.val_dataloader:
                *inputs, y = self.prepare_batch(batch)
                total = total + model.accuracy(model(*inputs), y)
                count += 1
        return 1 - total / count


class HPOSearcher(HyperParameters):
    """Says which hyperparameters to try; to be written by the subclass."""

    def sample_configuration(self) -> Config:
        """The next ones."""
        raise NotImplementedError(f"{type(self).__name__}.sample_configuration")

    def update(self, config: Config, error: float, additional_info: Any = None) -> None:
        """Learn what came of a trial; by default nothing."""


class RandomSearcher(HPOSearcher):
    """Draws hyperparameters from distributions.

    Args:
        config_space: For each name something with a method ``rvs()``, as in ``scipy.stats``.
        initial_config: What is tried first.
    """

    def __init__(self, config_space: dict[str, Any], initial_config: Config | None = None) -> None:
        self.config_space: dict[str, Any]
        self.initial_config: Config | None
        self.save_hyperparameters()

    def sample_configuration(self) -> Config:
        """The initial ones, afterwards random ones."""
        first, self.initial_config = self.initial_config, None
        if first is not None:
            return first
        return {name: domain.rvs() for name, domain in self.config_space.items()}


class HPOScheduler(HyperParameters):
    """Says which trial comes next; to be written by the subclass."""

    def suggest(self) -> Config:
        """The next trial's hyperparameters."""
        raise NotImplementedError(f"{type(self).__name__}.suggest")

    def update(self, config: Config, error: float, info: Any = None) -> None:
        """Learn what came of a trial."""
        raise NotImplementedError(f"{type(self).__name__}.update")


class BasicScheduler(HPOScheduler):
    """Tries what the searcher says, one after the other."""

    def __init__(self, searcher: HPOSearcher) -> None:
        self.searcher: HPOSearcher
        self.save_hyperparameters()

    def suggest(self) -> Config:
        """The next of the searcher."""
        return self.searcher.sample_configuration()

    def update(self, config: Config, error: float, info: Any = None) -> None:
        """Hand it on to the searcher."""
        self.searcher.update(config, error, additional_info=info)


class SuccessiveHalvingScheduler(HPOScheduler):
    """Tries many for a few epochs, and goes on with the best of them for more.

    Args:
        searcher: What draws hyperparameters.
        eta: One of `eta` trials goes on, with `eta` times as many epochs.
        r_min, r_max: The fewest and the most epochs; they become ``config["max_epochs"]``.
        prefact: By how much there are more trials than are needed.
    """

    def __init__(
        self, searcher: HPOSearcher, eta: int, r_min: int, r_max: int, prefact: int = 1
    ) -> None:
        self.searcher: HPOSearcher
        self.eta: int
        self.r_min: int
        self.r_max: int
        self.prefact: int
        self.save_hyperparameters()
        self.K = 0
        while r_min * eta ** (self.K + 1) <= r_max:
            self.K += 1
        self.rung_levels = [r_min * eta**k for k in range(self.K + 1)]
        if r_max not in self.rung_levels:
            self.rung_levels.append(r_max)
            self.K += 1
        Observed = dict[int, list[tuple[Config, float]]]
        self.observed_error_at_rungs: Observed = defaultdict(list)
        self.all_observed_error_at_rungs: Observed = defaultdict(list)
        self.queue: list[Config] = []

    def suggest(self) -> Config:
        """A trial that goes on, or the first of a new round."""
        if not self.queue:
            self.queue = [
                self.searcher.sample_configuration() | {"max_epochs": self.r_min}
                for _ in range(self._number_at(0))
            ]
        return self.queue.pop()

    def _number_at(self, rung: int) -> int:
        return int(self.prefact * self.eta ** (self.K - rung))

    def update(self, config: Config, error: float, info: Any = None) -> None:
        """Note the error; when all of a rung have one, put the best into the queue."""
        epochs = int(config["max_epochs"])
        self.searcher.update(config, error, additional_info=info)
        self.all_observed_error_at_rungs[epochs].append((config, error))
        if epochs >= self.r_max:
            return
        self.observed_error_at_rungs[epochs].append((config, error))
        rung = self.rung_levels.index(epochs)
        if len(self.observed_error_at_rungs[epochs]) >= self._number_at(rung):
            best = self.get_top_n_configurations(epochs, self._number_at(rung + 1))
            more = self.rung_levels[rung + 1]
            # In front: what is left of this rung is taken from the end before.
            self.queue = [config | {"max_epochs": more} for config in best] + self.queue
            self.observed_error_at_rungs[epochs] = []

    def get_top_n_configurations(self, rung_level: int, n: int) -> list[Config]:
        """The `n` with the smallest errors after `rung_level` epochs."""
        observed = self.observed_error_at_rungs[rung_level]
        return [config for config, _ in sorted(observed, key=lambda pair: pair[1])[:n]]


class HPOTuner(HyperParameters):
    """Runs trials, and keeps what came of them.

    Args:
        scheduler: Says what comes next.
        objective: Takes the hyperparameters by name, gives the error as a tensor of one element.

    Attributes:
        incumbent: The best hyperparameters so far, and ``incumbent_error``.
        incumbent_trajectory: The best error after each trial.
        cumulative_runtime: The seconds until the end of each trial.
        records: The hyperparameters, the error and the seconds of each trial.
    """

    def __init__(self, scheduler: HPOScheduler, objective: Callable[..., Any]) -> None:
        self.scheduler: HPOScheduler
        self.objective: Callable[..., Any]
        self.save_hyperparameters()
        self.incumbent: Config | None = None
        self.incumbent_error: float | None = None
        self.incumbent_trajectory: list[float] = []
        self.cumulative_runtime: list[float] = []
        self.current_runtime = 0.0
        self.records: list[dict[str, Any]] = []

    def run(self, number_of_trials: int) -> None:
        """Run trials, and print each."""
        for i in range(number_of_trials):
            timer = Timer()
            config = self.scheduler.suggest()
            print(f"Trial {i}: config = {config}")
            error = float(self.objective(**config))
            self.scheduler.update(config, error)
            runtime = timer.stop()
            self.bookkeeping(config, error, runtime)
            print(f"    error = {error}, runtime = {runtime}")

    def bookkeeping(self, config: Config, error: float, runtime: float) -> None:
        """Keep what came of a trial."""
        self.records.append({"config": config, "error": error, "runtime": runtime})
        if self.incumbent_error is None or error < self.incumbent_error:
            self.incumbent, self.incumbent_error = config, error
        self.incumbent_trajectory.append(self.incumbent_error)
        self.current_runtime += runtime
        self.cumulative_runtime.append(self.current_runtime)


def rbfkernel(x1: Any, x2: Any, ls: float = 4.0) -> Any:
    """The kernel exp(-distance ** 2 / (2 ls)) of each of some numbers with each of others.

    Args:
        x1, x2: NumPy's arrays [n] and [m].
        ls: The length scale, as the book has it.

    Returns:
        An array [n, m].
    """
    import numpy

    return numpy.exp(-(numpy.subtract.outer(x1, x2) ** 2) / ls / 2)
