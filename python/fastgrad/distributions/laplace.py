"""The Laplace distribution."""

from __future__ import annotations

from collections.abc import Sequence

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions.families import LocationScale

__all__ = ["Laplace"]


class Laplace(LocationScale):
    """Laplace distributions.

    Args:
        loc: Their means.
        scale: Their mean distances from it.

    Follows ``torch.distributions.Laplace``.

    >>> import fastgrad as torch
    >>> torch.distributions.Laplace(0.0, 1.0).variance
    tensor(2.)
    """

    @property
    def mean(self) -> Tensor:
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
