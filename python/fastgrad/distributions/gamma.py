"""The gamma distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.distribution import Distribution
from fastgrad.distributions.draws import standard_gamma
from fastgrad.distributions.utils import broadcast_all

__all__ = ["Gamma"]


class Gamma(Distribution):
    """Gamma distributions.

    Samples are made one after the other in Python, so that they are PyTorch's; many take long.

    Args:
        concentration: Their shapes, often called alpha.
        rate: One over their scales, often called beta.

    Follows ``torch.distributions.Gamma``.

    >>> import fastgrad as torch
    >>> torch.distributions.Gamma(3.0, 2.0).mean
    tensor(1.5000)
    """

    has_rsample = True
    arg_constraints: ClassVar = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative

    def __init__(
        self, concentration: float | Tensor, rate: float | Tensor, validate_args: bool | None = None
    ) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        return value.clamp(min=fastgrad.finfo(value.dtype).tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return (
            fastgrad.xlogy(self.concentration, self.rate)
            + fastgrad.xlogy(self.concentration - 1, value)
            - self.rate * value
            - fastgrad.lgamma(self.concentration)
        )

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + fastgrad.lgamma(a) + (1 - a) * fastgrad.digamma(a)
