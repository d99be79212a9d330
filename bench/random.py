"""A million random numbers of each kind, drawn after the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .row import Case, Goal, Program, Row

if TYPE_CHECKING:
    import numpy as np

COUNT = 1_000_000
Fill = Callable[[Any, Any, Any], Any]  # of the library, a million floats, and 1000 x 1000 ones
FILLS: dict[str, Fill] = {
    "uniform_": lambda lib, x, table: x.uniform_(),
    "uniform_ float64": lambda lib, x, table: x.double().uniform_(),
    "normal_": lambda lib, x, table: x.normal_(),
    "normal_ float64": lambda lib, x, table: x.double().normal_(),
    "bernoulli_": lambda lib, x, table: x.bernoulli_(0.3),
    "dropout": lambda lib, x, table: lib.nn.functional.dropout(table, 0.5),
    "exponential_": lambda lib, x, table: x.exponential_(),
    "randint": lambda lib, x, table: lib.randint(10, (COUNT,)),
    "randperm": lambda lib, x, table: lib.randperm(COUNT),
    "multinomial 1000x1000": lambda lib, x, table: lib.multinomial(table, 1000, replacement=True),
}


def filling(fill: Fill, rng: np.random.Generator) -> Program:
    """The same numbers come out in every library that has PyTorch's generator."""
    seed = int(rng.integers(1 << 30))

    def make(lib: Any, rng: np.random.Generator, optimize: Callable[[Any], Any]) -> Case:
        x, table = lib.empty(COUNT), lib.ones(1000, 1000)

        def results() -> list[Any]:
            lib.manual_seed(seed)
            return [fill(lib, x, table).numpy().copy()]

        return Case(lambda: fill(lib, x, table), results)

    return Program(make, compiled=False)


def rows() -> Iterator[Row]:
    """All rows of the section."""
    for name, fill in FILLS.items():
        yield Row(
            "random",
            name,
            lambda rng, fill=fill: filling(fill, rng),  # type: ignore[misc]
            Goal(),
            "M samples/s",
            COUNT,
            tolerance=1e-3,
        )
