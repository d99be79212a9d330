"""What the machine can do: multiply-adds in registers, bandwidth of caches and memory, by threads.

fastgrad's kernels measure it, for each instruction set. The other sections compare their rows with
the same limits, measured in the same rounds with as many bytes as the row moves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from .row import Case, Program, Row

if TYPE_CHECKING:
    import numpy as np

FLOAT = 4  # bytes
LINE = 64  # floats; slices are multiples of it
VECTORS = {"copy": 2, "triad": 3, "read": 1}  # how many are read or written
# The bytes of each vector in a thread; the last is that of all threads.
LEVELS = {"16 KB (L1)": 1 << 14, "256 KB (L2)": 1 << 18, "4 MB (L3)": 1 << 22}
MEMORY = ("128 MB (memory)", 1 << 27)
FLOPS = 200_000_000  # of one call, for each thread


class Limit:
    """One limit, ready to be measured: `call` does `amount` operations, or moves as many bytes."""

    def __init__(self, lib: Any, kind: str, floats: int, threads: int, repeats: int = 1) -> None:
        core, self.lib, self.kind = lib._core, lib, kind
        self.threads, self.repeats, self.past_caches = threads, repeats, False
        self.sums = lib.zeros(threads)
        unit = LINE * threads
        length = max(1, floats // unit) * unit if kind != "fma" else 0
        self.vectors = [lib.full((length,), 1.0 + i) for i in range(VECTORS.get(kind, 0))]
        self.term = 1.0
        self.bytes = length * FLOAT * len(self.vectors)
        self.round = core.limit_multiply_add(lib.zeros(1), 1, 1.0)  # operations
        self.core = core

    @property
    def amount(self) -> int:
        """Operations, or bytes moved, of one call."""
        if self.kind == "fma":
            return int(self.repeats * self.round * self.threads)
        return self.repeats * self.bytes

    def call(self) -> None:
        """Do it, on as many slices as there are threads."""
        core, n, repeats = self.core, self.threads, self.repeats
        match self.kind:
            case "fma":
                core.limit_multiply_add(self.sums, repeats, self.term)
            case "copy":
                core.limit_copy(*self.vectors, n, repeats, self.past_caches)
            case "triad":
                core.limit_triad(*self.vectors, n, repeats, self.past_caches)
            case _:
                core.limit_read(self.sums, *self.vectors, repeats)

    def seconds(self) -> float:
        """The time of one call."""
        start = time.perf_counter()
        self.call()
        return time.perf_counter() - start

    def calibrate(self, seconds: float) -> None:
        """Choose the repeats so that a call takes about so long."""
        while (taken := self.seconds()) < seconds / 4:
            self.repeats *= 4
        self.repeats = max(1, round(self.repeats * seconds / taken))

    def rate(self) -> float:
        """Operations or bytes a second; the better kind of stores."""
        rates = []
        for past_caches in (False, True) if self.kind in ("copy", "triad") else (False,):
            self.past_caches = past_caches
            rates.append(self.amount / self.seconds())
        return max(rates)


def limit_of(kind: str, amount: float) -> Limit:
    """The limit for a row that moves so many bytes, on all threads, with calls of milliseconds."""
    import fastgrad

    floats = int(amount / FLOAT / VECTORS.get(kind, 1))
    limit = Limit(fastgrad, kind, floats, fastgrad.get_num_threads())
    limit.calibrate(0.004)
    return limit


# The rows of the section


def program(
    kind: str, level: int, threads: int, past_caches: bool, rng: np.random.Generator
) -> Program:
    """A limit on so many threads; results are checked like those of any row."""
    import numpy as np

    def make(lib: Any, rng: np.random.Generator, optimize: Callable[[Any], Any]) -> Case:
        lib.set_num_threads(threads)
        limit = Limit(lib, kind, level // FLOAT, threads)
        limit.past_caches = past_caches
        limit.term = float(rng.integers(1, 100))
        for vector in limit.vectors:
            block = rng.integers(0, 8, min(1 << 16, vector.numel())).astype(np.float32)
            vector.copy_(lib.from_numpy(np.resize(block, vector.numel())))
        limit.repeats = repeats_of(kind, limit)

        def results() -> list[Any]:
            limit.call()
            if kind == "fma":
                return [limit.sums.numpy() / limit.round]
            return [(limit.sums if kind == "read" else limit.vectors[0]).numpy().copy()]

        return Case(limit.call, results)

    return Program(make)


def repeats_of(kind: str, limit: Limit) -> int:
    """The repeats that make the row's amount."""
    if kind == "fma":
        return int(FLOPS // limit.round)
    return repeats_for(limit.bytes)


def repeats_for(moved: int) -> int:
    """So many that small vectors are moved for about a millisecond."""
    return max(1, (1 << 25) // moved)


@cache
def all_threads() -> int:
    """The threads that fastgrad uses before a row changes them."""
    import fastgrad

    return fastgrad.get_num_threads()


def thread_counts(most: int) -> list[int]:
    """1, 2, 4 ... and all."""
    counts = [1]
    while counts[-1] * 2 <= most:
        counts.append(counts[-1] * 2)
    return counts if counts[-1] == most else [*counts, most]


def rows() -> Iterator[Row]:
    """All rows of the section."""
    for threads in thread_counts(all_threads()):
        title = f"{threads} thread{'s' * (threads > 1)}"
        yield row("fma", f"multiply-add, {title}", 0, threads, False)
        for kind in VECTORS:
            for name, level in (*((k, v * threads) for k, v in LEVELS.items()), MEMORY):
                for past in (False, True) if kind != "read" else (False,):
                    label = f"{kind} {name}{' past caches' * past}, {title}"
                    yield row(kind, label, level, threads, past)


def row(kind: str, name: str, level: int, threads: int, past_caches: bool) -> Row:
    """A row of this section, whose columns are instruction sets."""
    if kind == "fma":
        unit, amount = "GFLOP/s", float(FLOPS * threads)
    else:
        unit, moved = "GB/s", level * VECTORS[kind]
        amount = float(moved * repeats_for(moved))
    return Row(
        "limits",
        name,
        lambda rng: program(kind, level, threads, past_caches, rng),
        unit=unit,
        amount=amount,
        shows_rates=True,
    )
