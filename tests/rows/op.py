"""What a row of the op table says, and where functions have kinks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from warnings import catch_warnings

import numpy as np

from strategies import FLOATS, Sample


@dataclass(frozen=True, repr=False)
class Op:
    """One operation and all that its tests need to know."""

    name: str  # its path in the library; the tests call it by this name
    reference: Callable[..., Any]  # the same on arrays; floats come as float64
    make: Callable[..., Sample]  # from a Maker to arguments
    dtypes: tuple[str, ...] = FLOATS
    differentiable: bool = True
    smooth: Callable[..., Any] = lambda *args, **options: True  # no kink near these arguments
    halves: bool = True  # small errors of the arguments make small errors of the result
    scale: float = 1.0  # how many times the usual rounding error is expected
    call: Callable[..., Any] | None = None  # for what has no name: called with the library first
    torch: bool = True  # PyTorch takes the same arguments
    label: str = ""

    def __repr__(self):
        return self.label or self.name

    def function(self, lib):
        """The operation in a library: fastgrad or torch."""
        if self.call is not None:
            return lambda *args, **options: self.call(lib, *args, **options)
        found = lib
        for part in self.name.split("."):
            found = getattr(found, part)
        return found

    def __call__(self, lib, sample, convert=None):
        """The results of the operation for a sample, as a list of tensors."""
        args, options = sample.mapped(convert or (lambda operand: operand.tensor(lib)))
        return results(self.function(lib)(*args, **options))

    def expected(self, sample):
        """The results by NumPy."""
        args, options = sample.mapped(lambda operand: widened(operand.values))
        with np.errstate(all="ignore"), catch_warnings(action="ignore"):
            return [np.asarray(value) for value in results(self.reference(*args, **options))]

    def is_smooth(self, sample):
        args, options = sample.mapped(lambda operand: operand.values)
        with np.errstate(all="ignore"):
            return bool(np.all(self.smooth(*args, **options)))


def results(value):
    return list(value) if isinstance(value, (tuple, list)) else [value]


def widened(array):
    return array.astype(np.float64) if array.dtype.kind == "f" else array


# Where a function is smooth: what a row's `smooth` may say.


def far_from(x, points=0.0):
    return np.abs(x - points) > 1e-3


def fraction(x):
    return far_from(x, np.round(x)) & far_from(x, np.round(x - 0.5) + 0.5)


def far_apart(a, b, **options):
    return far_from(a, b)


def far_quotient(a, b, **options):
    return far_from(a / b, np.round(a / b))


def kinks_of_clamp(x, min=-9, max=9):
    return far_from(x, min) & far_from(x, max) & far_from(min, max)
