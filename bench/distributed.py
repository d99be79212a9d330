"""One and two ranks on this machine: exchanges, training steps, and what they say of many machines.

The times of an exchange are fitted by latency and bandwidth: 2 log2(n) messages in a row, and twice
the share (n - 1) / n of the bytes, through an all-reduce that halves and doubles. With the latency
and bandwidth of a network instead follows how long the ranks would exchange at each step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, log2
from statistics import median
from typing import Any, NoReturn

from .driver import Plan, Result
from .row import Row
from .training import lenet, mlp, resnet18, softmax_regression

ONE, TWO, AFTER = "1 rank", "2 ranks", "2 ranks, exchange after backward"
BYTES = {
    f"all-reduce {title}, 2 ranks": size
    for title, size in (
        *(("4 B", 4), ("16 KB", 1 << 14), ("256 KB", 1 << 18), ("4 MB", 1 << 22)),
        ("32 MB", 1 << 25),
    )
}
Model = tuple[Callable[[Any], Any], tuple[int, ...], int]
MODELS: Mapping[str, Model] = {
    "softmax regression b256": (softmax_regression, (784,), 256),
    "MLP b256": (mlp, (784,), 256),
    "LeNet b256": (lenet, (1, 28, 28), 256),
    "ResNet-18 b32": (resnet18, (3, 32, 32), 32),
}
# Seconds of a message and bytes a second, of usual networks: 10 Gbit/s with TCP, 200 Gbit/s.
NETWORKS = {"10 Gbit/s Ethernet": (30e-6, 1.25e9), "200 Gbit/s InfiniBand": (2e-6, 25e9)}
RANKS = (8, 64, 1024)
WORTH = 0.9  # an efficiency below which it pays to exchange less often


def rows() -> Iterator[Row]:
    """All rows of the section."""
    for name in BYTES:
        yield Row("distributed", name, nothing, value_unit="ms")
    for name in MODELS:
        for variant in (ONE, TWO, AFTER):
            yield Row("distributed", f"{name}, {variant}", nothing, value_unit="ms")


def nothing(rng: object) -> NoReturn:
    """These rows are measured in processes of MPI, not in a worker."""
    raise AssertionError("an exchange has no work of one process")


def measure(rows: Sequence[Row], plan: Plan, report: Callable[[Result], None]) -> list[Result]:
    """Measure the rows on two ranks of one thread each."""
    results = [Result(row) for row in rows]
    try:
        times = run_ranks([row.name for row in rows], plan)
    except ModuleNotFoundError as error:
        for result in results:
            result.absent["fastgrad"] = str(error)
    else:
        for result in results:
            result.times["fastgrad"] = [1e3 * seconds for seconds in times[result.row.name]]
        add_notes(results, {name: median(found) for name, found in times.items()})
    for result in results:
        report(result)
    return results


def run_ranks(names: Sequence[str], plan: Plan) -> dict[str, list[float]]:
    """The seconds of each row, one for each round."""
    from fastgrad.distributed.launch import command_for

    program = [sys.executable, "-m", "fastgrad.bench.exchange"]
    command, settings = command_for([*program, str(plan.rounds), str(plan.seconds), *names], 2)
    environment = {**os.environ, **settings, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the ranks of the benchmark ended with code {done.returncode}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def add_notes(results: Sequence[Result], found: Mapping[str, float]) -> None:
    """What follows from the seconds of several rows together, below one of them."""
    by_name = {r.row.name: r for r in results}
    sizes = [name for name in BYTES if name in found]
    fixed = 0.0
    if len(sizes) > 1:
        fixed, rate = fit([BYTES[name] for name in sizes], [found[name] for name in sizes])
        by_name[sizes[-1]].notes.append(
            f"fit: {fixed * 1e6:.0f} us and {rate / 1e9:.2f} GB/s of an all-reduce on 2 ranks"
        )
    for model in MODELS:
        one, two, after = (f"{model}, {variant}" for variant in (ONE, TWO, AFTER))
        if one in found and two in found:
            by_name[two].notes.append(f"{found[one] / found[two]:.2f}x the samples/s of 1 rank")
        if two in found and after in found:
            hidden = (found[after] - found[two]) * 1e6
            by_name[after].notes.append(f"{hidden:+.0f} us a step against buckets during backward")
        if one in found:
            by_name[one].notes += predictions(model, found[one], fixed)


def fit(sizes: Sequence[int], seconds: Sequence[float]) -> tuple[float, float]:
    """Seconds of an empty all-reduce, and bytes a second, by least squares of relative errors."""
    import numpy as np

    t = np.asarray(seconds)
    terms = np.stack([np.ones(len(t)), np.asarray(sizes, dtype=float)], axis=1) / t[:, None]
    (fixed, slope), *_ = np.linalg.lstsq(terms, np.ones(len(t)), rcond=None)
    return max(float(fixed), 0.0), 1 / float(slope)


def predictions(model: str, compute: float, fixed: float) -> Iterator[str]:
    """The efficiency on networks, each rank with the batch of the row; `fixed` is our own time."""
    size = 4 * weights_of(model)
    for network, (latency, bandwidth) in NETWORKS.items():
        parts = []
        for ranks in RANKS:
            exchange = seconds_of(size, ranks, latency, bandwidth, fixed)
            efficiency = compute / (compute + exchange)
            every = ceil(exchange / compute / (1 / WORTH - 1))
            often = f", {WORTH:.0%} with an exchange every {every} steps" if every > 1 else ""
            parts.append(f"{ranks} ranks {efficiency:.0%}{often}")
        yield f"predicted on {network}: {'; '.join(parts)}"


def seconds_of(size: int, ranks: int, latency: float, bandwidth: float, fixed: float) -> float:
    """How long an all-reduce takes; `fixed` is what two ranks need beside the network."""
    rounds = log2(ranks)
    return rounds * (2 * latency + fixed) + 2 * (ranks - 1) / ranks * size / bandwidth


def weights_of(model: str) -> int:
    """How many numbers are exchanged at each step."""
    import fastgrad

    make = MODELS[model][0]
    return sum(parameter.numel() for parameter in make(fastgrad.nn).parameters())
