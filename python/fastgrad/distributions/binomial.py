"""The binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints, draws
from fastgrad.distributions.constraints import Constraint
from fastgrad.distributions.families import Successes
from fastgrad.distributions.utils import (
    broadcast_all,
    one_of,
)
from fastgrad.nn import functional as F

__all__ = ["Binomial"]


class Binomial(Successes):
    """Distributions of the number of successes in a number of trials.

    Samples are made one after the other in Python, so that they are PyTorch's.

    Args:
        total_count: The numbers of trials.
        probs: The probabilities of success; or
        logits: their log odds.

    Raises:
        ValueError: Both are given, or none.

    Follows ``torch.distributions.Binomial``.

    >>> import fastgrad as torch
    >>> torch.distributions.Binomial(10, 0.25).mean
    tensor(2.5000)
    """

    has_enumerate_support = True
    arg_constraints: ClassVar = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }

    def __init__(
        self,
        total_count: int | Tensor = 1,
        probs: float | Tensor | None = None,
        logits: float | Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name = one_of(probs=probs, logits=logits)
        count, given = broadcast_all(total_count, probs if logits is None else logits)  # type: ignore[arg-type]
        self.total_count = count.type_as(given)
        setattr(self, name, given)
        super().__init__(given.shape, validate_args=validate_args)

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return fastgrad.minimum(((self.total_count + 1) * self.probs).floor(), self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with fastgrad.no_grad():
            return draws.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        failures = self.total_count - value
        ways = (
            fastgrad.lgamma(self.total_count + 1)
            - fastgrad.lgamma(value + 1)
            - fastgrad.lgamma(failures + 1)
        )
        return ways + value * self.logits + self.total_count * F.logsigmoid(-self.logits)

    def entropy(self) -> Tensor:
        """The entropy of each distribution, in nats.

        Raises:
            NotImplementedError: The numbers of trials differ.
        """
        log_probs = self.log_prob(self.enumerate_support(expand=False))
        return -(log_probs.exp() * log_probs).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        count = int(self.total_count.max())
        if not bool((self.total_count == count).all()):
            raise NotImplementedError("Binomial: the numbers of trials differ, so their values do")
        values = fastgrad.arange(1 + count, dtype=self.total_count.dtype)
        return self._enumerated(values, expand)
