"""Samplers: the order in which a DataLoader visits a dataset.

The built-in samplers also yield their indices as int64 tensors (`_blocks`), so that a batch of
indices is a slice of a permutation and no Python list of integers is built on the way to a gather.
"""

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import fastgrad
from fastgrad.tensor import Tensor
from fastgrad.utils.data.dataset import answers_for

T_co = TypeVar("T_co", covariant=True)

_SEQUENTIAL_BLOCK = 1 << 16
# PyTorch draws with replacement 32 indices at a time; the same step leaves a shared generator in
# the same state after any number of batches.
_REPLACEMENT_BLOCK = 32


class Sampler(Generic[T_co]):
    """An order of indices: subclasses define `__iter__`, and `__len__` where it is known.

    Follows torch.utils.data.Sampler.

    >>> from fastgrad.utils.data import DataLoader, Sampler
    >>> class Backwards(Sampler):
    ...     def __iter__(self):
    ...         return iter([2, 1, 0])
    >>> [batch.tolist() for batch in DataLoader([10, 11, 12], sampler=Backwards())]
    [[12], [11], [10]]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(self)")


class SequentialSampler(Sampler[int]):
    """The indices 0, 1, ..., len(data_source) - 1. Follows torch.utils.data.SequentialSampler.

    >>> from fastgrad.utils.data import SequentialSampler
    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def _blocks(self) -> Iterator[Tensor]:
        end = len(self.data_source)
        for start in range(0, end, _SEQUENTIAL_BLOCK):
            yield fastgrad.arange(start, min(start + _SEQUENTIAL_BLOCK, end))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order.

    Without a generator each pass takes a new seed from the default generator, so `manual_seed`
    fixes the order of all epochs. For the same seed the order is PyTorch's.

    Args:
        data_source: anything with a length.
        replacement: draw each index independently instead of walking through permutations.
        num_samples: how many indices one pass yields; `len(data_source)` when None.
        generator: source of random numbers.

    Raises:
        TypeError: `replacement` is not a bool.
        ValueError: `num_samples` is not a positive int (or `data_source` is empty).

    Follows torch.utils.data.RandomSampler.

    >>> import fastgrad as torch
    >>> from fastgrad.utils.data import RandomSampler
    >>> order = list(RandomSampler(range(5), generator=torch.Generator().manual_seed(0)))
    >>> sorted(order)
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: "fastgrad.Generator | None" = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a bool, but got replacement={replacement!r}")
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples
        _check_positive("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices one pass yields; follows a dataset that grows or shrinks."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        for block in self._blocks():
            yield from block.tolist()

    def _blocks(self) -> Iterator[Tensor]:
        if len(self.data_source) == 0:
            raise ValueError("RandomSampler: cannot draw from an empty data_source")
        generator = _seeded_generator() if self.generator is None else self.generator
        yield from (self._draws if self.replacement else self._permutations)(generator)

    def _draws(self, generator: "fastgrad.Generator") -> Iterator[Tensor]:
        high = len(self.data_source)
        for start in range(0, self.num_samples, _REPLACEMENT_BLOCK):
            count = min(_REPLACEMENT_BLOCK, self.num_samples - start)
            yield fastgrad.randint(high, (count,), generator=generator)

    def _permutations(self, generator: "fastgrad.Generator") -> Iterator[Tensor]:
        size = len(self.data_source)
        whole, part = divmod(self.num_samples, size)
        for _ in range(whole):
            yield fastgrad.randperm(size, generator=generator)
        # Drawn even when no index of it is needed, as PyTorch does: a generator that lives
        # longer than one epoch would otherwise give another order in the second.
        if part or self.generator is not None:
            yield fastgrad.randperm(size, generator=generator)[:part]

    def __len__(self) -> int:
        return self.num_samples


def _seeded_generator() -> "fastgrad.Generator":
    generator = fastgrad.Generator()
    generator.manual_seed(draw_seed(None))
    return generator


def draw_seed(generator: "fastgrad.Generator | None") -> int:
    """A non-negative 63-bit seed from `generator`, or from the default generator when None."""
    return int(fastgrad.empty((), dtype=fastgrad.int64).random_(generator=generator).item())


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, each once.

    Args:
        indices: the indices to visit.
        generator: source of the permutation; the default generator when None.

    Follows torch.utils.data.SubsetRandomSampler.

    >>> from fastgrad.utils.data import SubsetRandomSampler
    >>> sorted(SubsetRandomSampler([7, 3, 5]))
    [3, 5, 7]
    """

    def __init__(
        self, indices: Sequence[int], generator: "fastgrad.Generator | None" = None
    ) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in fastgrad.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with the given weights: rare classes as often as frequent ones, say.

    Args:
        weights: how likely each index is, not negative; they need not sum to 1.
        num_samples: how many indices one pass yields.
        replacement: draw an index again after it came.
        generator: source of random numbers; the default generator when None.

    Raises:
        ValueError: weights that are no list of numbers, a `num_samples` that is not positive, or
            a `replacement` that is no bool.
        RuntimeError: while iterating: negative weights, or without replacement fewer weights
            above 0 than samples.

    For the same seed the order is PyTorch's. Follows torch.utils.data.WeightedRandomSampler.

    >>> from fastgrad.utils.data import WeightedRandomSampler
    >>> list(WeightedRandomSampler([0.0, 3.0, 0.0], num_samples=4))
    [1, 1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: "fastgrad.Generator | None" = None,
    ) -> None:
        _check_positive("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement!r}"
            )
        self.weights = fastgrad.as_tensor(weights, dtype=fastgrad.float64)
        if self.weights.dim() != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for block in self._blocks():
            yield from block.tolist()

    def _blocks(self) -> Iterator[Tensor]:
        yield fastgrad.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Groups the indices of another sampler into lists of `batch_size`.

    Args:
        sampler: any iterable of indices; `len(batch_sampler)` needs its length.
        batch_size: indices in a batch.
        drop_last: leave out a last batch that is smaller.

    Raises:
        ValueError: `batch_size` is not a positive int, or `drop_last` not a bool.

    Follows torch.utils.data.BatchSampler.

    >>> from fastgrad.utils.data import BatchSampler
    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        _check_positive("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def _batches(self, blocks: Iterator[Tensor]) -> Iterator[Tensor]:
        pending: list[Tensor] = []
        count = 0
        for block in blocks:
            pending.append(block)
            count += len(block)
            if count >= self.batch_size:
                indices = fastgrad.cat(pending)
                whole = count - count % self.batch_size
                for start in range(0, whole, self.batch_size):
                    yield indices[start : start + self.batch_size]
                pending, count = [indices[whole:]], count - whole
        if count and not self.drop_last:
            yield fastgrad.cat(pending)

    def __len__(self) -> int:
        extra = 0 if self.drop_last else self.batch_size - 1
        return (len(self.sampler) + extra) // self.batch_size  # type: ignore[arg-type]


def index_batches(batch_sampler: Iterable[Any]) -> Iterator[Any]:
    """The batches of a batch sampler: as tensors of indices where it can make them, else as is."""
    if (
        isinstance(batch_sampler, BatchSampler)
        and answers_for(type(batch_sampler), "_batches", "__iter__")
        and answers_for(type(batch_sampler.sampler), "_blocks", "__iter__")
    ):
        return batch_sampler._batches(batch_sampler.sampler._blocks())  # type: ignore[attr-defined]
    return iter(batch_sampler)


def _check_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")
