"""The Bernoulli distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.families import Trial
from fastgrad.distributions.utils import broadcast_all
from fastgrad.nn import functional as F

__all__ = ["Bernoulli"]


class Bernoulli(Trial):
    """Distributions of 1 and 0.

    Args:
        probs: The probabilities of 1; or
        logits: their log odds.

    Raises:
        ValueError: Both are given, or none.

    Follows ``torch.distributions.Bernoulli``.

    >>> import fastgrad as torch
    >>> torch.distributions.Bernoulli(0.25).log_prob(torch.tensor(1.0)).exp()
    tensor(0.2500)
    """

    has_enumerate_support = True
    support = constraints.boolean

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        most = (self.probs >= 0.5).to(self.probs.dtype)
        return fastgrad.where(self.probs == 0.5, math.nan, most)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with fastgrad.no_grad():
            return fastgrad.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        dtype = (self.probs if "probs" in vars(self) else self.logits).dtype
        return self._enumerated(fastgrad.arange(2, dtype=dtype), expand)
