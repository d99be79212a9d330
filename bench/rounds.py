"""The one timer of all benchmarks: rivals take turns, round by round, in one process.

A machine's speed drifts, so only times taken side by side compare. Each round calls every rival for
about the same time; the median over the rounds is what is reported, with the ratio to PyTorch.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

Work = Callable[[], object]


def rivals() -> dict[str, ModuleType]:
    """fastgrad, and PyTorch where it is installed, by name."""
    names = ["fastgrad", *(["torch"] if find_spec("torch") else [])]
    return {name: import_module(name) for name in names}


def calls_for(work: Work, seconds: float) -> int:
    """How many calls take about so many seconds."""
    calls = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            work()
        elapsed = time.perf_counter() - start
        if elapsed > seconds / 4:
            return max(1, round(calls * seconds / elapsed))
        calls *= 4


def median_times(works: dict[str, Work], rounds: int = 7, seconds: float = 0.1) -> dict[str, float]:
    """Seconds per call of each piece of work."""
    calls = {name: calls_for(work, seconds) for name, work in works.items()}
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                work()
            times[name].append((time.perf_counter() - start) / calls[name])
    return {name: statistics.median(values) for name, values in times.items()}


def row(title: str, times: dict[str, float], unit: float = 1e-6) -> str:
    """A line of a table: each time in units, and fastgrad's as a ratio of PyTorch's."""
    cells = "".join(f"{times[name] / unit:12.2f}" for name in times)
    ratio = times["fastgrad"] / times["torch"] if "torch" in times else float("nan")
    return f"{title:34}{cells}{ratio:10.2f}"


def header(names: list[str], unit: str) -> str:
    """The heading that fits :func:`row`."""
    cells = "".join(f"{name + ' ' + unit:>12}" for name in names)
    return f"{'':34}{cells}{'ratio':>10}"
