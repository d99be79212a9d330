"""Distances and similarities of vectors, each above its gradient where that is no composition."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.reduction import sum as sum_
from fastgrad.ops.shape import broadcast_tensors
from fastgrad.ops.vector_norm import vector_norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "cosine_similarity",
    "pairwise_distance",
    "pdist",
]


def at_least(x: Tensor, least: float) -> Tensor:
    """x limited from below, with the gradient of x: what is kept away from 0 still learns."""
    out = _core.maximum(x, least)
    if out.requires_grad:
        record(out, at_least_vjp, _core.edges(x))
    return out


def at_least_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along a dimension; norms count as at least `eps`.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: shapes do not broadcast, or the elements are no floats.

    Follows ``torch.nn.functional.cosine_similarity``.

    >>> import fastgrad as torch
    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    >>> torch.nn.functional.cosine_similarity(a, b)
    tensor([0.6000])
    """
    for x in (x1, x2):
        if not x.dtype.is_floating_point:
            raise RuntimeError(
                f"cosine_similarity: expected floats, got {x.dtype}; convert with .float()"
            )
    if x1.shape != x2.shape:  # `dim` is one after broadcasting
        x1, x2 = broadcast_tensors(x1, x2)
    units = [x / at_least(vector_norm(x, 2, dim, True), eps) for x in (x1, x2)]
    return sum_(units[0] * units[1], dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension.

    Follows ``torch.nn.functional.pairwise_distance``.

    >>> import fastgrad as torch
    >>> a, b = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    >>> torch.nn.functional.pairwise_distance(a, b)
    tensor([5.0000])
    """
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The p-norm distances of all pairs i < j of rows of a matrix, row by row.

    Raises:
        RuntimeError: the input is no matrix of floats, or p is negative.

    Follows ``torch.nn.functional.pdist``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.pdist(torch.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    if input.ndim != 2 or not input.dtype.is_floating_point:
        raise RuntimeError(
            f"pdist only supports 2D tensors of floats, got: {input.ndim}D of {input.dtype}"
        )
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values, got {p}")
    n = input.shape[0]
    rows, columns = _core.nonzero(_core.triu(_core.full((n, n), 1, _core.bool), 1)).unbind(1)
    difference = input[rows] - input[columns]
    return vector_norm(difference, p, 1) if input.shape[1] else sum_(difference, 1)
