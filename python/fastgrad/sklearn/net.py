"""What the classifier and the regressor share."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

import fastgrad as fg
from fastgrad import Tensor, nn
from fastgrad.optim import Adam
from fastgrad.train import Epoch, History, fit
from fastgrad.utils.data import DataLoader, TensorDataset

Array: TypeAlias = np.ndarray[Any, Any]

_PARTS = ("module__", "criterion__", "optimizer__")


class NeuralNet(BaseEstimator):  # type: ignore[misc]
    """What both estimators share; see :class:`NeuralNetClassifier`."""

    _default_criterion: type[nn.Module]
    _width: int  # how many numbers the module gives for each sample
    _meaning: str  # what they are
    _rng_state: Tensor

    def __init__(
        self,
        module: nn.Module | Callable[..., nn.Module] | None = None,
        *,
        criterion: nn.Module | Callable[..., nn.Module] | None = None,
        optimizer: Callable[..., Any] | None = None,
        lr: float = 0.01,
        max_epochs: int = 50,
        batch_size: int = 32,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        callbacks: Sequence[Callable[[Any], Any]] = (),
        warm_start: bool = False,
        random_state: Any = None,
        **options: Any,
    ) -> None:
        self.module = module
        self.criterion = criterion
        self.optimizer = optimizer
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        for name, value in options.items():
            setattr(self, name, value)

    # Parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name, with those of the parts."""
        options = {name: value for name, value in vars(self).items() if _is_option(name)}
        return {**options, **super().get_params(deep)}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, with those of the parts: ``module__hidden=64``.

        Raises:
            ValueError: there is no such parameter.
        """
        options = {name: value for name, value in params.items() if name.startswith(_PARTS)}
        super().set_params(**{name: params[name] for name in params if name not in options})
        for name, value in options.items():
            setattr(self, name, value)
        return self

    def _options_of(self, part: str) -> dict[str, Any]:
        prefix = f"{part}__"
        return {
            name.removeprefix(prefix): value
            for name, value in vars(self).items()
            if name.startswith(prefix)
        }

    def _check_params(self) -> None:
        known = self._get_param_names()
        for name in self.get_params(deep=False):
            if name not in known and not name.startswith(_PARTS):
                raise TypeError(
                    f"{type(self).__name__} has no parameter {name!r}; those of its parts begin"
                    " with module__, criterion__ or optimizer__"
                )
        for name in ("max_epochs", "batch_size", "n_iter_no_change"):
            value = getattr(self, name)
            try:
                wrong = operator.index(value) < 1
            except TypeError:
                wrong = True
            if wrong:
                raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
        if self.early_stopping and not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction must lie between 0 and 1, got {self.validation_fraction!r}"
            )

    # Training

    def _train(self, inputs: Array, targets: Array, epochs: int, fresh: bool) -> Self:
        self._check_params()
        with self._random_numbers(fresh):
            if fresh:
                self._begin(inputs)
            self._go(*self._divided(inputs, targets), epochs)
        return self

    def _fits_anew(self) -> bool:
        return not (self.warm_start and hasattr(self, "module_"))

    @contextmanager
    def _random_numbers(self, fresh: bool) -> Iterator[None]:
        """First weights, dropout and shuffling come from `random_state`, others' are untouched."""
        with fg.random.fork_rng():
            if fresh:
                fg.manual_seed(int(check_random_state(self.random_state).randint(2**31 - 1)))
            else:
                fg.set_rng_state(self._rng_state)
            try:
                yield
            finally:
                self._rng_state = fg.get_rng_state()

    def _begin(self, inputs: Array) -> None:
        """Make a network, a criterion and an optimizer that have learned nothing yet."""
        module = self._made("module", lambda: _perceptron(inputs.shape[1:], self._width))
        first = fg.tensor(inputs[:2])
        with fg.no_grad():  # finds a wrong shape early, and lazy layers get theirs
            self._shaped(module.eval()(first), len(first))
        criterion = self._made("criterion", self._default_criterion)
        parameters = [p for p in module.parameters() if p.requires_grad]
        make = self.optimizer or Adam
        self.optimizer_ = make(parameters, lr=self.lr, **self._options_of("optimizer"))
        self.module_, self.criterion_ = module, criterion  # now all of them can be had
        self.history_ = History()

    def _made(self, part: str, default: Callable[..., nn.Module]) -> nn.Module:
        given, options = getattr(self, part), self._options_of(part)
        if isinstance(given, nn.Module) or given is None:
            if options and (part == "module" or given is not None):
                names = ", ".join(f"{part}__{name}" for name in options)
                raise ValueError(f"{names}: needs {part} to be a class, got {given!r}")
            return default(**options) if given is None else copy.deepcopy(given)
        made = given(**options)
        if not isinstance(made, nn.Module):
            raise TypeError(f"{part} must make an nn.Module, but made a {type(made).__name__}")
        return made

    def _divided(self, X: Array, y: Array) -> tuple[TensorDataset, TensorDataset | None]:
        """The data to train on, and what is held out to tell when to stop."""
        if not self.early_stopping:
            return TensorDataset(fg.tensor(X), fg.tensor(y)), None
        seed = int(fg.randint(2**31 - 1, ()).item())
        share, strata = self.validation_fraction, self._strata(y)
        parts = train_test_split(X, y, test_size=share, random_state=seed, stratify=strata)
        inputs, held_out_inputs, targets, held_out_targets = map(fg.tensor, parts)
        return TensorDataset(inputs, targets), TensorDataset(held_out_inputs, held_out_targets)

    def _strata(self, y: Array) -> Array | None:
        """What is divided in equal shares."""
        return None

    def _go(self, data: TensorDataset, held_out: TensorDataset | None, epochs: int) -> None:
        batches = DataLoader(data, self.batch_size, shuffle=True)
        best = _Best(self.module_, self.n_iter_no_change)
        for _ in range(epochs):
            self._epoch(batches, held_out)
            stop = [bool(callback(self)) for callback in self.callbacks]
            if best.is_long_ago(self.history_[-1]) or any(stop):
                break
        best.restore()
        self.module_.eval()

    def _epoch(self, batches: DataLoader[Any], held_out: TensorDataset | None) -> None:
        found = fit(
            self.module_,
            batches,
            epochs=1,
            loss=self._loss,
            optimizer=self.optimizer_,
            val_data=held_out,
            progress=False,
        )
        self.n_iter_ = len(self.history_) + 1
        self.history_.epochs.append(replace(found[0], epoch=self.n_iter_))

    def _loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        loss: Tensor = self.criterion_(self._shaped(outputs, len(targets)), targets)
        return loss

    def _shaped(self, outputs: Tensor, rows: int) -> Tensor:
        """The module's output, which must have a row for each sample."""
        if not isinstance(outputs, Tensor):
            raise TypeError(f"the module must give a tensor, but gave a {type(outputs).__name__}")
        if outputs.dim() == 1 and self._width == 1:
            outputs = outputs.unsqueeze(1)
        if outputs.shape != (rows, self._width):
            raise ValueError(
                f"the module gave {list(outputs.shape)} for {rows} samples, expected"
                f" [{rows}, {self._width}]: {self._meaning}"
            )
        return outputs

    # Prediction

    def _outputs(self, X: Any) -> Tensor:
        """What the module gives for each sample.

        It is called on blocks of one size, because the rounding of a matrix product depends on its
        size: so what a sample gets does not depend on how many others are asked about.
        """
        check_is_fitted(self, "module_")
        X = validate_data(self, X, reset=False, allow_nd=True, dtype=float_dtype())
        blocks = list(fg.tensor(X).split(self.batch_size))
        missing = self.batch_size - len(blocks[-1])
        blocks[-1] = fg.cat([blocks[-1], *[blocks[-1][-1:]] * missing])
        self.module_.eval()
        with fg.no_grad():
            given = [self._shaped(self.module_(block), len(block)) for block in blocks]
        return fg.cat(given)[: len(X)]


class _Best:
    """The weights with the lowest loss on held-out data, where there are such data."""

    def __init__(self, module: nn.Module, patience: int) -> None:
        self.module, self.patience = module, patience
        self.loss, self.waited = math.inf, 0
        self.state: dict[str, Tensor] | None = None

    def is_long_ago(self, epoch: Epoch) -> bool:
        """Take an epoch in, and say whether none of the last `patience` was the best."""
        if epoch.val_loss is None:
            return False
        self.waited += 1
        if epoch.val_loss < self.loss:
            self.loss, self.waited = epoch.val_loss, 0
            self.state = {name: value.clone() for name, value in self.module.state_dict().items()}
        return self.waited >= self.patience

    def restore(self) -> None:
        if self.state is not None:
            self.module.load_state_dict(self.state)


def _perceptron(shape: tuple[int, ...], outputs: int) -> nn.Sequential:
    """One hidden layer, four times as wide as the input within limits."""
    features = math.prod(shape)
    width = min(max(4 * features, 32), 256)
    layers = [nn.Linear(features, width), nn.ReLU(), nn.Linear(width, outputs)]
    return nn.Sequential(*([nn.Flatten()] if len(shape) > 1 else []), *layers)


def _is_option(name: str) -> bool:
    """Whether an attribute was given by name, instead of being learned."""
    return not (name.startswith("_") or name.endswith("_"))


def float_dtype() -> str:
    """The name of the default dtype."""
    return str(fg.get_default_dtype()).rpartition(".")[2]
