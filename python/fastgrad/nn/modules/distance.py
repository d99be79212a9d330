"""Distances and similarities of vectors."""

from __future__ import annotations

from .. import functional as F
from ..module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ... import Tensor

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    """The p-norm of the difference of vectors.

    Args:
        p: of the norm.
        eps: added to the difference.
        keepdim: keep the vectors' dimension, with size 1.

    Shapes: inputs (N, D) or (D,), output (N,) or (), with `keepdim` (N, 1) or (1,).

    Follows torch.nn.PairwiseDistance.

    >>> import fastgrad as torch
    >>> torch.nn.PairwiseDistance()(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2))
    tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distances of two inputs of the same shape."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between vectors.

    Args:
        dim: the dimension along which they lie.
        eps: the least product of lengths.

    Shapes: inputs that broadcast, output without dimension `dim`.

    Follows torch.nn.CosineSimilarity.

    >>> import fastgrad as torch
    >>> torch.nn.CosineSimilarity()(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([0.6000])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The cosines of two inputs."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
