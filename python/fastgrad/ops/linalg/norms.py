"""Norms of vectors and matrices."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.ops.direct import autocast
from fastgrad.ops.extremes import amax, amin
from fastgrad.ops.linalg.spectral import svdvals
from fastgrad.ops.reduction import sum
from fastgrad.ops.shape import reshape
from fastgrad.ops.ternary import where
from fastgrad.ops.transposition import permute
from fastgrad.ops.unary import abs
from fastgrad.ops.vector_norm import of_dtype, vector_norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Dims, DType, Sizes
    from fastgrad.tensor import Tensor

__all__ = ["renorm"]

_INFINITY = float("inf")


@autocast("float32")
def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sizes = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """The norms of matrices.

    Args:
        A: (..., m, n).
        ord: ``"fro"``: the root of the sum of squares; ``"nuc"``: the sum of the singular values;
            2, -2: the largest and the smallest one; infinity, -infinity: the largest and the
            smallest sum of the absolute values in a row; 1, -1: in a column.
        dim: the two dimensions of the matrices.
        keepdim: leave the dimensions in the result, with size 1.
        dtype: what to convert to first; no narrower than that of `A`.

    Raises:
        RuntimeError: no matrix of floats, or no such norm.
        IndexError: no such dimension.

    Follows ``torch.linalg.matrix_norm``.

    >>> import fastgrad as torch
    >>> A = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> torch.linalg.matrix_norm(A, 1), torch.linalg.matrix_norm(A, float("inf"))
    (tensor(6.), tensor(7.))
    """
    A = of_dtype("linalg.matrix_norm", A, dtype)
    rows, columns = _matrix_dims(A, dim)
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    if ord in ("nuc", 2, -2):
        return _norm_of_singular_values(A, ord, rows, columns, keepdim)
    if ord not in (1, -1, _INFINITY, -_INFINITY):
        raise RuntimeError(
            f"linalg.matrix_norm: Order {ord} not supported. Choose from 'fro', 'nuc', 1, -1, "
            "2, -2, inf and -inf"
        )
    summed, left = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = sum(abs(A), summed, True)
    if ord > 0 and not A.shape[left]:
        sums = _core.full_at(A.get_device(), [n or 1 for n in sums.shape], 0, A.dtype)
    out = amax(sums, left, True) if ord > 0 else amin(sums, left, True)
    return out if keepdim else _without(out, rows, columns)


def _matrix_dims(A: Tensor, dim: Sizes) -> tuple[int, int]:
    if A.ndim < 2:
        raise RuntimeError(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions, got shape "
            f"{list(A.shape)}; vector_norm() takes any"
        )
    if isinstance(dim, int) or len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    for d in dim:
        if not -A.ndim <= d < A.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-A.ndim}, {A.ndim - 1}], "
                f"but got {d})"
            )
    rows, columns = (d % A.ndim for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got {tuple(dim)}")
    return rows, columns


def _norm_of_singular_values(
    A: Tensor, ord: float | str, rows: int, columns: int, keepdim: bool
) -> Tensor:
    rest = [d for d in range(A.ndim) if d not in (rows, columns)]
    values = svdvals(permute(A, (*rest, rows, columns)))
    if ord == "nuc" or (ord == 2 and not values.shape[-1]):
        out = sum(values, -1)
    else:
        out = amax(values, -1) if ord == 2 else amin(values, -1)
    if not keepdim:
        return out
    return reshape(out, [1 if d in (rows, columns) else n for d, n in enumerate(A.shape)])


def _without(x: Tensor, rows: int, columns: int) -> Tensor:
    return reshape(x, [n for d, n in enumerate(x.shape) if d not in (rows, columns)])


@autocast("float32")
def norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """:func:`vector_norm` of vectors, :func:`matrix_norm` of matrices.

    Args:
        A: any tensor of floats.
        ord: None: the root of the sum of squares of all elements, or along `dim`. Else as for the
            function that is called.
        dim: one dimension for vectors, two for matrices. None: `A` is the vector or the matrix.
        keepdim: leave the dimensions in the result, with size 1.
        dtype: what to convert to first; no narrower than that of `A`.

    Raises:
        RuntimeError: no floats, no such norm, or neither a vector nor a matrix.

    Follows ``torch.linalg.norm``.

    >>> import fastgrad as torch
    >>> torch.linalg.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None:
        if A.ndim not in (1, 2):
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
                f"{A.ndim}D."
            )
        dim = tuple(range(A.ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if len(dims) == 2 or isinstance(ord, str):
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


@autocast("float32")
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Every slice along `dim` whose p-norm is larger than `maxnorm` scaled down to it.

    Raises:
        RuntimeError: p is not positive, maxnorm is negative, or `input` is a vector or number.

    Follows ``torch.renorm``.

    >>> import fastgrad as torch
    >>> torch.renorm(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    if p <= 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported, got p={p}")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions; use "
            "unsqueeze()"
        )
    input.size(dim)  # IndexError if there is no such dimension
    others = [d for d in range(input.ndim) if d != dim % input.ndim]
    norms = vector_norm(input, p, others, True)
    return input * where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0)
