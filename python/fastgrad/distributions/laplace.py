"""The Laplace distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.distribution import Distribution
from fastgrad.distributions.utils import broadcast_all

__all__ = ["Laplace"]


class Laplace(Distribution):
    """Laplace distributions.

    Args:
        loc: Their means.
        scale: Their mean distances from it.

    Follows ``torch.distributions.Laplace``.

    >>> import fastgrad as torch
    >>> torch.distributions.Laplace(0.0, 1.0).variance
    tensor(2.)
    """

    has_rsample = True
    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(
        self, loc: float | Tensor, scale: float | Tensor, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale**2

    @property
    def stddev(self) -> Tensor:
        return 2**0.5 * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        drawn = fastgrad.empty(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        drawn.uniform_(fastgrad.finfo(drawn.dtype).eps - 1, 1)
        return self.loc - self.scale * drawn.sign() * fastgrad.log1p(-drawn.abs())

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -fastgrad.log(2 * self.scale) - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        distance = value - self.loc
        return 0.5 - 0.5 * distance.sign() * fastgrad.expm1(-distance.abs() / self.scale)

    def icdf(self, value: Tensor) -> Tensor:
        term = value - 0.5
        return self.loc - self.scale * term.sign() * fastgrad.log1p(-2 * term.abs())

    def entropy(self) -> Tensor:
        return 1 + fastgrad.log(2 * self.scale)
