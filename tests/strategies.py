"""Arguments for operations: which shapes, numbers and memory layouts the tests draw.

A row of the op table draws its arguments from a `Maker`. There are three: `Drawn` lets hypothesis
choose among small cases (zero sizes and 0-d among them), `Large` gives one big case, and `Hostile`
draws arguments that mostly do not fit together.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

FLOATS = ("float32", "float64")
HALVES = ("float16", "bfloat16")  # stored in 16 bits, computed in float32
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
NUMBERS = FLOATS + INTEGERS
ALL = (*NUMBERS, "bool")
LARGE_SHAPES = {1: (300_007,), 2: (601, 503), 3: (67, 61, 73)}
LAYOUTS = ("plain", "transposed", "strided", "offset")


@dataclass(frozen=True)
class Domain:
    """The open interval that floats come from, and the integers that stand for it."""

    low: float = -3.0
    high: float = 3.0
    integers: tuple[int, int] = (-9, 9)
    marks: tuple[float, ...] = (0.0, 1.0, -1.0, 0.5, 2.5)  # numbers that are worth a try


REAL = Domain()
POSITIVE = Domain(0.05, 4.0, (1, 9))
NOT_NEGATIVE = Domain(0.0, 4.0, (0, 5))
UNIT = Domain(-0.95, 0.95, (0, 1))
PROBABILITY = Domain(0.02, 0.98, (0, 1), (0.5,))


@dataclass(frozen=True)
class Operand:
    """The numbers of a tensor, how it lies in memory, and whether a gradient is asked for."""

    values: np.ndarray
    layout: str = "plain"
    differentiable: bool = True
    half: str | None = None  # the 16-bit dtype of the tensor, whose numbers `values` are as float32

    @property
    def wants_gradient(self):
        return self.differentiable and self.values.dtype.kind == "f"

    def tensor(self, lib):
        """The operand as a tensor of `lib`, fastgrad or torch."""

        def tensor(values):
            made = lib.tensor(values)
            return made.to(getattr(lib, self.half)) if self.half else made

        return _PLACED[self.layout](tensor, self.values)


def _strided(tensor, values):
    if values.ndim == 0 or values.size == 0:
        return tensor(values)
    wide = np.repeat(values, 2, axis=-1)
    return tensor(wide)[..., ::2]


def _offset(tensor, values):
    flat = np.concatenate([np.zeros(3, values.dtype), values.ravel()])
    return tensor(flat)[3:].view(values.shape)


_PLACED = {
    "plain": lambda tensor, values: tensor(values),
    "transposed": lambda tensor, values: (
        tensor(values.T.copy()).permute(*range(values.ndim - 1, -1, -1))
        if values.ndim
        else tensor(values)
    ),
    "strided": _strided,
    "offset": _offset,
}


@dataclass(frozen=True)
class Sample:
    """The arguments of one call: operands become tensors, all else is passed as it is."""

    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def operands(self):
        found = []
        self.mapped(found.append)
        return found

    def mapped(self, convert):
        """The arguments with every operand replaced by ``convert(operand)``."""
        args = tuple(_mapped(value, convert) for value in self.args)
        return args, {key: _mapped(value, convert) for key, value in self.options.items()}


def _mapped(value, convert):
    if isinstance(value, Operand):
        return convert(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(part, convert) for part in value)
    return value


def _rounded(numbers, half):
    """Numbers that a 16-bit dtype holds, as float32."""
    if half == "float16":
        return numbers.astype("float16").astype("float32")
    return (
        (np.atleast_1d(numbers.astype("float32")).view("uint32") & 0xFFFF0000)
        .view("float32")
        .reshape(numbers.shape)
    )


class Maker:
    """Makes the parts of a sample; `choose` and `integer` are all that its kinds must provide."""

    def __init__(self, dtype="float32"):
        self.dtype = dtype

    def choose(self, options):
        raise NotImplementedError

    def integer(self, low, high):
        raise NotImplementedError

    def flag(self):
        return self.choose((False, True))

    def size(self):
        return self.choose((2, 3, 1, 4, 0, 5))

    def shape(self, low=0, high=3):
        """Some sizes; now and then one long enough for whole vectors of every instruction set."""
        if low <= 1 <= high and self.integer(0, 5) == 5:
            return (self.integer(6, 150),)
        return tuple(self.size() for _ in range(self.integer(low, high)))

    def pair(self):
        """Two shapes that broadcast together."""
        shape = self.shape()
        return self._part(shape), self._part(shape)

    def _part(self, shape):
        """`shape`, perhaps without leading sizes, perhaps with ones."""
        kept = shape[self.integer(0, len(shape)) if self.flag() else 0 :]
        return tuple(1 if self.integer(0, 3) == 3 else n for n in kept)

    def dim(self, rank):
        return self.integer(-rank, rank - 1) if rank else self.choose((0, -1))

    def dims(self, rank):
        """What a reduction takes: one dimension, several, or None."""
        kind = self.choose(("one", "none", "several")) if rank else "none"
        if kind == "none":
            return None
        if kind == "one":
            return self.dim(rank)
        return tuple(d if self.flag() else d - rank for d in range(rank) if d == 0 or self.flag())

    def array(self, shape, domain=REAL, dtype=None):
        dtype = dtype or self.dtype
        rng = np.random.default_rng(self.integer(0, 2**20))
        if dtype == "bool":
            return rng.random(shape) < 0.5
        if dtype in INTEGERS:
            low, high = domain.integers
            low = max(low, 0) if dtype == "uint8" else low
            return np.asarray(rng.integers(low, high, shape, endpoint=True), dtype)
        numbers = np.asarray(rng.uniform(domain.low, domain.high, shape))
        marks = [mark for mark in domain.marks if domain.low < mark < domain.high]
        if marks and self.flag():
            numbers = np.where(rng.random(shape) < 0.2, rng.choice(marks, shape), numbers)
        return _rounded(numbers, dtype) if dtype in HALVES else numbers.astype(dtype)

    def operand(self, shape, domain=REAL, dtype=None, differentiable=True):
        values = self.array(shape, domain, dtype)
        half = dtype or self.dtype
        return Operand(
            values, self.choose(LAYOUTS), differentiable, half if half in HALVES else None
        )

    def indices(self, shape, n, dtype="int64"):
        """Indices below n; an empty shape where there are none to choose from."""
        return self.operand(shape, Domain(integers=(0, max(n - 1, 0))), dtype)

    def distinct(self, count, n):
        """At most `count` different indices below n."""
        rng = np.random.default_rng(self.integer(0, 2**20))
        return rng.permutation(n)[:count]


class Drawn(Maker):
    """Hypothesis chooses."""

    def __init__(self, draw, dtype="float32"):
        super().__init__(dtype)
        self._draw = draw

    def choose(self, options):
        return self._draw(st.sampled_from(options))

    def integer(self, low, high):
        return self._draw(st.integers(low, high))


class Smooth(Drawn):
    """Numbers that differ from each other: small changes do not change which is the largest."""

    def array(self, shape, domain=REAL, dtype=None):
        if (dtype or self.dtype) not in FLOATS:
            return super().array(shape, domain, dtype)
        rng = np.random.default_rng(self.integer(0, 2**20))
        n = int(np.prod(shape))
        places = (rng.permutation(n) + rng.uniform(0.3, 0.7, n)) / max(n, 1)
        return (domain.low + (domain.high - domain.low) * places).reshape(shape)


class Large(Maker):
    """One big case: enough elements that the work is split among threads."""

    def __init__(self, seed, dtype="float32"):
        super().__init__(dtype)
        self._random = Random(seed)

    def choose(self, options):
        return self._random.choice(options)

    def integer(self, low, high):
        return self._random.randint(low, high)

    def size(self):
        return self.integer(90, 210)

    def shape(self, low=0, high=3):
        return LARGE_SHAPES[self.integer(max(low, 1), min(high, 3))]

    def _part(self, shape):
        return shape


class Hostile(Drawn):
    """Arguments that mostly do not fit together."""

    def pair(self):
        return self.shape(), self.shape()

    def dim(self, rank):
        return self.integer(-4, 4)

    def dims(self, rank):
        return self.choose((None, (), (0, 0), self.integer(-4, 4), (0, self.integer(-4, 4))))

    def operand(self, shape, domain=REAL, dtype=None, differentiable=True):
        kind = self.choose((dtype or self.dtype, *ALL))
        shape = self.shape() if self.integer(0, 4) == 4 else shape
        return super().operand(shape, domain, kind, differentiable)

    def indices(self, shape, n, dtype="int64"):
        return self.operand(shape, Domain(integers=(-n - 2, n + 2)), dtype)


def samples(make, dtype, maker=Drawn):
    """The strategy of the samples that `make` (a function of a maker) makes."""

    @st.composite
    def strategy(draw):
        return make(maker(draw, dtype))

    return strategy()


class Small(Maker):
    """Small cases, chosen by a seed: for tests that need no search."""

    def __init__(self, seed, dtype="float64"):
        Maker.__init__(self, dtype)
        self._random = Random(seed)

    def choose(self, options):
        return self._random.choice(options)

    def integer(self, low, high):
        return self._random.randint(low, high)


class SmallSmooth(Small, Smooth):
    """The same with numbers that differ from each other."""
