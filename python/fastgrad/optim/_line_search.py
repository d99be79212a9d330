"""A line search for the strong Wolfe conditions."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import Tensor

SUFFICIENT, CURVATURE = 1e-4, 0.9  # the constants of the two conditions
SHORTEST = 1e-9


class Point(NamedTuple):
    """A size of the step, with the loss, the gradient and the slope there."""

    size: Any
    loss: float
    grad: Tensor
    slope: Any


def minimum_of_cubic(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two points with their slopes is lowest, within bounds."""
    low, high = bounds or ((a.size, b.size) if a.size <= b.size else (b.size, a.size))
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.size - b.size)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square.sqrt()
    if a.size <= b.size:
        share = (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
        lowest = b.size - (b.size - a.size) * share
    else:
        share = (a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2)
        lowest = a.size - (a.size - b.size) * share
    return min(max(lowest, low), high)


def strong_wolfe(
    at: Callable[[Any], tuple[float, Tensor]],
    size: Any,
    direction: Tensor,
    loss: float,
    grad: Tensor,
    slope: Tensor,
    max_evaluations: int,
) -> tuple[float, Tensor, Any, int]:
    """A step that lowers the loss and flattens the slope enough.

    Args:
        at: gives the loss and the gradient for a size of the step.
        size: the first one to try.
        direction: of the step.
        loss, grad, slope: at its start.
        max_evaluations: how often `at` may be called after the first time.

    Returns:
        The loss and the gradient at the step, its size, and how often `at` was called.

    Source: Nocedal and Wright, "Numerical optimization" (2006), algorithms 3.5 and 3.6.
    """
    search = _Search(at, direction, Point(0, loss, grad.clone(), slope), max_evaluations)
    best = search.zoomed(*search.bracket(size))
    return best.loss, best.grad, best.size, search.evaluations


class _Search:
    def __init__(
        self,
        at: Callable[[Any], tuple[float, Tensor]],
        direction: Tensor,
        start: Point,
        limit: int,
    ) -> None:
        self.at, self.direction, self.start, self.limit = at, direction, start, limit
        self.evaluations = 0
        self.iterations = 0

    def point(self, size: Any) -> Point:
        self.evaluations += 1
        loss, grad = self.at(size)
        return Point(size, loss, grad, grad.dot(self.direction))

    def is_too_high(self, p: Point) -> bool:
        return bool(p.loss > self.start.loss + SUFFICIENT * p.size * self.start.slope)

    def is_flat(self, p: Point) -> bool:
        return bool(abs(p.slope) <= -CURVATURE * self.start.slope)

    def bracket(self, size: Any) -> list[Point]:
        """One point that is good enough, or two with one between them."""
        before, now = self.start, self.point(size)
        while self.iterations < self.limit:
            if self.is_too_high(now) or (self.iterations > 1 and now.loss >= before.loss):
                return [before, now]
            if self.is_flat(now):
                return [now]
            if now.slope >= 0:
                return [before, now]
            bounds = (now.size + 0.01 * (now.size - before.size), now.size * 10)
            further = minimum_of_cubic(before, now, bounds)
            before, now = now, self.point(further)
            self.iterations += 1
        return [self.start, now]

    def zoomed(self, first: Point, second: Point | None = None) -> Point:
        """The best point that the search finds in a bracket."""
        if second is None:
            return first
        low, high = (first, second) if first.loss <= second.loss else (second, first)
        ends = [first, second]  # in the order in which they came
        slow = False
        width = self.direction.abs().max()
        while self.iterations < self.limit:
            if abs(ends[1].size - ends[0].size) * width < SHORTEST:
                break
            size, slow = self.inside(ends, slow)
            now = self.point(size)
            self.iterations += 1
            where = 0 if low is ends[0] else 1
            if self.is_too_high(now) or now.loss >= low.loss:
                ends[1 - where] = now
                low, high = (ends[0], ends[1]) if ends[0].loss <= ends[1].loss else ends[::-1]
                continue
            if self.is_flat(now):
                return now
            if now.slope * (high.size - low.size) >= 0:
                ends[1 - where] = high = low
            ends[where] = low = now
        return low

    def inside(self, ends: list[Point], slow: bool) -> tuple[Any, bool]:
        """The next size to try, and whether it is near an end of the bracket."""
        size = minimum_of_cubic(ends[0], ends[1])
        least, most = sorted((ends[0].size, ends[1].size))
        margin = 0.1 * (most - least)
        if not min(most - size, size - least) < margin:
            return size, False
        if not (slow or size >= most or size <= least):
            return size, True
        return (most - margin if abs(size - most) < abs(size - least) else least + margin), False
