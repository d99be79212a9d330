"""The training loop."""

import math
import time
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import fastgrad as fg
from fastgrad import Tensor, nn
from fastgrad.io.atomic import PathLike
from fastgrad.nn import functional
from fastgrad.optim import SGD, Optimizer
from fastgrad.train.checkpoint import Checkpoint, Config
from fastgrad.train.errors import CheckpointError
from fastgrad.train.evaluation import Data, Evaluation, evaluate_on_ranks
from fastgrad.train.history import Epoch, History
from fastgrad.train.interrupt import StopRequest, TrainingInterrupted
from fastgrad.train.metrics import Loss, Meter, Predict
from fastgrad.train.progress import Progress, make_progress
from fastgrad.train.ranks import Ranks
from fastgrad.utils.data import DataLoader


def fit(
    model: nn.Module,
    train_data: Data,
    *,
    epochs: int = 10,
    batch_size: int = 32,
    loss: Loss = functional.cross_entropy,
    optimizer: Optimizer | None = None,
    predict: Predict | None = None,
    val_data: Data | None = None,
    seed: int = 0,
    progress: bool = True,
    callback: Callable[[History], object] | None = None,
    checkpoint: PathLike | None = None,
    resume: bool = False,
    config: Config | None = None,
) -> History:
    """Train a model by gradient descent.

    With a ``checkpoint``, the whole state of the run is saved there at the end of each epoch and,
    on Ctrl-C (SIGINT) or SIGTERM, after the current step; a second signal stops at once. A resumed
    run ends with the same bits as one that was never stopped, provided that all its random numbers
    come from the loader's generator and from fastgrad's default one.

    In a process group of several ranks (``fastgrad.distributed``), which all call this with the
    same arguments, each takes an equal part of every batch, and the steps are those of one process
    to the rounding of float32. The first rank writes the checkpoint and tells of the progress; the
    run goes on from it on any number of ranks.

    Args:
        model: The model; trained in place.
        train_data: (inputs, targets) pairs: a dataset, drawn in batches and shuffled anew each
            epoch, or a loader of batches.
        epochs: How many times to go through the data, those before a resumption included.
        batch_size: Samples per step, when ``train_data`` is a dataset.
        loss: ``loss(outputs, targets)`` -> mean loss of the batch, a tensor with one element.
        optimizer: Changes the weights; ``SGD(model.parameters(), lr=0.1)`` by default.
        predict: ``predict(outputs)`` -> labels to compare with the targets, for the accuracy. By
            default the class with the largest output, when the targets are integers.
        val_data: Data to measure on at the end of each epoch, by :func:`evaluate`.
        seed: Seed of the shuffling, when ``train_data`` is a dataset.
        progress: Whether to tell of the progress on standard error; ``fastgrad[train]`` adds a bar.
        callback: Called with the history after each epoch, on every rank; :class:`LiveCurves` is
            one that shows it.
        checkpoint: File that keeps the state of the run, replaced as the run goes on.
        resume: Go on from ``checkpoint``.
        config: More that must be equal for a run to be resumed, such as the name of the data. The
            model's parameters, the optimizer's settings, the loss, the batch size and the number of
            samples are compared in any case.

    Returns:
        The loss, accuracy and time of each epoch.

    Raises:
        ValueError: ``epochs`` is below 1, the data is empty, or ``resume`` lacks a checkpoint.
        CheckpointError: The checkpoint is damaged or belongs to another run. (A ValueError.)
        FileNotFoundError: ``resume`` is true, and the checkpoint does not exist.
        FloatingPointError: The loss is no longer finite. The last checkpoint is from before.
        TrainingInterrupted: A signal came; the checkpoint holds the state. (A KeyboardInterrupt.)

    Example:
        >>> import fastgrad as torch
        >>> from fastgrad.train import fit
        >>> from fastgrad.utils.data import TensorDataset
        >>> x = torch.linspace(-1, 1, 64).reshape(64, 1)
        >>> data = TensorDataset(x, (x[:, 0] > 0).long())
        >>> seed = torch.manual_seed(0)
        >>> history = fit(torch.nn.Linear(1, 2), data, epochs=20, batch_size=8, progress=False)
        >>> len(history), history[-1].accuracy > 0.9
        (20, True)
    """
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    run = _Run(
        model=model,
        loader=_loader(train_data, batch_size, seed),
        loss=loss,
        optimizer=optimizer or SGD(model.parameters(), lr=0.1),
        predict=predict,
        val_data=val_data,
        epochs=epochs,
        callback=callback,
        path=checkpoint,
        config=config or {},
    )
    if resume:
        run.restore()
    return run.go(progress and run.ranks.is_first)


def _loader(data: Data, batch_size: int, seed: int) -> DataLoader[Any]:
    if not isinstance(data, DataLoader):
        if len(cast(Sized, data)) == 0:
            raise ValueError("train_data is empty: training needs at least one sample")
        generator = fg.Generator().manual_seed(seed)
        data = DataLoader(data, batch_size, shuffle=True, generator=generator)
    if len(data) == 0:
        raise ValueError("train_data gives no batch: it is empty, or smaller than one batch")
    return data


@dataclass
class _Run:
    """One run of the loop: what it works with, and where it stands."""

    model: nn.Module
    loader: DataLoader[Any]
    loss: Loss
    optimizer: Optimizer
    predict: Predict | None
    val_data: Data | None
    epochs: int
    callback: Callable[[History], object] | None
    path: PathLike | None
    config: Config

    def __post_init__(self) -> None:
        self.config = {**self.config, **self.describe()}
        self.ranks = Ranks()
        self.shared_model = self.ranks.shared(self.model)
        self.parts = self.ranks.part_of(self.loader)
        self.history = History()
        self.epoch_start = self.random_states()
        self.resume_state: Tensor | None = None
        self.signum: int | None = None
        self.batch = 0
        self.seconds = 0.0
        self.meter = Meter(self.predict)

    # The loop

    def go(self, progress: bool) -> History:
        steps = len(self.loader)
        done = steps * len(self.history) + self.batch
        with (
            StopRequest(enabled=self.path is not None) as stop,
            make_progress(progress, total=steps * self.epochs, done=done) as display,
        ):
            while not self.must_stop(stop) and len(self.history) < self.epochs:
                self.train_epoch(display, stop)
        if self.path is not None and self.signum is not None:
            raise TrainingInterrupted(self.where(), self.path, self.signum)
        return self.history

    def train_epoch(self, display: Progress, stop: StopRequest) -> None:
        """Do the batches that this epoch still has, or end after the current one when asked to."""
        self.model.train()
        started = time.perf_counter() - self.seconds
        for inputs, targets in self.batches():
            self.step(inputs, targets)
            self.batch += 1
            display.step(self.meter)
            if self.must_stop(stop):
                self.seconds = time.perf_counter() - started
                self.meter = self.total_meter()
                self.save()
                return
        self.finish_epoch(time.perf_counter() - started, display)

    def must_stop(self, stop: StopRequest) -> bool:
        """Whether a signal has come to some rank: all stop after the same step."""
        if self.path is not None:
            self.signum = self.ranks.any_signal(stop.signum)
        return self.signum is not None

    def step(self, inputs: Tensor, targets: Tensor) -> None:
        self.optimizer.zero_grad()
        outputs = self.shared_model(inputs)
        loss, weight = self.loss(outputs, targets), self.ranks.weight(self.batch)
        (loss if weight == 1 else loss * weight).backward()
        self.optimizer.step()
        if weight:
            self.meter.add(loss, outputs, targets)

    def finish_epoch(self, seconds: float, display: Progress) -> None:
        self.meter = self.total_meter()
        number, loss = len(self.history) + 1, self.meter.loss
        if not math.isfinite(loss):
            raise FloatingPointError(self.not_finite(number))
        held_out = self.evaluate()
        record = Epoch(
            epoch=number,
            loss=loss,
            accuracy=self.meter.accuracy,
            val_loss=held_out.loss if held_out else None,
            val_accuracy=held_out.accuracy if held_out else None,
            seconds=seconds,
            samples_per_second=self.meter.samples / seconds,
            lr=self.optimizer.param_groups[0].get("lr"),
        )
        self.history.epochs.append(record)
        self.epoch_start = self.random_states()
        self.batch, self.seconds, self.meter = 0, 0.0, Meter(self.predict)
        self.save()
        display.epoch(record, self.epochs)
        if self.callback is not None:
            self.callback(self.history)

    def total_meter(self) -> Meter:
        """What all ranks have measured."""
        total = Meter(self.predict, self.ranks.total(self.meter.state()))
        found = [item for item in self.ranks.gathered(self.meter.not_finite) if item is not None]
        total.not_finite = min(found, default=None)
        return total

    def not_finite(self, epoch: int) -> str:
        """Where the loss began to be nan or infinite."""
        samples, loss = self.meter.not_finite or (0, self.meter.loss)
        return (
            f"the training loss became {loss} in epoch {epoch}, after {samples} samples: use a"
            " smaller learning rate, or train under fastgrad.nan_guard() to see which layer began"
        )

    def evaluate(self) -> Evaluation | None:
        if self.val_data is None:
            return None
        return evaluate_on_ranks(self.ranks, self.model, self.val_data, self.loss, self.predict)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Return the batches of this epoch that are still to do."""
        self.ranks.share_random_state()
        batches = iter(self.parts)
        for _ in islice(batches, self.batch):  # drawn again for the random numbers that they take
            pass
        if self.resume_state is not None:  # what the model itself drew for those batches
            fg.set_rng_state(self.resume_state)
            self.resume_state = None
        return batches

    # Stopping and going on

    def save(self) -> None:
        if self.path is not None:
            path, state = self.path, self.state()
            self.ranks.on_first(lambda: state.save(path))

    def state(self) -> Checkpoint:
        """Return all that a run needs to go on."""
        return Checkpoint(
            config=dict(self.config),
            epochs=self.epochs,
            batch=self.batch,
            seconds=self.seconds,
            meter=self.meter.state(),
            history=self.history.to_dicts(),
            model=self.model.state_dict(),
            optimizer=self.optimizer.state_dict(),
            epoch_start=self.epoch_start,
            now=fg.get_rng_state(),
        )

    def restore(self) -> None:
        if self.path is None:
            raise ValueError("resume=True needs checkpoint=PATH, the file to go on from")
        path = self.path
        saved = self.ranks.on_first(lambda: Checkpoint.load(path))
        saved.check(self.config, self.path)
        self.history = History.from_dicts(saved.history)
        if len(self.history) > self.epochs:
            raise CheckpointError(
                f"{self.path} has {len(self.history)} epochs already: "
                f"ask for at least as many, not {self.epochs}"
            )
        self.model.load_state_dict(saved.model)
        self.optimizer.load_state_dict(saved.optimizer)
        self.batch, self.seconds = saved.batch, saved.seconds
        # What was measured before counts once.
        self.meter = Meter(self.predict, saved.meter if self.ranks.is_first else None)
        self.resume_state = saved.now if saved.batch else None
        self.epoch_start = saved.epoch_start
        self.set_random_states(self.epoch_start)

    def where(self) -> str:
        done = f"after {len(self.history)} of {self.epochs} epochs"
        batch = f" and {self.batch} of {len(self.loader)} batches" if self.batch else ""
        return f"stopped {done}{batch}; the state is in {self.path}"

    def describe(self) -> dict[str, Any]:
        """Return what must be equal for a run to be resumed."""
        sampler = self.loader.sampler
        return {
            "loss": getattr(self.loss, "__name__", type(self.loss).__name__),
            "training samples": len(cast(Sized, self.loader.dataset)),
            "batch_size": self.loader.batch_size,
            "sampler": type(sampler).__name__,
            "random generators": len(self.generators()),
            "optimizer": type(self.optimizer).__name__,
            **_settings(self.optimizer),
            **{
                f"parameter {name}": f"{str(tensor.dtype).rpartition('.')[2]} {list(tensor.shape)}"
                for name, tensor in self.model.state_dict().items()
            },
        }

    def generators(self) -> list[fg.Generator]:
        """Return the generators of the loader and its samplers, each once."""
        batches = self.loader.batch_sampler
        owners = (self.loader, self.loader.sampler, batches, getattr(batches, "sampler", None))
        found = (getattr(owner, "generator", None) for owner in owners)
        return list({id(item): item for item in found if item is not None}.values())

    def random_states(self) -> list[Tensor]:
        return [fg.get_rng_state(), *(item.get_state() for item in self.generators())]

    def set_random_states(self, states: list[Tensor]) -> None:
        fg.set_rng_state(states[0])
        for generator, state in zip(self.generators(), states[1:], strict=True):
            generator.set_state(state)


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    """Return the optimizer's settings, named by group where it has several."""
    groups = optimizer.param_groups
    prefixes = [""] if len(groups) == 1 else [f"group {index} " for index in range(len(groups))]
    return {
        prefix + name: value if isinstance(value, bool | int | float | None) else repr(value)
        for prefix, group in zip(prefixes, groups, strict=True)
        for name, value in group.items()
        if name != "params"
    }
