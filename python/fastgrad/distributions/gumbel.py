"""The Gumbel distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions.families import LocationScale

__all__ = ["Gumbel"]

EULER = 0.57721566490153286060


class Gumbel(LocationScale):
    """Gumbel distributions: of the largest of many exponentially distributed numbers.

    Args:
        loc: Their most likely values.
        scale: Their widths.

    Follows ``torch.distributions.Gumbel``.

    >>> import fastgrad as torch
    >>> torch.distributions.Gumbel(1.0, 2.0).mean
    tensor(2.1544)
    """

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * EULER

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        info = fastgrad.finfo(self.loc.dtype)
        drawn = fastgrad.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        inside = info.tiny + drawn * (1 - info.eps - info.tiny)  # both logarithms are finite
        return self.loc - self.scale * (-inside.log()).log()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return (-((self.loc - value) / self.scale).exp()).exp()

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc - self.scale * (-value.log()).log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + EULER)
