"""Curves as SVG, in the colours of the page around them (see ``charts.css``)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeGuard

from fastgrad.train.history import History
from fastgrad.train.plots import LOG_SCALE_RATIO

WIDTH, HEIGHT = 360, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 40
MARKED = 60  # more points than this are drawn without marks


@dataclass(frozen=True, slots=True)
class Curve:
    """Values over the epochs; ``kind`` is the class by which the style sheet colours it."""

    name: str
    kind: str
    values: Sequence[float | None]


def chart(name: str, curves: Sequence[Curve]) -> str:
    """Draw curves over the epochs, those without values left out.

    A quantity that falls to a small part of itself gets a logarithmic scale.

    Args:
        name: What the values are, for readers who do not see the picture.
        curves: All of one length.
    """
    curves = [curve for curve in curves if any(map(known, curve.values))]
    values = [value for curve in curves for value in curve.values if known(value)]
    axis = _Axis(values, log=name == "loss" and _spans_decades(values))
    epochs = len(curves[0].values)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)} by epoch">',
        *axis.grid(),
        *_epoch_axis(epochs),
        *(part for curve in curves for part in _draw(curve, axis, epochs)),
        "</svg>",
    ]
    return "\n".join(parts)


def known(value: float | None) -> TypeGuard[float]:
    """Whether there is a number that can be drawn."""
    return value is not None and math.isfinite(value)


def _spans_decades(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) > LOG_SCALE_RATIO * min(values)


class _Axis:
    """The upright axis: where a value lies, and which values have a line."""

    def __init__(self, values: Sequence[float], *, log: bool) -> None:
        self.log = log
        low, high = min(values), max(values)
        if log:
            ends = math.floor(math.log10(low)), math.ceil(math.log10(high))
            self.ticks = [10.0**power for power in range(ends[0], ends[1] + 1)]
        else:
            self.ticks = _round_ticks(low, high)
        self.low, self.high = self.scaled(self.ticks[0]), self.scaled(self.ticks[-1])

    def scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def place(self, value: float) -> float:
        share = (self.scaled(value) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def grid(self) -> list[str]:
        parts = []
        for tick in self.ticks:
            y = f"{self.place(tick):.1f}"
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
            text = f"{tick:.6g}"
            parts.append(f'<text class="tick left" x="{LEFT - 8}" y="{y}">{text}</text>')
        return parts


def _round_ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers, the first at most ``low`` and the last at least ``high``."""
    if high - low <= 1e-12 * max(abs(high), abs(low)):
        low, high = min(0.0, 2 * low), max(0.0, 2 * high) or 1.0
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * number for number in range(first, last + 1)]


def _across(epoch: int, epochs: int) -> float:
    share = 0.5 if epochs == 1 else (epoch - 1) / (epochs - 1)
    return LEFT + 10 + share * (WIDTH - LEFT - RIGHT - 20)


def _epoch_axis(epochs: int) -> list[str]:
    base = HEIGHT - BOTTOM
    parts = [f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>']
    step = max(1, round(_round_ticks(0, epochs)[1]))
    for epoch in sorted({1, *range(step, epochs + 1, step)}):
        if epoch == 1 or epoch >= step / 2 + 1:
            x = f"{_across(epoch, epochs):.1f}"
            parts.append(f'<text class="tick below" x="{x}" y="{base + 15}">{epoch}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="tick below" x="{middle}" y="{HEIGHT - 6}">epoch</text>')
    return parts


def _draw(curve: Curve, axis: _Axis, epochs: int) -> list[str]:
    points = [
        (epoch, value, _across(epoch, epochs), axis.place(value))
        for epoch, value in enumerate(curve.values, 1)
        if known(value)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for _, _, x, y in points)
    parts = [f'<polyline class="curve {curve.kind}" points="{line}"/>']
    radius = 2.6 if len(points) <= MARKED else 1.2
    for epoch, value, x, y in points:
        title = escape(f"{curve.name} epoch {epoch}: {value:.6g}".strip())
        parts.append(
            f'<circle class="{curve.kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
            f"<title>{title}</title></circle>"
        )
    return parts


def curve_figures(history: History) -> str:
    """The loss, the accuracy and the learning rate of a history, each as a figure of HTML."""
    drawn = []
    for name, training, held_out in (
        ("loss", history.loss, history.val_loss),
        ("accuracy", history.accuracy, history.val_accuracy),
        ("learning rate", history.lr, None),
    ):
        curves = [Curve("training" if held_out else "", "training", training)]
        if held_out:
            curves.append(Curve("held-out", "heldout", held_out))
        curves = [curve for curve in curves if any(map(known, curve.values))]
        if curves:
            drawn.append(_figure(name, curves))
    return "".join(drawn)


def _figure(name: str, curves: list[Curve]) -> str:
    keys = "".join(
        f'<span class="key {curve.kind}">{f"{curve.name} {value:.4g}".strip()}</span>'
        for curve in curves
        if (value := curve.values[-1]) is not None
    )
    caption = f"<figcaption><b>{name.capitalize()}</b>{keys}</figcaption>"
    return f"<figure>{caption}\n{chart(name, curves)}\n</figure>\n"
