"""What values may be: those that a distribution gives, and its parameters.

>>> import fastgrad as torch
>>> torch.distributions.constraints.positive.check(torch.tensor([-1.0, 2.0]))
tensor([False,  True])
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import fastgrad
from fastgrad import Tensor

__all__ = [
    "Constraint",
    "boolean",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "independent",
    "integer_interval",
    "interval",
    "lower_cholesky",
    "multinomial",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "positive_definite",
    "positive_integer",
    "real",
    "real_vector",
    "simplex",
    "unit_interval",
]


@dataclass(frozen=True, repr=False)
class Constraint:
    """A condition on values.

    Attributes:
        words: What it asks for, as errors say it.
        check: Says for each value (of `event_dim` dimensions) whether it holds.
        event_dim: The number of last dimensions that belong to one value.
        is_discrete: Whether the values can be counted.

    Follows ``torch.distributions.constraints.Constraint``.
    """

    words: str
    check: Callable[[Tensor], Tensor]
    event_dim: int = 0
    is_discrete: bool = False

    def __repr__(self) -> str:
        return self.words


def _is_whole(value: Tensor) -> Tensor:
    return (value % 1).eq(0)


def greater_than(lower_bound: float | Tensor) -> Constraint:
    """Numbers above a bound.

    >>> import fastgrad as torch
    >>> torch.distributions.constraints.greater_than(1).check(torch.tensor([1.0, 2.0]))
    tensor([False,  True])
    """
    return Constraint(f"greater than {lower_bound}", lambda value: value > lower_bound)


def greater_than_eq(lower_bound: float | Tensor) -> Constraint:
    """Numbers not below a bound.

    >>> import fastgrad as torch
    >>> torch.distributions.constraints.greater_than_eq(1).check(torch.tensor([1.0, 0.0]))
    tensor([ True, False])
    """
    return Constraint(f"{lower_bound} or greater", lambda value: value >= lower_bound)


def interval(lower_bound: float | Tensor, upper_bound: float | Tensor) -> Constraint:
    """Numbers between two bounds, which are among them.

    >>> import fastgrad as torch
    >>> torch.distributions.constraints.interval(0, 1).check(torch.tensor([1.0, 1.5]))
    tensor([ True, False])
    """
    return Constraint(
        f"from {lower_bound} to {upper_bound}",
        lambda value: (value >= lower_bound) & (value <= upper_bound),
    )


def half_open_interval(lower_bound: float | Tensor, upper_bound: float | Tensor) -> Constraint:
    """Numbers between two bounds, of which only the lower one is among them.

    >>> import fastgrad as torch
    >>> torch.distributions.constraints.half_open_interval(0, 1).check(torch.tensor([0.0, 1.0]))
    tensor([ True, False])
    """
    return Constraint(
        f"from {lower_bound} to below {upper_bound}",
        lambda value: (value >= lower_bound) & (value < upper_bound),
    )


def integer_interval(lower_bound: float | Tensor, upper_bound: float | Tensor) -> Constraint:
    """Whole numbers between two bounds, which are among them.

    >>> import fastgrad as torch
    >>> torch.distributions.constraints.integer_interval(0, 2).check(torch.tensor([2.0, 0.5]))
    tensor([ True, False])
    """
    inside = interval(lower_bound, upper_bound)
    return Constraint(
        f"whole numbers {inside.words}",
        lambda value: _is_whole(value) & inside.check(value),
        is_discrete=True,
    )


def multinomial(upper_bound: int) -> Constraint:
    """Vectors of counts that add up to a number or less.

    >>> import fastgrad as torch
    >>> counts = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
    >>> torch.distributions.constraints.multinomial(3).check(counts)
    tensor([ True, False])
    """
    return Constraint(
        f"counts of {upper_bound} in all",
        lambda value: (value >= 0).all(dim=-1) & (value.sum(dim=-1) <= upper_bound),
        event_dim=1,
        is_discrete=True,
    )


def independent(base_constraint: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """Values of a constraint, several of which make one value.

    >>> import fastgrad as torch
    >>> constraints = torch.distributions.constraints
    >>> several = constraints.independent(constraints.positive, 1)
    >>> several.check(torch.tensor([[1.0, 2.0], [1.0, -1.0]]))
    tensor([ True, False])
    """
    inner = base_constraint

    def check(value: Tensor) -> Tensor:
        each = inner.check(value)
        return each.flatten(each.ndim - reinterpreted_batch_ndims).all(dim=-1)

    words = f"each {inner.words}"
    event_dim = inner.event_dim + reinterpreted_batch_ndims
    return Constraint(words, check, event_dim, inner.is_discrete)


def _is_simplex(value: Tensor) -> Tensor:
    return value.ge(0).all(dim=-1) & (value.sum(dim=-1) - 1).abs().lt(1e-6)


def _is_one_hot(value: Tensor) -> Tensor:
    is_boolean = (value.eq(0) | value.eq(1)).all(dim=-1)
    return is_boolean & value.sum(dim=-1).eq(1)


def _is_lower_cholesky(value: Tensor) -> Tensor:
    is_lower = value.tril().eq(value).flatten(-2).all(dim=-1)
    return is_lower & value.diagonal(dim1=-2, dim2=-1).gt(0).all(dim=-1)


def _is_positive_definite(value: Tensor) -> Tensor:
    is_symmetric = fastgrad.isclose(value, value.mT, atol=1e-6).flatten(-2).all(dim=-1)
    return is_symmetric & fastgrad.linalg.cholesky_ex(value)[1].eq(0)


real = Constraint("numbers", lambda value: value == value)
real_vector = Constraint("vectors of numbers", lambda value: (value == value).all(dim=-1), 1)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
boolean = Constraint("0 or 1", lambda value: (value == 0) | (value == 1), is_discrete=True)
nonnegative_integer = Constraint(
    "whole numbers, 0 or greater", lambda value: _is_whole(value) & (value >= 0), is_discrete=True
)
positive_integer = Constraint(
    "whole numbers, 1 or greater", lambda value: _is_whole(value) & (value >= 1), is_discrete=True
)
simplex = Constraint("vectors of shares that add up to 1", _is_simplex, 1)
one_hot = Constraint("vectors of zeros and a single 1", _is_one_hot, 1, is_discrete=True)
lower_cholesky = Constraint(
    "lower triangular matrices with a positive diagonal", _is_lower_cholesky, 2
)
positive_definite = Constraint("positive definite matrices", _is_positive_definite, 2)
