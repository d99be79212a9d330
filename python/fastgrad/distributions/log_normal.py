"""The log-normal distribution."""

from __future__ import annotations

from collections.abc import Sequence

from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.families import LocationScale
from fastgrad.distributions.normal import Normal

__all__ = ["LogNormal"]


class LogNormal(LocationScale):
    """Distributions of exponentials of normal numbers.

    Args:
        loc: The means of the logarithms.
        scale: The standard deviations of the logarithms.

    Follows ``torch.distributions.LogNormal``.

    >>> import fastgrad as torch
    >>> torch.distributions.LogNormal(0.0, 1.0).mean
    tensor(1.6487)
    """

    support = constraints.positive

    @property
    def _logarithm(self) -> Normal:
        return Normal(self.loc, self.scale, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        square = self.scale**2
        return square.expm1() * (2 * self.loc + square).exp()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._logarithm.rsample(sample_shape).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._logarithm.log_prob(value.log()) - value.log()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._logarithm.cdf(value.log())

    def icdf(self, value: Tensor) -> Tensor:
        return self._logarithm.icdf(value).exp()

    def entropy(self) -> Tensor:
        return self._logarithm.entropy() + self.loc
