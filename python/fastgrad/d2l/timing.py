"""How long things take."""

from __future__ import annotations

import time
from itertools import accumulate


class Timer:
    """Keeps the seconds of several runs; it starts by itself."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.start()

    def start(self) -> None:
        """Start a run."""
        self.tik = time.time()

    def stop(self) -> float:
        """End the run; returns its seconds."""
        self.times.append(time.time() - self.tik)
        return self.times[-1]

    def avg(self) -> float:
        """Mean seconds of a run."""
        return sum(self.times) / len(self.times)

    def sum(self) -> float:
        """Seconds of all runs."""
        return sum(self.times)

    def cumsum(self) -> list[float]:
        """Seconds up to the end of each run."""
        return list(accumulate(self.times))


class Benchmark:
    """A ``with`` block that prints how long it took."""

    def __init__(self, description: str = "Done") -> None:
        self.description = description

    def __enter__(self) -> Benchmark:
        self.timer = Timer()
        return self

    def __exit__(self, *raised: object) -> None:
        print(f"{self.description}: {self.timer.stop():.4f} sec")
