"""Products of vectors and chains of matrices, made of other functions."""

from __future__ import annotations

from fastgrad.ops.binary import mul
from fastgrad.ops.broadcast import broadcast_tensors
from fastgrad.ops.diagonal import diagonal
from fastgrad.ops.direct import autocast
from fastgrad.ops.joining import stack
from fastgrad.ops.matmul import matmul
from fastgrad.ops.reduction import sum
from fastgrad.ops.shape import reshape, select, squeeze, unsqueeze

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgrad.tensor import Tensor

__all__ = ["chain_matmul", "cross", "kron"]


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product: each element of one tensor times the whole other one.

    Follows ``torch.kron``.

    >>> import fastgrad as torch
    >>> torch.kron(torch.eye(2), torch.tensor([[1.0, 2.0]]))
    tensor([[1., 2., 0., 0.],
            [0., 0., 1., 2.]])
    """
    width = max(input.ndim, other.ndim)
    a = (1,) * (width - input.ndim) + tuple(input.shape)
    b = (1,) * (width - other.ndim) + tuple(other.shape)
    blocks = mul(
        reshape(input, [n for size in a for n in (size, 1)]),
        reshape(other, [n for size in b for n in (1, size)]),
    )
    return reshape(blocks, [m * n for m, n in zip(a, b, strict=True)])


@autocast("widest")
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector products along a dimension of size 3, without `dim` the first such one.

    Raises:
        RuntimeError: no dimension of size 3, or the tensors do not broadcast.

    Follows ``torch.cross``.

    >>> import fastgrad as torch
    >>> torch.cross(torch.tensor([[1, 0, 0]]), torch.tensor([[0, 1, 0]]), dim=1)
    tensor([[0, 0, 1]])
    """
    if dim is None:
        shape = list(input.shape)
        if 3 not in shape:
            raise RuntimeError(f"cross: no dimension of size 3 in input, whose shape is {shape}")
        dim = shape.index(3)
    return vector_cross(input, other, dim=dim)


def vector_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector products along a dimension of size 3, the last one unless `dim` says another.

    Raises:
        RuntimeError: that size is not 3, or the tensors do not broadcast.

    Follows ``torch.linalg.cross``.

    >>> import fastgrad as torch
    >>> torch.linalg.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    if input.ndim != other.ndim:
        raise RuntimeError(
            "linalg.cross: inputs must have the same number of dimensions, got shapes "
            f"{list(input.shape)} and {list(other.shape)}; use unsqueeze()"
        )
    if input.size(dim) != 3 or other.size(dim) != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.size(dim)} and "
            f"{other.size(dim)}"
        )
    a, b = broadcast_tensors(input, other)
    a0, a1, a2 = (select(a, dim, i) for i in range(3))
    b0, b1, b2 = (select(b, dim, i) for i in range(3))
    return stack((a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0), dim)


def matrix_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonals of matrices, along the last dimension.

    Follows ``torch.linalg.diagonal``.

    >>> import fastgrad as torch
    >>> torch.linalg.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return diagonal(A, offset, dim1, dim2)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The inner products along a dimension of tensors that broadcast.

    Raises:
        RuntimeError: they do not broadcast, or have different dtypes.

    Follows ``torch.linalg.vecdot``.

    >>> import fastgrad as torch
    >>> torch.linalg.vecdot(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([10.0, 1.0]))
    tensor([12., 34.])
    """
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"linalg.vecdot: expected vectors of one dtype, but found {x.dtype} and {y.dtype}; "
            "convert one of them with .to(...)"
        )
    return sum(mul(x, y), dim, dtype=x.dtype)


@autocast("half")
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices, in the order that takes the fewest multiplications.

    Raises:
        RuntimeError: no matrices, or their sizes do not fit.

    Follows ``torch.chain_matmul``.

    >>> import fastgrad as torch
    >>> torch.chain_matmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1))
    tensor([[12.],
            [12.]])
    """
    for place, matrix in enumerate(matrices):
        if matrix.ndim != 2:
            raise RuntimeError(
                f"chain_matmul(): tensor {place} must be 2D but got {matrix.ndim}D of shape "
                f"{list(matrix.shape)}; matmul() takes any"
            )
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


@autocast("half")
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of matrices, in the order that takes the fewest multiplications.

    Args:
        tensors: two or more; all have two dimensions, but the first may be a row vector and the
            last a column vector with one.

    Raises:
        RuntimeError: fewer than two, or their sizes or dtypes do not fit.

    Follows ``torch.linalg.multi_dot``.

    >>> import fastgrad as torch
    >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4)])
    tensor([12., 12.])
    """
    parts = list(tensors)
    if len(parts) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(parts)}")
    dropped = [-2] if parts[0].ndim == 1 else []
    dropped += [-1] if parts[-1].ndim == 1 else []
    if parts[0].ndim == 1:
        parts[0] = unsqueeze(parts[0], 0)
    if parts[-1].ndim == 1:
        parts[-1] = unsqueeze(parts[-1], 1)
    _check_chain(parts)
    out = _multiplied(parts, _best_cuts(parts), 0, len(parts) - 1)
    return squeeze(out, tuple(dropped)) if dropped else out


def _check_chain(parts: list[Tensor]) -> None:
    for i, part in enumerate(parts):
        if part.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {part.ndim}D")
        if part.dtype is not parts[0].dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must be the same dtype but tensor 0 is "
                f"{parts[0].dtype} and tensor {i} {part.dtype}"
            )
        if i and parts[i - 1].shape[1] != part.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i - 1} and {i} with shapes {list(parts[i - 1].shape)} and "
                f"{list(part.shape)} cannot be multiplied"
            )


def _best_cuts(parts: list[Tensor]) -> dict[tuple[int, int], int]:
    """For each stretch of the chain, where its last product is (Cormen et al., chapter 15)."""
    sizes = [parts[0].shape[0], *(part.shape[1] for part in parts)]
    cost = {(i, i): 0 for i in range(len(parts))}
    cuts = {}
    for length in range(1, len(parts)):
        for i in range(len(parts) - length):
            j = i + length
            cost[i, j], cuts[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return cuts


def _multiplied(parts: list[Tensor], cuts: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return parts[i]
    k = cuts[i, j]
    return matmul(_multiplied(parts, cuts, i, k), _multiplied(parts, cuts, k + 1, j))
