"""The chi-squared distribution."""

from __future__ import annotations

from typing import ClassVar

from fastgrad import Tensor
from fastgrad.distributions import constraints
from fastgrad.distributions.gamma import Gamma
from fastgrad.distributions.utils import broadcast_all

__all__ = ["Chi2"]


class Chi2(Gamma):
    """Distributions of sums of squares of standard normal numbers.

    Args:
        df: How many there are in the sum, the degrees of freedom.

    Follows ``torch.distributions.Chi2``.

    >>> import fastgrad as torch
    >>> torch.distributions.Chi2(3.0).mean
    tensor(3.)
    """

    arg_constraints: ClassVar = {"df": constraints.positive}

    def __init__(self, df: float | Tensor, validate_args: bool | None = None) -> None:
        (df,) = broadcast_all(df)
        super().__init__(df / 2, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2
