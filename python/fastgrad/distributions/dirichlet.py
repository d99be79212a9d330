"""The Dirichlet distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints, draws
from fastgrad.distributions.distribution import Distribution

__all__ = ["Dirichlet"]


class Dirichlet(Distribution):
    """Dirichlet distributions: of shares that add up to 1.

    Samples are made one after the other, as those of :class:`Gamma`. Their gradients go through the
    gamma-distributed numbers that they are shares of: right on average, but each for itself another
    one than PyTorch's.

    Args:
        concentration: Of each share, in the last dimension.

    Raises:
        ValueError: The concentration has no dimension.

    Follows ``torch.distributions.Dirichlet``.

    >>> import fastgrad as torch
    >>> torch.distributions.Dirichlet(torch.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    has_rsample = True
    arg_constraints: ClassVar = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ValueError("Dirichlet: expected a concentration of one dimension or more, got 0")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0)
        shares = above / above.sum(-1, keepdim=True)
        # Where all are below 1, the density is infinite at each corner; the first one is named.
        is_hollow = (self.concentration < 1).all(dim=-1, keepdim=True)
        corner = fastgrad.zeros(self._event_shape, dtype=shares.dtype)
        corner[0] = 1
        return fastgrad.where(is_hollow, corner, shares)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return draws.dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return (
            fastgrad.xlogy(self.concentration - 1, value).sum(-1)
            + fastgrad.lgamma(self.concentration.sum(-1))
            - fastgrad.lgamma(self.concentration).sum(-1)
        )

    def entropy(self) -> Tensor:
        a, total = self.concentration, self.concentration.sum(-1)
        return (
            fastgrad.lgamma(a).sum(-1)
            - fastgrad.lgamma(total)
            - (a.shape[-1] - total) * fastgrad.digamma(total)
            - ((a - 1) * fastgrad.digamma(a)).sum(-1)
        )
