"""The geometric distribution."""

from __future__ import annotations

from collections.abc import Sequence

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.families import Trial
from fastgrad.distributions.utils import broadcast_all
from fastgrad.nn import functional as F

__all__ = ["Geometric"]


class Geometric(Trial):
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

    support = constraints.nonnegative_integer

    def __init__(
        self,
        probs: float | Tensor | None = None,
        logits: float | Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits, validate_args)
        if self._validate_args and logits is None and not bool((self.probs > 0).all()):
            raise ValueError(f"Geometric: expected probs above 0, got {self.probs}")

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
