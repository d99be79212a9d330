"""Gives the backends turns: all have a row ready, were compared, and are then timed round by round.

A machine's speed drifts, so only times taken side by side compare. Each round calls every backend
for about the same time, in an order that turns; the median over the rounds is what is reported.
"""

from __future__ import annotations

import os
import pickle
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import comparison, device_limits
from .backends import FASTGRAD, Backend
from .load import Watch
from .row import UNITS, Row

# After its turn NumPy's math library keeps its threads spinning for about so many seconds.
SETTLE = {"numpy": 0.035}
# Whose results the others' are held against, the first that has the row.
REFERENCES = ("torch", "torch-tuned", "numpy", "jax", "torch-compile", "fastgrad")


@dataclass(frozen=True)
class Plan:
    """How to measure."""

    rivals: Sequence[Backend]
    isa: str | None = None
    threads: int | None = None
    rounds: int = 7
    seconds: float = 0.05  # of a turn


@dataclass
class Result:
    """What was measured of a row: seconds of a call by backend, one for each round."""

    row: Row
    times: dict[str, list[float]] = field(default_factory=dict)
    limits: list[float] = field(default_factory=list)  # the machine's rate, in the row's unit
    absent: dict[str, str] = field(default_factory=dict)  # why a backend was not timed
    refused: dict[str, str] = field(default_factory=dict)  # whose results were wrong, and how
    others: float = 0.0  # the share of a processor that other programs used meanwhile
    notes: list[str] = field(default_factory=list)

    def median(self, backend: str) -> float | None:
        """The median time of one operation."""
        times = self.times.get(backend)
        return statistics.median(times) / self.row.calls if times else None

    @property
    def ratio(self) -> float | None:
        """fastgrad's time over PyTorch's."""
        ours, torch = self.median("fastgrad"), self.median("torch")
        return None if ours is None or torch is None else ours / torch

    @property
    def rate(self) -> float | None:
        """fastgrad's rate in the row's unit."""
        return self.rate_of("fastgrad")

    def rate_of(self, backend: str) -> float | None:
        """A backend's rate in the row's unit."""
        times = self.times.get(backend)
        return self.row.rate(statistics.median(times)) if times and self.row.amount else None

    @property
    def share(self) -> float | None:
        """fastgrad's share of the machine's limit."""
        rate = self.rate
        return None if rate is None or not self.limits else rate / statistics.median(self.limits)


class WorkerDied(RuntimeError):
    """A backend's process ended in the middle of a row."""


class Process:
    """A backend's process, as the driver sees it."""

    def __init__(self, backend: Backend, env: Mapping[str, str], cpus: set[int] | None) -> None:
        self.backend = backend
        command = [sys.executable, "-m", "fastgrad.bench.worker", backend.kind, backend.module]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
        )
        if cpus is not None:
            os.sched_setaffinity(self.process.pid, cpus)

    def send(self, method: str, *arguments: Any) -> None:
        """Ask for something."""
        assert self.process.stdin is not None
        try:
            pickle.dump((method, arguments), self.process.stdin)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.death() from None

    def receive(self) -> tuple[str, Any]:
        """The outcome and value of what was asked for."""
        assert self.process.stdout is not None
        try:
            answer: tuple[str, Any] = pickle.load(self.process.stdout)
        except (EOFError, pickle.UnpicklingError):
            raise self.death() from None
        return answer

    def death(self) -> WorkerDied:
        """What to say of a process that ended."""
        code = self.process.wait()
        return WorkerDied(f"the process of {self.backend.name} ended with code {code}")

    def ask(self, method: str, *arguments: Any) -> Any:
        """The value of what must succeed."""
        self.send(method, *arguments)
        outcome, value = self.receive()
        if outcome != "done":
            raise RuntimeError(f"{self.backend.name}: {value}")
        return value

    def close(self) -> None:
        """End the process."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def scratch_environments(plan: Plan) -> Iterator[dict[str, dict[str, str]]]:
    """The environment of each backend, by name, fastgrad's first."""
    with TemporaryDirectory(prefix="fastgrad-bench-") as folder:
        yield {
            backend.name: backend.environment(plan.isa, plan.threads, Path(folder))
            for backend in (FASTGRAD, *plan.rivals)
        }


@contextmanager
def processes(plan: Plan) -> Iterator[dict[str, Process]]:
    """A process for each backend, by name, fastgrad's first."""
    with ExitStack() as stack:
        environments = stack.enter_context(scratch_environments(plan))
        cpus = cpus_for(plan.threads)
        started = {}
        for backend in (FASTGRAD, *plan.rivals):
            started[backend.name] = Process(backend, environments[backend.name], cpus)
            stack.callback(started[backend.name].close)
        yield started


def cpus_for(threads: int | None) -> set[int] | None:
    """The processors to stay on, for libraries that cannot be told a number of threads."""
    if threads is None or not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return set(allowed[:threads]) if threads < len(allowed) else None


def measure(rows: Sequence[Row], plan: Plan, report: Callable[[Result], None]) -> list[Result]:
    """Measure the rows one after the other; each is reported as soon as it is done."""
    results = []
    with processes(plan) as workers:
        for row in rows:
            result = measure_row(row, workers, plan)
            results.append(result)
            report(result)
    return results


def measure_row(row: Row, workers: Mapping[str, Process], plan: Plan) -> Result:
    """Compare the backends on one row, then time those that are right, then compare again."""
    result = Result(row)
    ready = load_and_compare(row, workers, result)
    calls = {name: workers[name].ask("calls_for", plan.seconds) for name in ready}
    watch = Watch([os.getpid(), *(worker.process.pid for worker in workers.values())])
    for number in range(plan.rounds if ready else 0):
        start = number % len(ready)
        for name in ready[start:] + ready[:start]:
            result.times.setdefault(name, []).append(workers[name].ask("time", calls[name]))
            time.sleep(SETTLE.get(name, 0))
        if row.limit is not None:
            by = ready if row.limit in device_limits.KINDS else ["fastgrad"]
            rates = [workers[name].ask("limit_rate", row.limit, row.amount) for name in by]
            result.limits.append(max(rates) / UNITS[row.unit])
    result.others = watch.share()
    compare(row, {name: workers[name].ask("check") for name in ready}, result)
    for name in result.refused:
        result.times.pop(name, None)
    for worker in workers.values():
        worker.ask("unload")
    return result


def load_and_compare(row: Row, workers: Mapping[str, Process], result: Result) -> list[str]:
    """Load the row twice, with other inputs the second time; the names of those that are right."""
    digests: dict[int, dict[str, Any]] = {0: {}, 1: {}}
    for seed in digests:
        able = [name for name in workers if name not in result.absent]
        for name in able:
            workers[name].send("load", row.key, seed)
        for name in able:
            outcome, value = workers[name].receive()
            if outcome == "done":
                digests[seed][name], losses = value
                if losses and comparison.rises(value[0][0]):
                    result.refused[name] = "the loss does not fall"
            elif outcome == "failed":
                raise RuntimeError(f"{row.key} failed in {name}:\n{value}")
            else:
                result.absent[name] = value
        compare(row, digests[seed], result)
    for name, second in digests[1].items():
        if comparison.same_numbers(second, digests[0][name]):
            result.refused.setdefault(name, "other inputs, but the same results")
    return [name for name in digests[1] if name not in result.refused]


def compare(row: Row, digests: Mapping[str, Any], result: Result) -> None:
    """Refuse those whose results are not those of the reference."""
    reference = next((name for name in REFERENCES if name in digests), None)
    for name, digest in digests.items():
        if reference is not None and name != reference:
            found = comparison.difference(digest, digests[reference], row.tolerance)
            if found is not None:
                result.refused.setdefault(name, f"not what {reference} computes: {found}")
