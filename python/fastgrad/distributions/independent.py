"""Several distributions as one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

from fastgrad import Size, Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.constraints import Constraint
from fastgrad.distributions.distribution import Distribution

__all__ = ["Independent"]


class Independent(Distribution):
    """Distributions of which those along the last dimensions of the batch make one.

    Args:
        base_distribution: The distributions.
        reinterpreted_batch_ndims: How many dimensions of the batch become dimensions of a value.

    Raises:
        ValueError: The batch has fewer dimensions.

    Follows ``torch.distributions.Independent``.

    >>> import fastgrad as torch
    >>> base = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    >>> torch.distributions.Independent(base, 1).log_prob(torch.zeros(3))
    tensor(-2.7568)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        shape = base_distribution.batch_shape
        if not 0 <= reinterpreted_batch_ndims <= len(shape):
            raise ValueError(
                f"Independent: expected 0 to {len(shape)} dimensions of the batch "
                f"{list(shape)}, got {reinterpreted_batch_ndims}"
            )
        kept = len(shape) - reinterpreted_batch_ndims
        event_shape = [*shape[kept:], *base_distribution.event_shape]
        super().__init__(shape[:kept], event_shape, validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has gradients through its values."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether the values can be listed: only if no dimension was taken."""
        return self.base_dist.has_enumerate_support and not self.reinterpreted_batch_ndims

    @property
    def support(self) -> Constraint:
        inner = self.base_dist.support
        number = self.reinterpreted_batch_ndims
        return constraints.independent(inner, number) if number else inner

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def expand(self, batch_shape: Sequence[int]) -> Self:
        new = copy.copy(self)
        taken = self.base_dist.batch_shape[len(self._batch_shape) :]
        new.base_dist = self.base_dist.expand([*batch_shape, *taken])
        new._batch_shape = Size(batch_shape)
        return new

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def _summed(self, each: Tensor) -> Tensor:
        number = self.reinterpreted_batch_ndims
        return each.flatten(each.ndim - number).sum(-1) if number else each

    def log_prob(self, value: Tensor) -> Tensor:
        return self._summed(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        return self._summed(self.base_dist.entropy())

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError("Independent: values of several numbers are not listed")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"
