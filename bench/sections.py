"""The sections of the benchmark, in the order in which `all` runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from itertools import chain

from . import (
    cuda,
    distributed,
    footprint,
    kernels,
    limits,
    loading,
    overhead,
    random,
    sequences,
    training,
)
from .row import Row

SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    "limits": limits.rows,
    "overhead": overhead.rows,
    "kernels": kernels.rows,
    "training": lambda: chain(training.rows(), sequences.training_rows()),
    "generation": sequences.generation_rows,
    "loading": loading.rows,
    "footprint": footprint.rows,
    "random": random.rows,
    "distributed": distributed.rows,
    "cuda": cuda.rows,
}


def find_row(key: str) -> Row:
    """The row of a key."""
    section, _, _ = key.partition("/")
    return next(row for row in SECTIONS[section]() if row.key == key)


def fits(name: str, pattern: str) -> bool:
    """Whether a row's name has the pattern in it, or matches one with `*`, `?` or `[`."""
    name, pattern = name.casefold(), pattern.casefold()
    if any(sign in pattern for sign in "*?["):
        return fnmatchcase(name, pattern)
    return pattern in name


def chosen_rows(section: str, patterns: list[str] | None) -> list[Row]:
    """The rows of a section that one of the patterns fits; all without patterns."""
    rows = list(SECTIONS[section]())
    return [r for r in rows if patterns is None or any(fits(r.name, p) for p in patterns)]
