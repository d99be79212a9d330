"""The Poisson distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.distribution import Distribution
from fastgrad.distributions.utils import broadcast_all

__all__ = ["Poisson"]


class Poisson(Distribution):
    """Distributions of counts of independent events.

    Args:
        rate: Their means.

    Follows ``torch.distributions.Poisson``.

    >>> import fastgrad as torch
    >>> torch.distributions.Poisson(5.0).log_prob(torch.tensor(0.0))
    tensor(-5.)
    """

    arg_constraints: ClassVar = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: float | Tensor, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with fastgrad.no_grad():
            return fastgrad.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return fastgrad.xlogy(value, rate) - rate - fastgrad.lgamma(value + 1)
