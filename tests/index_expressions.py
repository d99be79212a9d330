"""Index expressions drawn at random: as they are written for tensors, and their NumPy meaning."""

from dataclasses import dataclass
from random import Random

import numpy as np

import fastgrad as fg

SHAPES = (
    *((), (3,), (5,), (2, 3), (3, 4), (4, 1), (3, 4, 2), (2, 3, 4), (1, 5, 2, 3), (2, 2, 2)),
    *((2, 3, 4), (3, 2, 3, 2), (0,), (3, 0)),
)


@dataclass
class Expression:
    """`written` indexes a tensor; `parts` are its entries in NumPy's terms, without Ellipsis."""

    shape: tuple
    written: object
    parts: list

    @property
    def is_basic(self):
        return not any(isinstance(part, (np.ndarray, bool)) for part in self.parts)

    def selected(self, array):
        """A view of the array, and an index of it by which NumPy finds what is meant.

        PyTorch takes integers out first, and a bool stands for a new dimension of size 1.
        """
        first, then = [], []
        for part in self.parts:
            if isinstance(part, bool):
                first.append(None)
                then.append(np.arange(int(part)))
            elif isinstance(part, int):
                first.append(part)
            elif part is None:
                first.append(None)
                then.append(slice(None))
            else:
                is_mask = isinstance(part, np.ndarray) and part.dtype == bool
                first += [slice(None)] * (part.ndim if is_mask else 1)
                then.append(part)
        return array[(*first, ...)], tuple(then)

    def read(self, array):
        view, index = self.selected(array)
        return np.asarray(view[index])

    def names_places_once(self):
        places = self.read(np.arange(int(np.prod(self.shape))).reshape(self.shape))
        return np.unique(places).size == places.size


class Writer:
    """Draws the entries of an expression, each as it is written and in NumPy's terms."""

    def __init__(self, random):
        self.random = random

    def expression(self):
        shape = self.random.choice(SHAPES)
        entries = self.entries(shape)
        written = tuple(entry for entry, _ in entries)
        if len(written) == 1 and self.random.random() < 0.5 and not _is_nested(written[0]):
            written = written[0]
        consumed = sum(_consumed(part) for _, part in entries if part is not Ellipsis)
        parts = []
        for _, part in entries:
            whole = [slice(None)] * (len(shape) - consumed)
            parts += whole if part is Ellipsis else [part]
        return Expression(shape, written, parts)

    def entries(self, shape):
        batch = self.random.choice(((), (2,), (3,), (2, 2), (0,)))
        kinds = self.random.choice((BASIC, MIXED, MIXED, MIXED, ANYTHING, ANYTHING))
        entries, axis = [], 0
        has_ellipsis = self.random.random() < 0.25
        end = max(self.random.randint(0, len(shape)), self.random.randint(0, len(shape)))
        gap = self.random.randint(0, end)
        while axis < end:
            if has_ellipsis and axis >= gap:  # what follows it counts from the end
                entries.append((Ellipsis, Ellipsis))
                axis, end, has_ellipsis = len(shape) - (end - axis), len(shape), False
            entry = getattr(self, self.random.choice(kinds))(shape, axis, end, batch)
            if entry is not None:
                entries.append(entry)
                axis += _consumed(entry[1])
        if has_ellipsis:
            entries.append((Ellipsis, Ellipsis))
        return entries

    def number(self, shape, axis, end, batch):
        n = shape[axis]
        if n == 0:
            return None
        i = self.random.randint(-n, n - 1)
        as_written = self.random.choice((int, np.int64, fg.tensor, np.array, self.small))
        return as_written(i), i

    @staticmethod
    def small(i):
        return fg.tensor(i, dtype=fg.int32)

    def slice(self, shape, axis, end, batch):
        n = shape[axis]
        bounds = (None, *range(-n - 2, n + 3), -(2**70), 2**70)
        start, stop = self.random.choice(bounds), self.random.choice(bounds)
        step = self.random.choice((None, 1, 2, 3, 2**40))
        part = slice(start, stop, step)
        if start is not None and abs(start) < 9 and self.random.random() < 0.1:
            return slice(fg.tensor(start), stop, step), part
        return part, part

    def new_dimension(self, shape, axis, end, batch):
        return None, None

    def array(self, shape, axis, end, batch):
        n = shape[axis]
        sizes = tuple(1 if self.random.random() < 0.2 else k for k in batch)
        sizes = sizes[self.random.randint(0, len(sizes)) :]
        if n == 0 and int(np.prod(sizes)):
            return None
        numbers = [self.random.randint(-n, n - 1) for _ in range(int(np.prod(sizes)))]
        array = np.array(numbers, np.int64).reshape(sizes)
        if not sizes:
            return self.random.choice((fg.tensor, np.array))(array), int(array)
        kinds = (fg.tensor, self.as_int32, self.strided, np.copy, np.ndarray.tolist)
        return self.random.choice(kinds)(array), array

    @staticmethod
    def as_int32(array):
        return fg.tensor(array.astype(np.int32))

    @staticmethod
    def strided(array):
        return fg.tensor(np.repeat(array, 2, axis=-1))[..., ::2]

    def mask(self, shape, axis, end, batch):
        sizes = shape[axis : self.random.randint(axis + 1, end)]
        chance = self.random.choice((0.5, 0.5, 0.2, 0.0, 1.0))
        flags = [self.random.random() < chance for _ in range(int(np.prod(sizes)))]
        mask = np.array(flags, bool).reshape(sizes)
        kinds = (fg.tensor, self.as_bytes, np.copy)
        if mask.size:  # nothing tells an empty list of bools from one of numbers
            kinds = (*kinds, np.ndarray.tolist)
        return self.random.choice(kinds)(mask), mask

    @staticmethod
    def as_bytes(mask):
        return fg.tensor(mask.astype(np.uint8))

    def flag(self, shape, axis, end, batch):
        value = self.random.random() < 0.7
        return self.random.choice((bool, fg.tensor))(value), value


BASIC = ("number", "slice", "slice", "new_dimension")
MIXED = ("number", "slice", "array", "array", "array", "mask", "new_dimension")
ANYTHING = ("number", "slice", "array", "mask", "mask", "flag", "new_dimension")


def _consumed(part):
    """How many dimensions an entry stands for."""
    if part is None or isinstance(part, bool):
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else 1


def _is_nested(entry):
    return isinstance(entry, list) and any(isinstance(e, list) for e in entry)


def expressions(seed, count):
    writer = Writer(Random(seed))
    for _ in range(count):
        yield writer.expression()
