"""A million random numbers of each kind.

Run: python bench/random_fills.py
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from rounds import header, median_times, rivals, row

COUNT = 1_000_000


def works(lib: ModuleType) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    x = lib.empty(COUNT)
    doubles = lib.empty(COUNT, dtype=lib.float64)
    table = lib.ones(1000, 1000)
    return {
        "uniform_": x.uniform_,
        "uniform_, float64": doubles.uniform_,
        "normal_": x.normal_,
        "normal_, float64": doubles.normal_,
        "bernoulli_": lambda: x.bernoulli_(0.3),
        "dropout": lambda: lib.nn.functional.dropout(table, 0.5),
        "exponential_": x.exponential_,
        "randint": lambda: lib.randint(10, (COUNT,)),
        "randperm": lambda: lib.randperm(COUNT),
        "multinomial, 1000 of 1000 each": lambda: lib.multinomial(table, 1000, replacement=True),
    }


def main() -> None:
    """Print the table."""
    libs = {name: works(lib) for name, lib in rivals().items()}
    print(header(list(libs), "ms"))
    for name in libs["fastgrad"]:
        times = median_times({lib: work[name] for lib, work in libs.items()})
        print(row(name, times, 1e-3))


if __name__ == "__main__":
    main()
