"""The multinomial distribution."""

from __future__ import annotations

from collections.abc import Sequence

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.binomial import Binomial
from fastgrad.distributions.categorical import Categories
from fastgrad.distributions.constraints import Constraint

__all__ = ["Multinomial"]


class Multinomial(Categories):
    """Distributions of how often each category is drawn.

    Args:
        total_count: How often one is drawn.
        probs: The categories' shares, in the last dimension; they need not add up to 1. Or
        logits: their logarithms.

    Raises:
        NotImplementedError: The numbers of draws differ: ``total_count`` is not one number.
        ValueError: Both are given, or none, or they have no dimension.

    Follows ``torch.distributions.Multinomial``.

    >>> import fastgrad as torch
    >>> torch.distributions.Multinomial(6, torch.ones(3) / 3).mean
    tensor([2., 2., 2.])
    """

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("Multinomial: total_count must be one whole number")
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    @property
    def support(self) -> Constraint:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        drawn = self._draw([self.total_count, *sample_shape])
        places = drawn.movedim(0, -1)
        counts = fastgrad.zeros(self._extended_shape(sample_shape), dtype=self.probs.dtype)
        return counts.scatter_add_(-1, places, fastgrad.ones(places.shape, dtype=counts.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = fastgrad.broadcast_tensors(self.logits, value)
        ways = fastgrad.lgamma(value.sum(-1) + 1) - fastgrad.lgamma(value + 1).sum(-1)
        # What is never drawn and cannot be adds nothing, but 0 * -inf would be NaN.
        logits = logits.masked_fill((value == 0) & (logits == -fastgrad.inf), 0)
        return ways + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        n = self.total_count
        each = Binomial(n, self.probs, validate_args=False)
        counts = each.enumerate_support(expand=False)[1:]
        repeats = (each.log_prob(counts).exp() * fastgrad.lgamma(counts + 1)).sum(dim=(0, -1))
        log_factorial = fastgrad.lgamma(fastgrad.tensor(n + 1.0, dtype=self.probs.dtype))
        return n * self._entropy() - log_factorial + repeats
