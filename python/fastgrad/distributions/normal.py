"""The normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions.families import LocationScale
from fastgrad.distributions.utils import standard_normal

__all__ = ["Normal"]


class Normal(LocationScale):
    """Normal distributions.

    Args:
        loc: Their means.
        scale: Their standard deviations.

    Follows ``torch.distributions.Normal``.

    >>> import fastgrad as torch
    >>> m = torch.distributions.Normal(0.0, torch.tensor([1.0, 2.0]))
    >>> m.log_prob(torch.tensor(0.0))
    tensor([-0.9189, -1.6121])
    """

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with fastgrad.no_grad():
            return fastgrad.normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + noise * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        quadratic = (value - self.loc) ** 2 / (2 * self.variance)
        return -quadratic - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return 0.5 * (1 + fastgrad.erf((value - self.loc) / self.scale / math.sqrt(2)))

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * fastgrad.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
