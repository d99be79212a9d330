"""The multivariate normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import fastgrad
from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.distribution import Distribution
from fastgrad.distributions.utils import lazy_property, one_of, standard_normal

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Distribution):
    """Normal distributions of vectors.

    Args:
        loc: Their means [..., n].
        covariance_matrix: Their covariances [..., n, n]; or
        precision_matrix: the inverses of these; or
        scale_tril: their lower triangular factors, with a positive diagonal.

    Raises:
        ValueError: Not exactly one matrix is given, or it has less than two dimensions.

    Follows ``torch.distributions.MultivariateNormal``.

    >>> import fastgrad as torch
    >>> m = torch.distributions.MultivariateNormal(torch.zeros(2), 4 * torch.eye(2))
    >>> m.log_prob(torch.zeros(2))
    tensor(-3.2242)
    """

    has_rsample = True
    arg_constraints: ClassVar = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        name = one_of(**matrices)
        matrix = matrices[name]
        assert matrix is not None
        if loc.ndim < 1 or matrix.ndim < 2:
            raise ValueError(
                f"MultivariateNormal: expected loc of one dimension or more and {name} of two or "
                f"more, got {loc.ndim} and {matrix.ndim}"
            )
        batch = fastgrad.broadcast_shapes(loc.shape[:-1], matrix.shape[:-2])
        self.loc = loc.expand(*batch, -1)
        setattr(self, name, matrix.expand(*batch, -1, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular factors of the covariances."""
        if "covariance_matrix" in vars(self):
            return fastgrad.linalg.cholesky(self.covariance_matrix)
        # The factor of the matrix turned round is the inverse of ours, turned round.
        turned = fastgrad.linalg.cholesky(self.precision_matrix.flip(-2, -1))
        inverse = turned.flip(-2, -1).mT
        return fastgrad.linalg.solve_triangular(inverse, self._identity(), upper=False)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariances."""
        return fastgrad.matmul(self.scale_tril, self.scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverses of the covariances."""
        inverse = fastgrad.linalg.solve_triangular(self.scale_tril, self._identity(), upper=False)
        return fastgrad.matmul(inverse.mT, inverse)

    def _identity(self) -> Tensor:
        identity = fastgrad.eye(self._event_shape[0], dtype=self.loc.dtype)
        return identity.expand(*self._batch_shape, -1, -1)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self.scale_tril**2).sum(-1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    @property
    def _half_log_det(self) -> Tensor:
        return self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        difference = (value - self.loc).unsqueeze(-1)
        whitened = fastgrad.linalg.solve_triangular(self.scale_tril, difference, upper=False)
        distance = (whitened**2).sum((-2, -1))
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + distance) - self._half_log_det

    def entropy(self) -> Tensor:
        constant = self._event_shape[0] * (1 + math.log(2 * math.pi))
        return 0.5 * constant + self._half_log_det
