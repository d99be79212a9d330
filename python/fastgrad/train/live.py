"""Curves that grow while something trains: below a notebook's cell, or as a line of a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from fastgrad.machine import in_notebook
from fastgrad.train.charts import curve_figures, known
from fastgrad.train.history import History
from fastgrad.train.progress import epoch_line

STYLE = Path(__file__).with_name("charts.css")
BLOCKS = "▁▂▃▄▅▆▇█"
BLOCKS_WIDTH = 24


class LiveCurves:
    """A callback of :func:`fastgrad.train.fit` that shows the curves after every epoch.

    In a notebook the loss, the accuracy and the learning rate are drawn below the cell, each time
    in the place of the last ones; a terminal has one line of small bars that is written anew; a
    file or pipe gets a plain line for each epoch. Neither IPython nor matplotlib is needed.

    Args:
        epochs: How many epochs there will be, where that is known.
        stream: Where lines go outside notebooks; standard error by default.

    Example:
        >>> import sys
        >>> from fastgrad.train import Epoch, History, LiveCurves
        >>> show = LiveCurves(epochs=2, stream=sys.stdout)
        >>> show(History([Epoch(1, 0.7, 0.8, 0.6, 0.85, 0.5, 2000.0)]))
        epoch 1/2  training loss 0.7000  accuracy 0.8000 | held-out loss 0.6000  accuracy 0.8500 | \
0.50 s
    """

    def __init__(self, epochs: int | None = None, stream: TextIO | None = None) -> None:
        self.epochs = epochs
        self._stream = stream
        self._shown: Any = None

    def __call__(self, history: History) -> None:
        """Show a history that has grown by an epoch."""
        if self._stream is None and in_notebook():
            self._show_in_notebook(history)
            return
        stream = self._stream or sys.stderr
        if stream.isatty():
            last = len(history) == self.epochs
            print(
                f"\r\x1b[K{curve_line(history)}", end="\n" if last else "", file=stream, flush=True
            )
        else:
            line = epoch_line(history[-1], self.epochs or len(history))
            print(line, file=stream, flush=True)

    def _show_in_notebook(self, history: History) -> None:
        from IPython.display import HTML, display

        style = STYLE.read_text(encoding="utf-8")
        picture = HTML(
            f'<style>{style}</style><div class="fastgrad charts">{curve_figures(history)}</div>'
        )
        if self._shown is None:
            self._shown = display(picture, display_id=True)
        else:
            self._shown.update(picture)


def curve_line(history: History) -> str:
    """The course of a training run in one line, such as ``epoch 3  loss █▄▁ 0.1  ...``.

    Example:
        >>> from fastgrad.train import Epoch, History
        >>> from fastgrad.train.live import curve_line
        >>> curve_line(History([Epoch(n, 1 / n, None, None, None, 1.0, 1.0) for n in (1, 2, 4)]))
        'epoch 4  loss █▃▁ 0.2500'
    """
    parts = [f"epoch {history[-1].epoch}"]
    for name, values in (
        ("loss", history.loss),
        ("held-out", history.val_loss),
        ("accuracy", history.accuracy),
        ("held-out", history.val_accuracy),
    ):
        numbers = [value for value in values if known(value)]
        if numbers:
            parts.append(f"{name} {bars(numbers)} {numbers[-1]:.4f}")
    return "  ".join(parts)


def bars(values: Sequence[float]) -> str:
    """The last values as small bars, the smallest and the largest at the ends of their range."""
    values = values[-BLOCKS_WIDTH:]
    low, high = min(values), max(values)
    steps = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * steps)] for value in values)
