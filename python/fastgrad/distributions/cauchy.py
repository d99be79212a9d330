"""The Cauchy distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions.families import LocationScale

__all__ = ["Cauchy"]


class Cauchy(LocationScale):
    """Cauchy distributions, which have no mean.

    Args:
        loc: Their medians.
        scale: Half their widths at half their heights.

    Follows ``torch.distributions.Cauchy``.

    >>> import fastgrad as torch
    >>> torch.distributions.Cauchy(0.0, 1.0).cdf(torch.tensor(1.0))
    tensor(0.7500)
    """

    @property
    def mean(self) -> Tensor:
        return fastgrad.full_like(self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        return fastgrad.full_like(self.loc, math.inf)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        drawn = fastgrad.empty(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + drawn.cauchy_() * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        square = ((value - self.loc) / self.scale) ** 2
        return -math.log(math.pi) - self.scale.log() - fastgrad.log1p(square)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return fastgrad.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return fastgrad.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()
