"""How a run tells of itself: a line per epoch and, with tqdm on a terminal, a bar below them."""

import sys
import time
from types import TracebackType
from typing import Any

from fastgrad.train.history import Epoch
from fastgrad.train.metrics import Meter

UPDATE_SECONDS = 0.1


class Progress:
    """Says nothing; the base of those that do."""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def step(self, meter: Meter) -> None:
        """One more step is done."""

    def epoch(self, record: Epoch, epochs: int) -> None:
        """One more epoch is done."""


class LineProgress(Progress):
    """One line per epoch on standard error."""

    def epoch(self, record: Epoch, epochs: int) -> None:
        self.write(epoch_line(record, epochs))

    def write(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


class BarProgress(LineProgress):
    """A tqdm bar over all steps of the run, below the lines of the epochs."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._steps = 0
        self._next = 0.0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def step(self, meter: Meter) -> None:
        self._steps += 1
        now = time.monotonic()
        if now < self._next:  # drawing costs more than a small step
            return
        self._next = now + UPDATE_SECONDS
        self._bar.set_postfix_str(numbers(meter.loss, meter.accuracy), refresh=False)
        self._bar.update(self._steps)
        self._steps = 0

    def write(self, line: str) -> None:
        self._bar.write(line, file=sys.stderr)


def make_progress(enabled: bool, *, total: int, done: int) -> Progress:
    """Return what suits: nothing, lines, or a bar when tqdm is installed and stderr is a terminal.

    Args:
        enabled: Whether to say anything.
        total: Steps of the whole run.
        done: Steps made before it was resumed.
    """
    if not enabled:
        return Progress()
    if not sys.stderr.isatty():
        return LineProgress()
    try:
        from tqdm import tqdm
    except ImportError:
        return LineProgress()
    bar = tqdm(total=total, initial=done, unit="step", leave=False, dynamic_ncols=True)
    return BarProgress(bar)


def numbers(loss: float, accuracy: float | None) -> str:
    """Return loss and accuracy as people read them."""
    return f"loss {loss:.4f}" + ("" if accuracy is None else f"  accuracy {accuracy:.4f}")


def epoch_line(record: Epoch, epochs: int) -> str:
    """Return the line that tells of one epoch."""
    line = f"epoch {record.epoch:{len(str(epochs))}}/{epochs}  training "
    line += numbers(record.loss, record.accuracy)
    if record.val_loss is not None:
        line += f" | held-out {numbers(record.val_loss, record.val_accuracy)}"
    return f"{line} | {record.seconds:.2f} s"
