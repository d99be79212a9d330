"""The processes of a training run: which part of each batch is whose, and what they agree on.

Alone, which is the common case, a process has every batch whole and agrees with itself.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import fastgrad as fg
from fastgrad import nn
from fastgrad.utils.data import DataLoader
from fastgrad.utils.data.sampler import index_batches

T = TypeVar("T")


class PartOfBatches:
    """This rank's part of each batch of indices that a batch sampler gives.

    Where a batch has fewer samples than there are ranks, those without one take the first, whose
    weight is 0.
    """

    def __init__(self, batches: Iterable[Any], rank: int, size: int) -> None:
        self.batches, self.rank, self.size = batches, rank, size
        self.weights: list[float] = []  # of each batch of this epoch

    def __iter__(self) -> Iterator[Any]:
        self.weights.clear()
        for batch in index_batches(self.batches):
            whole = len(batch)
            start, end = (whole * r // self.size for r in (self.rank, self.rank + 1))
            self.weights.append((end - start) * self.size / whole)
            yield batch[start:end] if end > start else batch[:1]

    def __len__(self) -> int:
        return len(self.batches)  # type: ignore[arg-type]


class Ranks:
    """The processes that train together: those of the process group if there is one."""

    def __init__(self) -> None:
        self.rank, self.size = 0, 1
        self._part: PartOfBatches | None = None
        if "fastgrad.distributed" in sys.modules:
            from fastgrad import distributed

            if distributed.is_initialized():
                self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def on_first(self, function: Callable[[], T]) -> T:
        """What a function gives that only the first rank calls; its error on all ranks."""
        if self.size == 1:
            return function()
        from fastgrad.distributed import on_first_rank

        return on_first_rank(function)

    def in_turn(self, function: Callable[[], T]) -> T:
        """What a function gives here, called when the first rank is done with it."""
        found: list[T] = []
        self.on_first(lambda: found.append(function()))
        return found[0] if found else function()

    def shared(self, model: nn.Module) -> nn.Module:
        """The model to train with: one that averages gradients over the ranks."""
        if self.size == 1:
            return model
        return nn.parallel.DistributedDataParallel(model)

    def part_of(self, loader: DataLoader[Any]) -> DataLoader[Any]:
        """A loader of this rank's part of each batch.

        Raises:
            ValueError: the loader gives no batches of indices that could be divided.
        """
        if self.size == 1:
            return loader
        if loader.batch_sampler is None:
            raise ValueError("fit on several ranks needs a loader of batches from indexed samples")
        self._part = PartOfBatches(loader.batch_sampler, self.rank, self.size)
        return DataLoader(
            loader.dataset,
            batch_sampler=self._part,
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            timeout=loader.timeout,
            worker_init_fn=loader.worker_init_fn,
            multiprocessing_context=loader.multiprocessing_context,
            generator=loader.generator,
            prefetch_factor=loader.prefetch_factor,
            persistent_workers=loader.persistent_workers,
        )

    def weight(self, batch: int) -> float:
        """What the mean loss of this rank's part counts, so that the ranks' mean is the batch's."""
        return 1.0 if self._part is None else self._part.weights[batch]

    def share_random_state(self) -> None:
        """Give all ranks the default generator of the first: orders are drawn from it, too."""
        if self.size > 1:
            fg.set_rng_state(self.on_first(fg.get_rng_state))

    def total(self, numbers: list[float]) -> list[float]:
        """The sums of numbers over the ranks."""
        if self.size == 1:
            return numbers
        from fastgrad.distributed import all_reduce

        sums = fg.tensor(numbers, dtype=fg.float64)
        all_reduce(sums)
        found: list[float] = sums.tolist()
        return found

    def gathered(self, value: T) -> list[T]:
        """What all ranks have, in their order."""
        if self.size == 1:
            return [value]
        from fastgrad.distributed import all_gather_object

        found: list[Any] = [None] * self.size
        all_gather_object(found, value)
        return found

    def any_signal(self, signum: int | None) -> int | None:
        """The signal that has come to some rank, which all ask after each step."""
        if self.size == 1:
            return signum
        from fastgrad.distributed import ReduceOp, all_reduce

        highest = fg.tensor([signum or 0])
        all_reduce(highest, ReduceOp.MAX)
        return int(highest.item()) or None
