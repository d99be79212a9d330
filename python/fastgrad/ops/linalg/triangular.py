"""Systems of equations with triangular matrices, above their gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record_result
from fastgrad.ops.diagonal import tril, triu
from fastgrad.ops.linalg.common import check_matrix, check_same_dtype, check_square, identity
from fastgrad.ops.matmul import matmul
from fastgrad.ops.transposition import transpose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


def check_system(op: str, A: Tensor, B: Tensor, left: bool = True) -> None:
    """RuntimeError unless A X = B (or X A = B) makes sense."""
    check_square(op, A)
    check_same_dtype(op, A, B)
    if B.ndim < 2:
        raise RuntimeError(
            f"{op}: The input tensor B must have at least 2 dimensions, got shape {list(B.shape)}; "
            "make a vector a column with unsqueeze(-1)"
        )
    if A.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            f"{op}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The X with A X = B, for a triangular A.

    Args:
        A: (..., n, n), of which only one triangle is read.
        B: (..., n, k); the dimensions before the last two broadcast.
        upper: which triangle.
        left: False for X A = B.
        unitriangular: the diagonal is not read either, and taken for ones.

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    Follows ``torch.linalg.solve_triangular``.

    >>> import fastgrad as torch
    >>> A, B = torch.tensor([[2.0, 1.0], [0.0, 4.0]]), torch.tensor([[4.0], [8.0]])
    >>> torch.linalg.solve_triangular(A, B, upper=True)
    tensor([[1.],
            [2.]])
    """
    check_system("linalg.solve_triangular", A, B, left)
    if not left:
        turned = transpose(A, -2, -1), transpose(B, -2, -1)
        return transpose(_solve(*turned, not upper, unitriangular), -2, -1)
    return _solve(A, B, upper, unitriangular)


def _solve(A: Tensor, B: Tensor, upper: bool, unit: bool) -> Tensor:
    out = _core.solve_triangular(A, B, upper, unit)
    if out.requires_grad:
        record_result(out, linalg_solve_triangular_vjp, _core.edges(A, B), (A, upper, unit))
    return out


def linalg_solve_triangular_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    A, upper, unit, X = saved
    to_B = _solve(transpose(A, -2, -1), grad, not upper, unit)
    if needs[0] is None:
        return None, to_B
    to_A = -matmul(to_B, X.mT)
    return triu(to_A, int(unit)) if upper else tril(to_A, -int(unit)), to_B


def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The X with A X = B, from the Cholesky factor of A.

    Args:
        input: B, (..., n, k).
        L: the factor, (..., n, n), of which only one triangle is read.
        upper: the factor is U with U^T U = A, not L with L L^T = A.

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    Follows ``torch.cholesky_solve``.

    >>> import fastgrad as torch
    >>> torch.cholesky_solve(torch.tensor([[4.0], [8.0]]), torch.eye(2) * 2)
    tensor([[1.],
            [2.]])
    """
    check_system("cholesky_solve", L, input)
    turned = transpose(L, -2, -1)
    first, second = (turned, L) if upper else (L, turned)
    return _solve(second, _solve(first, input, False, False), True, False)


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of a matrix, from its Cholesky factor.

    Raises:
        RuntimeError: no square matrix of floats.

    Follows ``torch.cholesky_inverse``.

    >>> import fastgrad as torch
    >>> torch.cholesky_inverse(torch.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    check_matrix("cholesky_inverse", L)
    return cholesky_solve(identity(L, L.shape[-1]), L, upper)
