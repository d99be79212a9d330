"""Batches of 256 from 60,000 images in memory, shuffled, through a DataLoader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .row import Case, Goal, Program, Row

if TYPE_CHECKING:
    import numpy as np

    from .row import Array

SAMPLES, FEATURES, BATCH = 60_000, 784, 256


def images(rng: np.random.Generator) -> tuple[Array, Array]:
    """Images of one number each, so that a row says which image it is, and their numbers."""
    import numpy as np

    ids = np.arange(SAMPLES)
    first = int(rng.integers(1, 1000))
    return np.repeat((ids + first).astype(np.float32)[:, None], FEATURES, axis=1), ids


def seen(batches: Callable[[], Iterator[tuple[Any, Any]]]) -> list[Array]:
    """Of an epoch: the images in the order of their numbers, and how many came in order."""
    import numpy as np

    xs, ids = zip(*((np.asarray(x), np.asarray(y)) for x, y in batches()), strict=True)
    order = np.concatenate(ids)
    if (np.diff(order) == 1).mean() > 0.01:
        raise RuntimeError("the loader does not shuffle")
    place = np.argsort(order)
    return [order[place], np.concatenate(xs)[place]]


def exhaust(batches: Callable[[], Iterator[tuple[Any, Any]]]) -> Callable[[], None]:
    """An epoch."""

    def call() -> None:
        for _ in batches():
            pass

    return call


def loader(workers: int, rng: np.random.Generator) -> Program:
    """An epoch of the loader; in NumPy a permutation and a gather by hand."""

    def make(lib: Any, rng: np.random.Generator, optimize: Callable[[Any], Any]) -> Case:
        data = lib.utils.data
        tensors = [lib.from_numpy(array) for array in images(rng)]
        loaded = data.DataLoader(
            data.TensorDataset(*tensors), batch_size=BATCH, shuffle=True, num_workers=workers
        )

        def batches() -> Iterator[tuple[Any, Any]]:
            return iter(loaded)

        return Case(exhaust(batches), lambda: seen(batches))

    def by_hand(rng: np.random.Generator) -> Case:
        import numpy as np

        x, y = images(rng)
        shuffler = np.random.default_rng(0)

        def batches() -> Iterator[tuple[Any, Any]]:
            order = shuffler.permutation(SAMPLES)
            for at in range(0, SAMPLES, BATCH):
                chosen = order[at : at + BATCH]
                yield x[chosen], y[chosen]

        return Case(exhaust(batches), lambda: seen(batches))

    return Program(make, {} if workers else {"numpy": by_hand}, compiled=False)


def rows() -> Iterator[Row]:
    """All rows of the section."""
    for workers in (0, 2):
        yield Row(
            "loading",
            f"DataLoader 60000x784 b256, {workers} workers",
            lambda rng, workers=workers: loader(workers, rng),  # type: ignore[misc]
            Goal(rate=2.5),
            "M samples/s",
            SAMPLES,
        )
