"""What all distributions have."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import fastgrad
from fastgrad import Size, Tensor
from fastgrad.distributions.constraints import Constraint
from fastgrad.distributions.utils import lazy_property

__all__ = ["Distribution"]


class Distribution:
    """A distribution, or a batch of them.

    A sample has the shape ``sample_shape + batch_shape + event_shape``: how many were drawn, how
    many distributions there are, and what one value looks like.

    Args:
        batch_shape: The shape of the batch.
        event_shape: The shape of one value.
        validate_args: Whether parameters and values are checked; None for the default.

    Raises:
        ValueError: A parameter is not what the distribution needs.

    Follows ``torch.distributions.Distribution``.
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    _validate_args = __debug__

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Say whether distributions check parameters and values unless told otherwise."""
        Distribution._validate_args = value

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            if name not in vars(self) and isinstance(getattr(type(self), name), lazy_property):
                continue  # it will be computed from what is checked
            value = getattr(self, name)
            if isinstance(value, Tensor) and not bool(constraint.check(value).all()):
                raise ValueError(
                    f"{type(self).__name__}: expected {name} to be {constraint}, got {value}"
                )

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one value."""
        return self._event_shape

    @property
    def support(self) -> Constraint:
        """Which values there are."""
        raise NotImplementedError(f"{type(self).__name__}.support")

    @property
    def mean(self) -> Tensor:
        """The mean of each distribution."""
        raise NotImplementedError(f"{type(self).__name__}.mean")

    @property
    def mode(self) -> Tensor:
        """The most likely value of each distribution."""
        raise NotImplementedError(f"{type(self).__name__}.mode")

    @property
    def variance(self) -> Tensor:
        """The variance of each distribution."""
        raise NotImplementedError(f"{type(self).__name__}.variance")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def expand(self, batch_shape: Sequence[int]) -> Self:
        """The same distributions in a larger batch; no memory is copied."""
        new = copy.copy(self)
        new._batch_shape = Size(batch_shape)
        own = len(self._batch_shape)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(new, name, value.expand(*batch_shape, *value.shape[own:]))
        return new

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, without a graph."""
        with fastgrad.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values that the parameters get gradients through.

        Raises:
            NotImplementedError: The values have no such gradient; ``has_rsample`` says so.
        """
        raise NotImplementedError(f"{type(self).__name__}.rsample")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, at values.

        Raises:
            ValueError: A value is not one of the distribution, or its shape does not fit.
        """
        raise NotImplementedError(f"{type(self).__name__}.log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of being at most a value."""
        raise NotImplementedError(f"{type(self).__name__}.cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The value that a sample is at most, with a given probability."""
        raise NotImplementedError(f"{type(self).__name__}.icdf")

    def entropy(self) -> Tensor:
        """The entropy of each distribution, in nats."""
        raise NotImplementedError(f"{type(self).__name__}.entropy")

    def perplexity(self) -> Tensor:
        """The exponential of the entropy."""
        return fastgrad.exp(self.entropy())

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution, along a new first dimension.

        Args:
            expand: Whether the other dimensions are those of the batch, or of size one.
        """
        raise NotImplementedError(f"{type(self).__name__}.enumerate_support")

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        """The numbers [n] in the form that `enumerate_support` promises."""
        values = values.reshape(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Size:
        return Size([*sample_shape, *self._batch_shape, *self._event_shape])

    def _validate_sample(self, value: Any) -> None:
        if not self._validate_args:
            return
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise ValueError(f"{name}: expected values in a tensor, got {type(value).__name__}")
        wanted = [*self._batch_shape, *self._event_shape]
        first = value.ndim - len(self._event_shape)
        pairs = zip(reversed(value.shape), reversed(wanted), strict=False)
        fits = all(a == b or 1 in (a, b) for a, b in pairs)
        if first < 0 or tuple(value.shape[first:]) != tuple(self._event_shape) or not fits:
            raise ValueError(
                f"{name}: expected values of shape {wanted}, or that broadcast with it, got "
                f"{list(value.shape)}"
            )
        if not bool(self.support.check(value).all()):
            raise ValueError(f"{name}: expected values that are {self.support}, got {value}")

    def __repr__(self) -> str:
        given = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        parts = [f"{n}: {v if v.numel() == 1 else v.size()}" for n, v in given.items()]
        return f"{type(self).__name__}({', '.join(parts)})"
