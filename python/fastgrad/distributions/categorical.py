"""The categorical distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import fastgrad
from fastgrad import Size, Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.constraints import Constraint
from fastgrad.distributions.distribution import Distribution
from fastgrad.distributions.utils import (
    lazy_property,
    logits_to_probs,
    one_of,
    probs_to_logits,
)

__all__ = ["Categorical"]


class Categories(Distribution):
    """What distributions over categories share, whatever their values look like.

    Args:
        probs: The categories' shares, in the last dimension; they need not add up to 1. Or
        logits: their logarithms.

    Raises:
        ValueError: Both are given, or none, or they have no dimension.
    """

    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _has_events: ClassVar = True  # a value has a number for each category

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name = one_of(probs=probs, logits=logits)
        given = probs if logits is None else logits
        assert given is not None
        if given.ndim < 1:
            raise ValueError(
                f"{type(self).__name__}: expected {name} of one dimension or more, got 0"
            )
        if name == "probs":
            self.probs = given / given.sum(-1, keepdim=True)
        else:
            self.logits = given - given.logsumexp(dim=-1, keepdim=True)
        event_shape = given.shape[-1:] if self._has_events else ()
        super().__init__(given.shape[:-1], event_shape, validate_args=validate_args)

    @lazy_property
    def probs(self) -> Tensor:
        """The categories' probabilities."""
        return logits_to_probs(self.logits)

    @lazy_property
    def logits(self) -> Tensor:
        """The logarithms of the categories' probabilities."""
        return probs_to_logits(self.probs)

    @property
    def param_shape(self) -> Size:
        """The shape of the batch, and the number of categories."""
        return Size([*self._batch_shape, self._number])

    @property
    def _number(self) -> int:
        return int((self.probs if "probs" in vars(self) else self.logits).shape[-1])

    def _draw(self, sample_shape: Sequence[int]) -> Tensor:
        """The numbers of categories, of shape ``sample_shape + batch_shape``."""
        rows = self.probs.detach().reshape(-1, self._number)
        drawn = fastgrad.multinomial(rows, math.prod(sample_shape), replacement=True)
        return fastgrad.reshape(drawn.T, (*sample_shape, *self._batch_shape))

    def _log_prob_of(self, category: Tensor) -> Tensor:
        category, logits = fastgrad.broadcast_tensors(category.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, category[..., :1]).squeeze(-1)

    def _entropy(self) -> Tensor:
        # A category of probability 0 adds nothing, but 0 * -inf would be NaN.
        finite = self.logits.clamp(min=fastgrad.finfo(self.logits.dtype).min)
        return -(finite * self.probs).sum(-1)

    def _one_hot(self, category: Tensor) -> Tensor:
        return fastgrad.nn.functional.one_hot(category, self._number).to(self.probs.dtype)


class Categorical(Categories):
    """Distributions over the numbers 0, 1, ... of categories.

    Args:
        probs: The categories' shares, in the last dimension; they need not add up to 1. Or
        logits: their logarithms.

    Raises:
        ValueError: Both are given, or none, or they have no dimension.

    Follows ``torch.distributions.Categorical``.

    >>> import fastgrad as torch
    >>> m = torch.distributions.Categorical(torch.tensor([1.0, 3.0]))
    >>> m.log_prob(torch.tensor([0, 1])).exp()
    tensor([0.2500, 0.7500])
    """

    has_enumerate_support = True
    _has_events = False

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self._number - 1)

    @property
    def mean(self) -> Tensor:
        """NaN: numbers of categories have no mean."""
        return fastgrad.full(self._batch_shape, math.nan, dtype=self.probs.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(dim=-1)

    @property
    def variance(self) -> Tensor:
        """NaN: numbers of categories have no variance."""
        return fastgrad.full(self._batch_shape, math.nan, dtype=self.probs.dtype)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._draw(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._log_prob_of(value)

    def entropy(self) -> Tensor:
        return self._entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(fastgrad.arange(self._number), expand)
