"""What a training loop measures: the mean loss and the share of right answers."""

import math
from collections.abc import Callable
from typing import TypeAlias

from fastgrad import Tensor

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Predict: TypeAlias = Callable[[Tensor], Tensor]
Measured: TypeAlias = tuple[Tensor, Tensor | None, int, int]  # loss, right, samples, answers

PENDING_LIMIT = 256  # steps whose results may wait, which bounds the memory they hold


def predictions_of(outputs: Tensor, targets: Tensor, predict: Predict | None) -> Tensor | None:
    """Return the predicted labels, or None when the targets are quantities and not labels.

    Without ``predict``, integer targets are classes, and the largest output is the prediction.
    """
    if predict is not None:
        return predict(outputs)
    return None if targets.is_floating_point() else outputs.argmax(1)


def measured(loss: Tensor, labels: Tensor | None, targets: Tensor) -> Measured:
    """Return what a meter counts of one batch, whose ``loss`` is its mean."""
    right = None if labels is None else (labels == targets).sum()
    return loss.detach(), right, len(targets), targets.numel()


class Meter:
    """Sums loss and right answers over the batches of one epoch.

    Results are kept as tensors and read in bulk, so that a step does not wait for its own numbers.
    The sums are taken in float64 and in the order of the steps: when they are read changes nothing.
    """

    __slots__ = ("_pending", "_predict", "_sums", "not_finite")

    def __init__(self, predict: Predict | None = None, state: list[float] | None = None) -> None:
        self._predict = predict
        self._pending: list[Measured] = []
        self._sums = state or [0.0, 0, 0, 0]  # loss x samples, samples, right answers, answers
        self.not_finite: tuple[int, float] | None = (
            None  # the first such loss, after how many samples
        )

    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Count one batch, whose ``loss`` is its mean."""
        labels = predictions_of(outputs, targets, self._predict)
        self.add_measured(measured(loss, labels, targets))

    def add_measured(self, numbers: Measured) -> None:
        """Count what was measured of one batch."""
        self._pending.append(numbers)
        if len(self._pending) >= PENDING_LIMIT:
            self.state()

    def state(self) -> list[float]:
        """Return the sums so far, from which a new meter can go on."""
        for loss, right, samples, answers in self._pending:
            value = loss.item()
            if self.not_finite is None and not math.isfinite(value):
                self.not_finite = int(self._sums[1]), value
            self._sums[0] += value * samples
            self._sums[1] += samples
            if right is not None:
                self._sums[2] += right.item()
                self._sums[3] += answers
        self._pending.clear()
        return self._sums.copy()

    @property
    def samples(self) -> int:
        return int(self.state()[1])

    @property
    def loss(self) -> float:
        """Mean loss per sample; nan before the first batch."""
        loss, samples, _, _ = self.state()
        return loss / samples if samples else float("nan")

    @property
    def accuracy(self) -> float | None:
        """Share of right answers; None where there are no labels."""
        _, _, right, answers = self.state()
        return right / answers if answers else None
