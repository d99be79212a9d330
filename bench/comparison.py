"""Whether two backends computed the same: no row is timed before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .row import Array

SAMPLE = 65536  # elements of a result that are compared one by one; the others enter sums


@dataclass(frozen=True)
class Digest:
    """What is compared of a result."""

    shape: tuple[int, ...]
    dtype: str
    sample: Array
    total: float
    magnitude: float  # the sum of the magnitudes

    @staticmethod
    def of(array: Array) -> Digest:
        """A result's digest."""
        import numpy as np

        flat = np.asarray(array).reshape(-1)
        step = max(1, flat.size // SAMPLE)
        return Digest(
            np.shape(array),
            str(flat.dtype),
            flat[::step].copy(),
            float(flat.sum(dtype=np.float64)),
            float(np.abs(flat).sum(dtype=np.float64)),
        )


def difference(ours: list[Digest], theirs: list[Digest], tolerance: float) -> str | None:
    """What differs by more than the tolerance (a share of the largest number), if anything does."""
    if len(ours) != len(theirs):
        return f"{len(ours)} results against {len(theirs)}"
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True), 1):
        found = _difference_of_one(a, b, tolerance)
        if found is not None:
            return f"result {number} of {len(ours)}: {found}"
    return None


def _difference_of_one(a: Digest, b: Digest, tolerance: float) -> str | None:
    import numpy as np

    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{a.dtype}{list(a.shape)} against {b.dtype}{list(b.shape)}"
    if not a.sample.size:
        return None
    if not (np.isfinite(a.total) and np.isfinite(b.total)):
        return "a number that is not finite"
    largest = float(np.abs(b.sample).max())
    error = float(np.abs(a.sample.astype(np.float64) - b.sample).max())
    if error > tolerance * largest:
        return f"numbers differ by {error:.3g}, where {tolerance:g} of {largest:.3g} is allowed"
    if (
        abs(a.total - b.total) > tolerance * b.magnitude
        or abs(a.magnitude - b.magnitude) > tolerance * b.magnitude
    ):
        return f"the sums {a.total:.6g} and {b.total:.6g} of all numbers differ"
    return None


def same_numbers(a: list[Digest], b: list[Digest]) -> bool:
    """Whether results are the same bit for bit: those of other inputs must not be."""
    import numpy as np

    return len(a) == len(b) and all(
        np.array_equal(x.sample, y.sample) for x, y in zip(a, b, strict=True)
    )


def rises(losses: Digest) -> bool:
    """Whether training on one batch again and again did not lower its loss."""
    return not bool(losses.sample[-1] < losses.sample[0])
