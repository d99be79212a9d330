"""The record of a training run, epoch by epoch."""

import json
from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from fastgrad.io.atomic import PathLike


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        epoch: Its number, from 1.
        loss: Mean training loss per sample, measured while the weights were moving.
        accuracy: Share of right training labels in 0..1, likewise; None for quantities.
        val_loss: Loss on the validation data at the end of the epoch; None without such data.
        val_accuracy: Accuracy on the validation data, likewise.
        seconds: Time spent on training, validation not counted.
        samples_per_second: Training samples per second.
        lr: The learning rate of the optimizer's first group at the epoch's last step; None where
            the optimizer has none, and in histories older than this field.
    """

    epoch: int
    loss: float
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    seconds: float
    samples_per_second: float
    lr: float | None = None


class History:
    """The epochs of a training run, as :func:`fastgrad.train.fit` returns them.

    Args:
        epochs: The records to start with.

    Example:
        >>> from fastgrad.train import Epoch, History
        >>> history = History([Epoch(1, 0.7, 0.8, 0.6, 0.85, 0.5, 2000.0)])
        >>> len(history), history[-1].val_accuracy
        (1, 0.85)
        >>> history.loss
        [0.7]
        >>> History.from_json(history.to_json()) == history
        True
    """

    def __init__(self, epochs: list[Epoch] | None = None) -> None:
        self.epochs = epochs or []

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __getitem__(self, index: int) -> Epoch:
        return self.epochs[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self.epochs == other.epochs

    __hash__ = None  # type: ignore[assignment]  # it grows while training

    def __repr__(self) -> str:
        last = f", last={self.epochs[-1]}" if self.epochs else ""
        return f"History(epochs={len(self)}{last})"

    @property
    def loss(self) -> list[float]:
        """The training loss of each epoch."""
        return [epoch.loss for epoch in self.epochs]

    @property
    def accuracy(self) -> list[float | None]:
        """The training accuracy of each epoch; None where it has no meaning."""
        return [epoch.accuracy for epoch in self.epochs]

    @property
    def val_loss(self) -> list[float | None]:
        """The loss on held-out data after each epoch; None without such data."""
        return [epoch.val_loss for epoch in self.epochs]

    @property
    def val_accuracy(self) -> list[float | None]:
        """The accuracy on held-out data after each epoch, or None."""
        return [epoch.val_accuracy for epoch in self.epochs]

    @property
    def lr(self) -> list[float | None]:
        """The learning rate at the end of each epoch, or None."""
        return [epoch.lr for epoch in self.epochs]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dictionary per epoch, ready for JSON or a data frame."""
        return [asdict(epoch) for epoch in self.epochs]

    @classmethod
    def from_dicts(cls, epochs: list[dict[str, Any]]) -> "History":
        """Rebuild a history from :meth:`to_dicts`.

        Raises:
            ValueError: An epoch lacks a field.
        """
        names = [field.name for field in fields(Epoch)]
        needed = [field.name for field in fields(Epoch) if field.default is MISSING]
        for epoch in epochs:
            if missing := [name for name in needed if name not in epoch]:
                raise ValueError(f"the history lacks {', '.join(missing)}: write it with to_json")
        return cls(
            [Epoch(**{name: epoch[name] for name in names if name in epoch}) for epoch in epochs]
        )

    def to_json(self) -> str:
        """Return the history as JSON text: ``{"epochs": [{"epoch": 1, "loss": ...}, ...]}``."""
        return json.dumps({"epochs": self.to_dicts()}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "History":
        """Rebuild a history from :meth:`to_json` or the ``history.json`` of ``fastgrad train``.

        Raises:
            ValueError: The text is not JSON, or not a history.
        """
        document = json.loads(text)
        if not isinstance(document, dict) or not isinstance(document.get("epochs"), list):
            raise ValueError('not a history: expected JSON of the form {"epochs": [...]}')
        return cls.from_dicts(document["epochs"])

    def plot(self, path: PathLike) -> None:
        """Draw the loss and accuracy curves into a PNG file; needs matplotlib.

        Args:
            path: The file to write or to replace.

        Raises:
            MissingExtraError: matplotlib is missing. (A ModuleNotFoundError.)
            ValueError: There is no epoch to draw.
        """
        from fastgrad.train.plots import plot_curves

        plot_curves(self, path)
