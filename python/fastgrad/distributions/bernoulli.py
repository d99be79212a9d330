"""The Bernoulli distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.distribution import Distribution
from fastgrad.distributions.utils import (
    broadcast_all,
    lazy_property,
    logits_to_probs,
    one_of,
    probs_to_logits,
)
from fastgrad.nn import functional as F

__all__ = ["Bernoulli"]


class Bernoulli(Distribution):
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
    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean

    def __init__(
        self,
        probs: float | Tensor | None = None,
        logits: float | Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name = one_of(probs=probs, logits=logits)
        (given,) = broadcast_all(probs if logits is None else logits)  # type: ignore[arg-type]
        setattr(self, name, given)
        super().__init__(given.shape, validate_args=validate_args)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities of 1."""
        return logits_to_probs(self.logits, is_binary=True)

    @lazy_property
    def logits(self) -> Tensor:
        """The log odds of 1."""
        return probs_to_logits(self.probs, is_binary=True)

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
