"""The geometric distribution."""

from __future__ import annotations

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

__all__ = ["Geometric"]


class Geometric(Distribution):
    """Distributions of the number of failures before the first success.

    Args:
        probs: The probabilities of success; or
        logits: their log odds.

    Raises:
        ValueError: Both are given, or none; a probability is 0.

    Follows ``torch.distributions.Geometric``.

    >>> import fastgrad as torch
    >>> torch.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

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
        if self._validate_args and name == "probs" and not bool((given > 0).all()):
            raise ValueError(f"Geometric: expected probs above 0, got {given}")

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @lazy_property
    def logits(self) -> Tensor:
        """The log odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return fastgrad.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with fastgrad.no_grad():
            u = fastgrad.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype)
            u = u.clamp(min=fastgrad.finfo(u.dtype).tiny)
            return (u.log() / fastgrad.log1p(-self.probs)).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return value * F.logsigmoid(-logits) + F.logsigmoid(logits)

    def entropy(self) -> Tensor:
        both = F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return both / self.probs
