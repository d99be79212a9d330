"""What a row of a benchmark is: a workload, what it counts, and the goal it is held to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]

# What a unit of a rate is worth. A row's `amount` is in operations, bytes or samples of one call.
UNITS = {"GFLOP/s": 1e9, "GB/s": 1e9, "M samples/s": 1e6, "": 1.0}


CHECKED_STEPS = 8  # of a training, whose losses and weights are compared


def losses_and_changes(
    losses: Sequence[float], weights: Sequence[Array], start: Any
) -> list[Array]:
    """What a training row compares: the losses, and by how much each weight has changed."""
    import numpy as np

    changes = [(w - first).reshape(-1) for w, first in zip(weights, start, strict=True)]
    return [np.asarray(losses), np.concatenate(changes)]


class NotOffered(AttributeError):
    """A backend has no natural form of a workload, or lacks a name that it uses."""


def cuda_of(lib: Any, device: str) -> Any:
    """The library's module for CUDA if a row runs there, else None.

    All compute in full float32 unless told: PyTorch's convolutions would not.
    """
    if device == "cpu":
        return None
    if not lib.cuda.is_available():
        raise NotOffered
    lib.backends.cudnn.allow_tf32 = False
    return lib.cuda


@dataclass(frozen=True)
class Goal:
    """What fastgrad should reach: at most so much of PyTorch's eager time; at least such a rate."""

    ratio: float | None = None
    rate: float | None = None
    share: float | None = None  # of the machine's limit
    at_most: float | None = None  # of a value that is no time

    def text(self) -> str:
        """The goal in a table's cell."""
        parts = [
            sign + format(value, "g")
            for sign, value in (("x", self.ratio), (">=", self.rate), ("<=", self.at_most))
            if value is not None
        ]
        if self.share is not None:
            parts.append(f">={self.share:.0%}")
        return " ".join(parts)


@dataclass
class Case:
    """A workload made ready by a backend."""

    call: Callable[[], object]  # what is timed
    results: Callable[[], list[Array]]  # what it computes, to be compared
    change: Callable[[], object] | None = None  # changes the inputs in place: results must follow
    losses: bool = False  # whether the first of the results are losses, which must fall
    cuda: Any = None  # the library's module of that name, where calls return before work is done


class Adapter(Protocol):
    """How a backend turns a workload into a case."""

    def function(self, work: Function) -> Case:
        """A function of arrays, forward or forward and backward."""

    def program(self, work: Program, rng: np.random.Generator) -> Case:
        """A workload that makes its own objects."""


@dataclass(frozen=True)
class Function:
    """``apply(lib, *inputs)`` in PyTorch's API; with `backward` also its gradients."""

    apply: Callable[..., Any]
    inputs: Sequence[Array]
    backward: bool = False
    repeat: int = 1  # apply so many times to its own result, then sum: a chain
    recorded: bool = False  # forward only, of inputs that require grad
    compiled: bool = True  # whether torch.compile is a rival
    device: str = "cpu"  # where the tensors are


@dataclass(frozen=True)
class Program:
    """``make(lib, rng, optimize)`` in PyTorch's API, and the own forms of other backends."""

    make: Callable[[Any, np.random.Generator, Callable[[Any], Any]], Case]
    forms: Mapping[str, Callable[[np.random.Generator], Case]] = field(default_factory=dict)
    compiled: bool = True


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    section: str
    name: str
    work: Callable[[np.random.Generator], Function | Program]
    goal: Goal = Goal()
    unit: str = ""
    amount: float = 0.0  # of one call, in operations, bytes or samples
    limit: str | None = None  # which limit bounds it: see limits.py, and device_limits.py
    calls: int = 1  # how many operations one call makes; times are of one
    tolerance: float = 1e-4  # of the largest number of a result
    shows_rates: bool = False  # in place of times
    value_unit: str = ""  # of what is measured in place of seconds

    @property
    def key(self) -> str:
        """The name by which driver and workers know it."""
        return f"{self.section}/{self.name}"

    def rate(self, seconds: float) -> float:
        """Operations, bytes or samples a second, in the row's unit."""
        return self.amount / seconds / UNITS[self.unit]
