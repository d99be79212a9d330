"""Norms of vectors and matrices."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record_result
from fastgrad.ops.indexing import masked_fill
from fastgrad.ops.linalg.spectral import svdvals
from fastgrad.ops.reduction import amax, amin, sum
from fastgrad.ops.shape import permute, reshape
from fastgrad.ops.ternary import where
from fastgrad.ops.unary import abs, sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Dims, DType, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = ["renorm"]

_INFINITY = float("inf")


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """The norms of vectors: (sum |x| ** ord) ** (1 / ord) along dimensions, or of all elements.

    Args:
        x: any tensor of floats.
        ord: any number. 0 counts the elements that are not 0; infinity and -infinity give the
            largest and the smallest absolute value.
        dim: one dimension or several; None means all.
        keepdim: leave the dimensions in the result, with size 1.
        dtype: what to convert to first; no narrower than that of `x`.

    Raises:
        RuntimeError: no floats, or nothing to take a largest or smallest of.

    Follows ``torch.linalg.vector_norm``.

    >>> import fastgrad as torch
    >>> torch.linalg.vector_norm(torch.tensor([[3.0, 4.0], [6.0, 8.0]]), dim=1)
    tensor([ 5., 10.])
    """
    x = _of_dtype("linalg.vector_norm", x, dtype)
    if not isinstance(ord, (int, float)):
        raise TypeError(
            f"linalg_vector_norm(): argument 'ord' must be Number, not {type(ord).__name__}; "
            "matrix_norm() knows names"
        )
    dims = () if dim is None else dim
    if ord < 0 or ord == _INFINITY:
        _check_not_empty(x, dims, ord)
    out = _norm(x, float(ord), dims, keepdim)
    if out.requires_grad:
        record_result(out, vector_norm_vjp, _core.edges(x), (x, float(ord), dims, keepdim))
    return out


def _norm(x: Tensor, ord: float, dims: Dims, keepdim: bool) -> Tensor:
    if ord == 2:
        return _core.sqrt(_core.sum(_core.square(x), dims, keepdim, None))
    if ord == 0:
        return _core.sum(_core.ne(x, 0), dims, keepdim, x.dtype)
    sizes = _core.abs(x)
    if ord == 1:
        return _core.sum(sizes, dims, keepdim, None)
    if ord == _INFINITY:
        return _core.amax(sizes, dims, keepdim)
    if ord == -_INFINITY:
        return _core.amin(sizes, dims, keepdim)
    return _core.pow(_core.sum(_core.pow(sizes, ord), dims, keepdim, None), 1 / ord)


def vector_norm_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, ord, dims, keepdim, norm = saved
    if not keepdim:
        grad, norm = _restored(grad, x, dims), _restored(norm, x, dims)
    if ord == 1:
        return (sign(x) * grad,)
    nothing = _core.eq(norm.detach(), 0)
    if ord == 2:
        return (x * masked_fill(grad / masked_fill(norm, nothing, 1.0), nothing, 0.0),)
    if ord in (_INFINITY, -_INFINITY):
        chosen = _core.eq(_core.abs(x.detach()), norm.detach()).to(x.dtype)
        return (sign(x) * chosen * (grad / _core.sum(chosen, dims, True, None)),)
    # |x / norm| ** (ord - 1), where neither is 0
    zero = _core.logical_or(_core.eq(x.detach(), 0), nothing)
    ratio = masked_fill(abs(x), zero, 1.0) / masked_fill(norm, nothing, 1.0)
    return (masked_fill(sign(x) * ratio ** (ord - 1) * grad, zero, 0.0),)


def _restored(reduced: Tensor, x: Tensor, dims: Dims) -> Tensor:
    """With the dimensions that were reduced, of size 1."""
    n = x.ndim
    gone = {d % n for d in ((dims,) if isinstance(dims, int) else dims or range(n))} if n else set()
    return reshape(reduced, [1 if d in gone else size for d, size in enumerate(x.shape)])


def _of_dtype(op: str, x: Tensor, dtype: DType | None) -> Tensor:
    if not x.dtype.is_floating_point:
        raise RuntimeError(
            f"{op}: Expected a floating point tensor as input. Got {x.dtype}; use .float()"
        )
    if dtype is None or dtype is x.dtype:
        return x
    if not getattr(dtype, "is_floating_point", True):
        raise RuntimeError(f"{op}: dtype should be floating point, but got {dtype}")
    wide = x.to(dtype)
    if wide.dtype.itemsize < x.dtype.itemsize:
        raise RuntimeError(
            f"{op}: the dtype of the input ({x.dtype}) should be convertible without narrowing to "
            f"the specified dtype ({dtype}); convert it with .to(...)"
        )
    return wide


def _check_not_empty(x: Tensor, dims: Dims, ord: float) -> None:
    over = (dims,) if isinstance(dims, int) else dims or range(x.ndim)
    if any(x.size(d) == 0 for d in over if x.ndim):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the "
            f"operation does not have an identity; the shape is {list(x.shape)}"
        )


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
    A = _of_dtype("linalg.matrix_norm", A, dtype)
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
        sums = _core.full([n or 1 for n in sums.shape], 0, A.dtype)
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
