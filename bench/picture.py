"""The ratios of a run as a picture: a bar for each row, its goal, and where the rivals stand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .driver import Result
from .report import met

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"yes": "#2a7f62", "partly": "#d9a441", "no": "#b5473c", "": "#7a8794"}
LEGEND = {"yes": "goal met", "partly": "one of two goals met", "no": "goal missed", "": "no goal"}
MARKERS = {"torch-tuned": "D", "torch-compile": "^", "numpy": "s", "jax": "o"}
RIVAL: dict[str, Any] = {"mfc": "white", "mec": "#33404d"}
ROW_INCHES = 0.19
LEAST = 0.02  # ratios below it are drawn here


def draw(results: Sequence[Result], machine: str, path: Path) -> None:
    """Write the picture of the rows that have a ratio, a panel for each section."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [result for result in results if result.ratio is not None]
    sections = list(dict.fromkeys(result.row.section for result in shown))
    groups = [[r for r in shown if r.row.section == section] for section in sections]
    height = ROW_INCHES * (len(shown) + 3 * len(groups)) + 1.6
    figure = Figure(figsize=(9, height), layout="constrained")
    FigureCanvasAgg(figure)
    sizes = [len(group) + 1 for group in groups]
    axes = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=sizes)[:, 0]
    for ax, section, group in zip(axes, sections, groups, strict=True):
        panel(ax, section, group)
    axes[-1].set_xlabel("time over that of PyTorch eager, log scale: left of 1 is faster")
    figure.suptitle(f"fastgrad against PyTorch\n{machine}", fontsize=9)
    legend(figure, shown)
    figure.savefig(path, dpi=130, format=path.suffix[1:] or "png")


def panel(ax: Axes, section: str, group: Sequence[Result]) -> None:
    """A section's bars, the first row at the top."""
    ax.set_xscale("log")
    for place, result in enumerate(group):
        ratio = max(LEAST, result.ratio or LEAST)
        left, width = min(1.0, ratio), abs(1.0 - ratio)
        ax.barh(place, width, left=left, height=0.7, color=COLOURS[met(result)], zorder=2)
        goal = result.row.goal.ratio
        if goal is not None:
            ax.plot([goal, goal], [place - 0.45, place + 0.45], color="black", lw=1.6, zorder=4)
        for rival, marker in MARKERS.items():
            theirs = rival_ratio(result, rival)
            if theirs is not None:
                ax.plot(theirs, place, marker, **RIVAL, ms=3.2, mew=0.8, zorder=3)
        beside(ax, place, 1.01, f"{result.ratio:.2f}", "black")
        beside(ax, place, 1.07, result.row.goal.text(), "#66717c")
    ax.set_yticks(range(len(group)), [result.row.name for result in group], fontsize=7)
    ax.set_ylim(len(group) - 0.4, -0.6)
    ax.axvline(1, color="black", lw=0.8, zorder=1)
    ax.grid(axis="x", which="major", color="#d5dade", lw=0.6, zorder=0)
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    low, high = limits_of(group)
    ax.set_xlim(min(low, ax.get_xlim()[0]), max(high, ax.get_xlim()[1]))
    ax.set_title(section, loc="left", fontsize=9, fontweight="bold")
    beside(ax, -1, 1.01, "ratio", "black")
    beside(ax, -1, 1.07, "goal", "#66717c")
    ax.spines[["top", "right"]].set_visible(False)


def beside(ax: Axes, place: int, x: float, text: str, colour: str) -> None:
    """A text on the right of a row; x is in widths of the panel."""
    place_and_width = ax.get_yaxis_transform()
    ax.text(x, place, text, color=colour, va="center", fontsize=6.5, transform=place_and_width)


def limits_of(group: Sequence[Result]) -> tuple[float, float]:
    """The range that shows all bars, goals, and rivals that are not far off."""
    ratios = [max(LEAST, r.ratio or LEAST) for r in group]
    goals = [r.row.goal.ratio for r in group if r.row.goal.ratio is not None]
    return min([*ratios, *goals]) * 0.7, max([*ratios, *goals, 1.5]) * 1.4


def rival_ratio(result: Result, rival: str) -> float | None:
    """A rival's time over that of PyTorch eager."""
    theirs, torch = result.median(rival), result.median("torch")
    return None if theirs is None or torch is None else theirs / torch


def legend(figure: Any, shown: Sequence[Result]) -> None:
    """What colours, lines and markers mean, of those that occur."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    kinds = {met(result) for result in shown}
    handles: list[Any] = [Patch(color=COLOURS[k], label=LEGEND[k]) for k in COLOURS if k in kinds]
    handles.append(Line2D([], [], color="black", lw=1.6, marker="|", ls="", ms=9, label="goal"))
    for rival, marker in MARKERS.items():
        if any(rival in result.times for result in shown):
            handles.append(Line2D([], [], marker=marker, label=rival, **RIVAL, ls="", ms=4))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7, frameon=False)
