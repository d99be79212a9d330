"""Student's t-distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.chi2 import Chi2
from fastgrad.distributions.distribution import Distribution
from fastgrad.distributions.utils import broadcast_all, standard_normal

__all__ = ["StudentT"]


class StudentT(Distribution):
    """Student's t-distributions.

    Args:
        df: Their degrees of freedom.
        loc: Their centers.
        scale: By how much they are wider than the standard one.

    Follows ``torch.distributions.StudentT``.

    >>> import fastgrad as torch
    >>> torch.distributions.StudentT(4.0).variance
    tensor(2.)
    """

    has_rsample = True
    arg_constraints: ClassVar = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real

    def __init__(
        self,
        df: float | Tensor,
        loc: float | Tensor = 0.0,
        scale: float | Tensor = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return fastgrad.where(self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        df = fastgrad.where(self.df > 2, self.df, 3.0)  # or there would be gradients of NaN
        finite = self.scale**2 * df / (df - 2)
        heavy = fastgrad.where(self.df > 1, math.inf, fastgrad.full_like(self.df, math.nan))
        return fastgrad.where(self.df > 2, finite, heavy)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        normal = standard_normal(self._extended_shape(sample_shape), self.df)
        spread = Chi2(self.df, validate_args=False).rsample(sample_shape)
        return self.loc + self.scale * normal * fastgrad.rsqrt(spread / self.df)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        y = (value - self.loc) / self.scale
        constant = (
            self.scale.log()
            + 0.5 * self.df.log()
            + 0.5 * math.log(math.pi)
            + fastgrad.lgamma(0.5 * self.df)
            - fastgrad.lgamma(0.5 * (self.df + 1))
        )
        return -0.5 * (self.df + 1) * fastgrad.log1p(y**2 / self.df) - constant

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = fastgrad.lgamma(half) + math.lgamma(0.5) - fastgrad.lgamma(more)
        return (
            self.scale.log()
            + more * (fastgrad.digamma(more) - fastgrad.digamma(half))
            + 0.5 * self.df.log()
            + log_beta
        )
