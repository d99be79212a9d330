"""The half-normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.distribution import Distribution
from fastgrad.distributions.normal import Normal
from fastgrad.distributions.utils import broadcast_all

__all__ = ["HalfNormal"]


class HalfNormal(Distribution):
    """Distributions of absolute values of normal numbers of mean 0.

    Args:
        scale: The standard deviations of the normal numbers.

    Follows ``torch.distributions.HalfNormal``.

    >>> import fastgrad as torch
    >>> torch.distributions.HalfNormal(1.0).mean
    tensor(0.7979)
    """

    has_rsample = True
    arg_constraints: ClassVar = {"scale": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, scale: float | Tensor, validate_args: bool | None = None) -> None:
        (self.scale,) = broadcast_all(scale)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @property
    def _whole(self) -> Normal:
        return Normal(0, self.scale, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self) -> Tensor:
        return fastgrad.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (1 - 2 / math.pi)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._whole.rsample(sample_shape).abs()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        density = self._whole.log_prob(value) + math.log(2)
        return fastgrad.where(value >= 0, density, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return 2 * self._whole.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self._whole.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self._whole.entropy() - math.log(2)
