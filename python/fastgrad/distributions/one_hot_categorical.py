"""The categorical distribution whose values are one-hot vectors."""

from __future__ import annotations

from collections.abc import Sequence

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.categorical import Categories

__all__ = ["OneHotCategorical"]


class OneHotCategorical(Categories):
    """Distributions over vectors that are 1 at a category and 0 elsewhere.

    Args:
        probs: The categories' shares, in the last dimension; they need not add up to 1. Or
        logits: their logarithms.

    Raises:
        ValueError: Both are given, or none, or they have no dimension.

    Follows ``torch.distributions.OneHotCategorical``.

    >>> import fastgrad as torch
    >>> torch.distributions.OneHotCategorical(torch.tensor([0.0, 1.0])).sample()
    tensor([0., 1.])
    """

    has_enumerate_support = True
    support = constraints.one_hot

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return self._one_hot(self.probs.argmax(dim=-1))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._one_hot(self._draw(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._log_prob_of(value.argmax(dim=-1))

    def entropy(self) -> Tensor:
        return self._entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        number = self._number
        values = fastgrad.eye(number, dtype=self.probs.dtype)
        values = values.reshape(number, *[1] * len(self._batch_shape), number)
        return values.expand(number, *self._batch_shape, number) if expand else values
