"""Distances and similarities of vectors, each above its gradient where that is no composition."""

from __future__ import annotations

from math import prod

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops.binary import div, mul
from fastgrad.ops.broadcast import broadcast_shapes, broadcast_tensors, expand
from fastgrad.ops.comparison import eq
from fastgrad.ops.direct import autocast
from fastgrad.ops.indexing import masked_fill
from fastgrad.ops.matmul import matmul
from fastgrad.ops.reduction import sum
from fastgrad.ops.shape import reshape, unsqueeze
from fastgrad.ops.unary import abs, sign
from fastgrad.ops.vector_norm import vector_norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = ["cdist", "cosine_similarity", "pairwise_distance", "pdist"]

_BY_PRODUCT = {
    "use_mm_for_euclid_dist": True,
    "donot_use_mm_for_euclid_dist": False,
    "use_mm_for_euclid_dist_if_necessary": None,  # for more than 25 vectors on a side
}


@autocast("float32")
def cdist(
    x1: Tensor,
    x2: Tensor,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """The p-norms of the differences of all pairs of vectors; between equal ones the gradient is 0.

    Args:
        x1: (..., n, features).
        x2: (..., m, features); the dimensions before the last two broadcast.
        p: from 0 (how many components differ) to infinity (the largest difference).
        compute_mode: whether for p = 2 the distances come from a matrix product, which is fast but
            loses digits where vectors nearly agree; as PyTorch, only when there are more than 25.

    Raises:
        RuntimeError: the shapes or dtypes do not fit, no floats, or p is negative.
        ValueError: no such mode.

    Follows ``torch.cdist``.

    >>> import fastgrad as torch
    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    _check(x1, x2, p)
    if compute_mode not in _BY_PRODUCT:
        raise ValueError(
            f"{compute_mode} is not a valid value for compute_mode; choose from {[*_BY_PRODUCT]}"
        )
    batch = broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    first, second = _in_batch(x1, batch), _in_batch(x2, batch)
    wanted = _BY_PRODUCT[compute_mode]
    many = max(x1.shape[-2], x2.shape[-2]) > 25
    by_product = p == 2 and (many if wanted is None else wanted)
    out = _distances(first, second, float(p), by_product)
    return reshape(out, (*batch, x1.shape[-2], x2.shape[-2]))


def _in_batch(x: Tensor, batch: Sizes) -> Tensor:
    """As (all of the batch, n, features)."""
    sizes = x.shape[-2:]
    return reshape(expand(x, (*batch, *sizes)), (prod(batch), *sizes))


def _check(x1: Tensor, x2: Tensor, p: float) -> None:
    for name, x in (("X1", x1), ("X2", x2)):
        if x.ndim < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D; use unsqueeze()"
            )
        if not x.dtype.is_floating_point:
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {x.dtype}; use .float()"
            )
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            "cdist: X1 and X2 must have the same number of columns. "
            f"X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")


def _distances(x: Tensor, y: Tensor, p: float, by_product: bool) -> Tensor:
    """Of (batch, n, features) and (batch, m, features)."""
    out = _by_product(x, y) if by_product else _core.cdist(x, y, p)
    if out.requires_grad:
        record_result(out, cdist_vjp, _core.edges(x, y), (x, y, p))
    return out


def _by_product(x: Tensor, y: Tensor) -> Tensor:
    """sqrt(|x|^2 - 2 x.y + |y|^2), as one product of matrices."""
    lengths = _core.add(
        _core.square_sum(x, -1, True), _core.transpose(_core.square_sum(y, -1, True), -2, -1)
    )
    products = _core.matmul(x, _core.transpose(y, -2, -1))
    return _core.sqrt(_core.maximum(_core.sub(lengths, _core.mul_(products, 2)), 0))


def cdist_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, y, p, distance = saved
    if p == 2:
        equal = eq(distance, 0)
        weights = masked_fill(div(grad, masked_fill(distance, equal, 1.0)), equal, 0.0)
        return (
            None if needs[0] is None else _pulled(x, y, weights),
            None if needs[1] is None else _pulled(y, x, weights.transpose(-2, -1)),
        )
    steps = _steps(unsqueeze(x, 2) - unsqueeze(y, 1), unsqueeze(distance, 3), p)
    steps = mul(steps, unsqueeze(grad, 3))
    return (
        None if needs[0] is None else sum(steps, 2),
        None if needs[1] is None else -sum(steps, 1),
    )


def _pulled(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Each x times the sum of its weights, minus the weighted sum of the y."""
    return mul(x, sum(weights, -1, True)) - matmul(weights, y)


def _steps(difference: Tensor, distance: Tensor, p: float) -> Tensor:
    """What the distance gains for each component of the difference."""
    if p == 0:
        return mul(difference, 0)
    if p == 1:
        return sign(difference)
    size = abs(difference)
    if p == float("inf"):
        return mul(sign(difference), eq(size, distance).to(size.dtype))
    none, equal = eq(size, 0), eq(distance, 0)
    ratio = div(masked_fill(size, none, 1.0), masked_fill(distance, equal, 1.0))
    return masked_fill(mul(sign(difference), ratio ** (p - 1)), none, 0.0)


def at_least(x: Tensor, least: float) -> Tensor:
    """x limited from below, with the gradient of x: what is kept away from 0 still learns."""
    out = _core.maximum(x, least)
    if out.requires_grad:
        record(out, at_least_vjp, _core.edges(x))
    return out


def at_least_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)


@autocast("float32")
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
    return sum(units[0] * units[1], dim)


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


@autocast("float32")
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
    pairs = _core.full_at(input.get_device(), (n, n), 1, _core.bool)
    rows, columns = _core.nonzero(_core.triu(pairs, 1)).unbind(1)
    difference = input[rows] - input[columns]
    return vector_norm(difference, p, 1) if input.shape[1] else sum(difference, 1)
