"""Datasets: things with a length whose samples are found by index, or streams of samples.

A dataset may offer, besides `__getitem__`, two faster ways that the DataLoader prefers:

* `__getitems__(indices: list[int]) -> list[sample]`, as in PyTorch: many samples in one call.
* `__getbatch__(indices: Tensor) -> batch`: the finished batch for a 1-d int64 tensor of indices,
  equal to what `default_collate` makes of the samples, or `NotImplemented` when this dataset
  cannot do it. A TensorDataset answers with one gather for each tensor; that is why loading from
  it is fast. A subclass that overrides only one of the others is never asked for `__getbatch__`.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Generic, TypeVar
from warnings import warn

import fastgrad
from fastgrad.tensor import Tensor

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """A collection of samples found by key: the base class of map-style datasets.

    Subclasses define `__getitem__`, and `__len__` for the samplers that need it.
    Adding two datasets concatenates them. Follows torch.utils.data.Dataset.

    >>> from fastgrad.utils.data import Dataset
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return index**2
    >>> (Squares() + Squares())[7]
    9
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index)")

    def __add__(self, other: "Dataset[Any]") -> "ConcatDataset[Any]":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """A stream of samples: subclasses define `__iter__`.

    With several DataLoader workers each of them runs through its own `iter(dataset)`; share the
    work by `get_worker_info()`, or every sample comes once from each worker.
    Follows torch.utils.data.IterableDataset.

    >>> from fastgrad.utils.data import DataLoader, IterableDataset
    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> [batch.tolist() for batch in DataLoader(Countdown(), batch_size=2)]
    [[3, 2], [1]]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(self)")

    def __add__(self, other: "Dataset[Any]") -> "ChainDataset[Any]":  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples that are rows of tensors: sample i is `(tensors[0][i], tensors[1][i], ...)`.

    Args:
        *tensors: tensors with the same size in the first dimension.

    Raises:
        AssertionError: the sizes of the first dimensions differ.
        TypeError: no tensor was given, or something that is not a tensor.

    Follows torch.utils.data.TensorDataset.

    >>> import fastgrad as torch
    >>> from fastgrad.utils.data import TensorDataset
    >>> TensorDataset(torch.tensor([1.0, 2.0]), torch.tensor([0, 1]))[1]
    (tensor(2.), tensor(1))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        _check_tensors(tensors)
        sizes = [tensor.shape[0] for tensor in tensors]
        if len(set(sizes)) > 1:
            raise AssertionError(
                "Size mismatch between tensors: the first dimensions are "
                f"{', '.join(map(str, sizes))}; every tensor needs one row for each sample"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getbatch__(self, indices: Tensor) -> list[Tensor]:
        return [tensor[indices] for tensor in self.tensors]

    def __len__(self) -> int:
        rows: int = self.tensors[0].shape[0]
        return rows


def _check_tensors(tensors: tuple[Tensor, ...]) -> None:
    if not tensors:
        raise TypeError("TensorDataset needs at least one tensor, got none")
    for position, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"TensorDataset: argument {position} is a {type(tensor).__name__}, expected a "
                "Tensor; convert it with torch.as_tensor(...)"
            )
        if not tensor.shape:
            raise TypeError(f"TensorDataset: argument {position} is 0-dimensional and has no rows")


class Subset(Dataset[T_co]):
    """The samples of `dataset` at `indices`, in that order.

    Args:
        dataset: a map-style dataset.
        indices: the keys to keep, a sequence or a 1-d int64 tensor.

    Follows torch.utils.data.Subset.

    >>> from fastgrad.utils.data import Subset
    >>> list(Subset("abcdef", [0, 2, 4]))
    ['a', 'c', 'e']
    """

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[Any] | Tensor) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        keys = [self.indices[i] for i in indices]
        many = getattr(self.dataset, "__getitems__", None)
        return many(keys) if many else [sample_of(self.dataset, key) for key in keys]

    def __getbatch__(self, indices: Tensor) -> Any:
        if not makes_batches(self.dataset):
            return NotImplemented
        return self.dataset.__getbatch__(_translate(self.indices, indices))  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.indices)


def _translate(keys: Any, positions: Tensor) -> Tensor:
    # The keys are looked up anew for each batch, not cached as a tensor, because the caller may
    # change the list between two epochs.
    if isinstance(keys, Tensor):
        chosen: Tensor = keys[positions]
        return chosen
    return fastgrad.tensor([keys[i] for i in positions.tolist()], dtype=fastgrad.int64)


class ConcatDataset(Dataset[T_co]):
    """Several map-style datasets, one after the other.

    Args:
        datasets: the datasets, at least one, none of them an IterableDataset.

    Raises:
        AssertionError: no dataset was given, or an IterableDataset.

    Follows torch.utils.data.ConcatDataset.

    >>> from fastgrad.utils.data import ConcatDataset
    >>> both = ConcatDataset(["ab", "cde"])
    >>> len(both), both[2], both[-1]
    (5, 'c', 'e')
    """

    datasets: list[Dataset[T_co]]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset: it has no index")
        self.cumulative_sizes = list(accumulate(map(len, self.datasets)))  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> T_co:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            # PyTorch's types: ValueError below the start, IndexError above the end.
            error = ValueError if index < 0 else IndexError
            raise error(f"index {index} is out of range for {len(self)} samples")
        which = bisect_right(self.cumulative_sizes, position)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][position - start]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[T_co]):
    """Several streams, one after the other, as does `stream + stream`.

    Args:
        datasets: the streams.

    Raises:
        AssertionError: while iterating or measuring, one of them is no IterableDataset.

    Follows torch.utils.data.ChainDataset.

    >>> from fastgrad.utils.data import ChainDataset, IterableDataset
    >>> class Letters(IterableDataset):
    ...     def __iter__(self):
    ...         return iter("ab")
    >>> list(ChainDataset([Letters(), Letters()]))
    ['a', 'b', 'a', 'b']
    """

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[T_co]:
        for dataset in self.datasets:
            yield from self._checked(dataset)

    def __len__(self) -> int:
        return sum(len(self._checked(dataset)) for dataset in self.datasets)

    @staticmethod
    def _checked(dataset: object) -> Any:
        if not isinstance(dataset, IterableDataset):
            raise AssertionError(
                f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}; "
                "ConcatDataset joins datasets that have an index"
            )
        return dataset


class StackDataset(Dataset[Any]):
    """Several datasets side by side: sample i has sample i of each.

    Args:
        *args: the datasets of a tuple;
        **kwargs: or those of a dict.

    Raises:
        ValueError: no dataset, both kinds, or different lengths.

    Follows torch.utils.data.StackDataset.

    >>> from fastgrad.utils.data import StackDataset
    >>> StackDataset("ab", [1, 2])[1], StackDataset(letter="ab", number=[1, 2])[0]
    (('b', 2), {'letter': 'a', 'number': 1})
    """

    datasets: "tuple[Any, ...] | dict[str, Any]"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "StackDataset: the samples are tuples (positional datasets) or dicts (named ones), "
                "but both kinds were given"
            )
        if not (args or kwargs):
            raise ValueError("StackDataset: at least one dataset should be passed")
        lengths = [len(dataset) for dataset in args or kwargs.values()]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between datasets: their lengths are {lengths}")
        self._length = lengths[0]
        self.datasets = args or kwargs

    def _of_each(self, ask: Callable[[Any], Any]) -> Any:
        if isinstance(self.datasets, dict):
            return {name: ask(dataset) for name, dataset in self.datasets.items()}
        return tuple(ask(dataset) for dataset in self.datasets)

    def __getitem__(self, index: int) -> Any:
        return self._of_each(lambda dataset: dataset[index])

    def __getitems__(self, indices: list[int]) -> list[Any]:
        columns = self._of_each(lambda dataset: _column(dataset, indices))
        if isinstance(columns, dict):
            return [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
        return list(zip(*columns, strict=True))

    def __getbatch__(self, indices: Tensor) -> Any:
        each = self._of_each(
            lambda data: data.__getbatch__(indices) if makes_batches(data) else NotImplemented
        )
        parts = list(each.values()) if isinstance(each, dict) else list(each)
        if any(part is NotImplemented for part in parts):
            return NotImplemented
        return each if isinstance(each, dict) else parts

    def __len__(self) -> int:
        return self._length


def _column(dataset: Any, indices: list[int]) -> list[Any]:
    many = getattr(dataset, "__getitems__", None)
    if many is None:
        return [sample_of(dataset, index) for index in indices]
    samples: list[Any] = many(indices)
    if len(samples) != len(indices):
        raise ValueError(
            f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(samples)}"
        )
    return samples


def random_split(
    dataset: Dataset[T_co],
    lengths: Sequence[int | float],
    generator: "fastgrad.Generator | None" = None,
) -> list[Subset[T_co]]:
    """Splits a dataset at random into parts that do not overlap.

    Args:
        dataset: a map-style dataset with a length.
        lengths: the number of samples of each part, which sum to `len(dataset)`; or fractions
            that sum to 1, where the samples left by rounding down go to the first parts in turn.
        generator: source of the permutation; the default generator when None.

    Raises:
        ValueError: the lengths do not sum to the size of the dataset, or a fraction is outside
            0 to 1.

    Follows torch.utils.data.random_split.

    >>> import fastgrad as torch
    >>> from fastgrad.utils.data import random_split
    >>> train, test = random_split(range(10), [0.7, 0.3], torch.Generator().manual_seed(0))
    >>> len(train), len(test), sorted([*train, *test]) == list(range(10))
    (7, 3, True)
    """
    total = len(dataset)  # type: ignore[arg-type]
    counts = _split_counts(total, lengths)
    order = fastgrad.randperm(total, generator=generator).tolist()
    return [Subset(dataset, order[a:b]) for a, b in pairwise([0, *accumulate(counts)])]


def _split_counts(total: int, lengths: Sequence[int | float]) -> list[int]:
    given = sum(lengths)
    if given <= 1 and math.isclose(given, 1):
        return _counts_of_fractions(total, lengths)
    if given != total:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"The lengths {list(lengths)} sum to {given}, the dataset has {total} samples"
        )
    for position, count in enumerate(lengths):
        if count < 0 or count != int(count):
            raise ValueError(f"Length at index {position} is {count}, expected a whole number >= 0")
    return [int(count) for count in lengths]


def _counts_of_fractions(total: int, fractions: Sequence[float]) -> list[int]:
    for position, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {position} is not between 0 and 1: {fraction}")
    counts = [math.floor(total * fraction) for fraction in fractions]
    for extra in range(total - sum(counts)):
        counts[extra % len(counts)] += 1
    for position, count in enumerate(counts):
        if count == 0:
            warn(f"Length of split at index {position} is 0: an empty dataset", stacklevel=4)
    return counts


def sample_of(dataset: Any, key: Any) -> Any:
    """`dataset[key]`; an error says by a note which item it was."""
    try:
        return dataset[key]
    except Exception as error:
        error.add_note(f"Raised by item {key!r} of the {type(dataset).__name__}.")
        raise


def makes_batches(dataset: object) -> bool:
    """Whether `dataset.__getbatch__` may take the place of single samples."""
    return answers_for(type(dataset), "__getbatch__", "__getitem__", "__getitems__")


def answers_for(cls: type, fast: str, *plain: str) -> bool:
    """Whether method `fast` of `cls` is at least as derived as those whose work it repeats.

    A subclass that overrides only a plain method would otherwise be bypassed by its base's `fast`.
    """
    for base in cls.__mro__:
        if fast in base.__dict__:
            return True
        if any(name in base.__dict__ for name in plain):
            return False
    return False
