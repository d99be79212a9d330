"""Systems of equations, inverses and determinants, by LU decomposition; each above its gradient."""

from __future__ import annotations

from math import prod

from fastgrad import _core
from fastgrad.autograd.graph import record_result
from fastgrad.ops.diagonal import tril, triu
from fastgrad.ops.linalg.common import (
    LinAlgError,
    check_square,
    check_tensor,
    first_failure,
    identity,
)
from fastgrad.ops.linalg.factor import has_zero_pivot, lu_unpack, zero_pivot
from fastgrad.ops.linalg.triangular import check_system
from fastgrad.ops.matmul import matmul
from fastgrad.ops.results import Result
from fastgrad.ops.shape import reshape, squeeze, unsqueeze
from fastgrad.ops.transposition import permute, transpose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


class linalg_solve_ex_result(Result):
    result: Tensor
    info: Tensor


class linalg_inv_ex_result(Result):
    inverse: Tensor
    info: Tensor


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X with A X = B.

    Args:
        A: (..., n, n).
        B: (..., n, k), or (..., n) for one vector per matrix; batches of matrices broadcast.
        left: False for X A = B.

    Raises:
        LinAlgError: a matrix is singular.
        RuntimeError: shapes or dtypes do not fit.

    Follows ``torch.linalg.solve``.

    >>> import fastgrad as torch
    >>> A = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> torch.linalg.solve(A, torch.tensor([4.0, 7.0]))
    tensor([1., 2.])
    """
    return solve_ex(A, B, left=left, check_errors=True)[0]


def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False
) -> linalg_solve_ex_result:
    """:func:`solve` that does not raise: `info` is not 0 where a matrix is singular.

    Follows ``torch.linalg.solve_ex``.

    >>> import fastgrad as torch
    >>> torch.linalg.solve_ex(torch.zeros(2, 2), torch.ones(2)).info
    tensor(1, dtype=torch.int32)
    """
    check_square("linalg.solve", A)
    check_tensor("linalg.solve", "B", B)
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    B = unsqueeze(B, -1) if vector else B
    check_system("linalg.solve", A, B, left)
    if left:
        out, LU = _solve(A, B)
    else:
        turned, LU = _solve(transpose(A, -2, -1), transpose(B, -2, -1))
        out = transpose(turned, -2, -1)
    if check_errors and has_zero_pivot(LU):
        place = first_failure(zero_pivot(LU))[1]
        raise LinAlgError(
            f"torch.linalg.solve: {place}The solver failed because the input matrix is singular; "
            "lstsq() gives the best approximation."
        )
    info = _core.empty((0,), _core.int32) if check_errors else zero_pivot(LU)
    return linalg_solve_ex_result((squeeze(out, -1) if vector else out, info))


def _solve(A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    LU, pivots = _core.lu_factor(A)
    out = _core.lu_solve(LU, pivots, B, False)
    if out.requires_grad:
        record_result(out, linalg_solve_ex_vjp, _core.edges(A, B), (A, LU.detach(), pivots))
    return out, LU


def linalg_solve_ex_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    A, LU, pivots, X = saved
    if _core.is_grad_enabled():
        to_B = _solve(transpose(A, -2, -1), grad)[0]
    else:
        to_B = _core.lu_solve(LU, pivots, grad, True)
    return None if needs[0] is None else -matmul(to_B, X.mT), to_B


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """The X with A X = B, from what :func:`lu_factor` made of A.

    Args:
        LU: (..., n, n).
        pivots: (..., n).
        B: (..., n, k); the dimensions before the last two broadcast.
        left: False for X A = B.
        adjoint: A^T in place of A.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or the pivots are none.

    Follows ``torch.linalg.lu_solve``.

    >>> import fastgrad as torch
    >>> LU, pivots = torch.linalg.lu_factor(torch.tensor([[2.0, 1.0], [1.0, 3.0]]))
    >>> torch.linalg.lu_solve(LU, pivots, torch.tensor([[4.0], [7.0]]))
    tensor([[1.],
            [2.]])
    """
    check_system("linalg.lu_solve", LU, B, left)
    if not left:
        return transpose(_lu_solve(LU, pivots, transpose(B, -2, -1), not adjoint), -2, -1)
    return _lu_solve(LU, pivots, B, adjoint)


def _lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, adjoint: bool) -> Tensor:
    out = _core.lu_solve(LU, pivots, B, adjoint)
    if out.requires_grad:
        record_result(out, linalg_lu_solve_vjp, _core.edges(LU, B), (LU, pivots, adjoint))
    return out


def linalg_lu_solve_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    LU, pivots, adjoint, X = saved
    to_B = _lu_solve(LU, pivots, grad, not adjoint)
    if needs[0] is None:
        return None, to_B
    to_A = -matmul(X, to_B.mT) if adjoint else -matmul(to_B, X.mT)
    P, L, U = lu_unpack(LU, pivots)
    to_product = matmul(P.mT, to_A)
    to_L, to_U = matmul(to_product, U.mT), matmul(L.mT, to_product)
    return tril(to_L, -1) + triu(to_U), to_B


def inv(A: Tensor) -> Tensor:
    """The inverse of square matrices. To solve equations, :func:`solve` is faster and more exact.

    Raises:
        LinAlgError: a matrix is singular.
        RuntimeError: no square matrix of floats.

    Follows ``torch.linalg.inv``.

    >>> import fastgrad as torch
    >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return inv_ex(A, check_errors=True)[0]


def inv_ex(A: Tensor, *, check_errors: bool = False) -> linalg_inv_ex_result:
    """:func:`inv` that does not raise: `info` is not 0 where a matrix is singular.

    Follows ``torch.linalg.inv_ex``.

    >>> import fastgrad as torch
    >>> torch.linalg.inv_ex(torch.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    check_square("linalg.inv", A)
    LU, pivots = _core.lu_factor(A)
    if check_errors and has_zero_pivot(LU):
        number, where = first_failure(zero_pivot(LU))
        raise LinAlgError(
            f"linalg.inv: {where}The diagonal element {number} is zero, the inversion could not be "
            "completed because the input matrix is singular; pinv() gives a pseudoinverse."
        )
    out = _core.lu_solve(LU, pivots, identity(A, A.shape[-1]), False)
    if out.requires_grad:
        record_result(out, linalg_inv_ex_vjp, _core.edges(A))
    info = _core.empty((0,), _core.int32) if check_errors else zero_pivot(LU)
    return linalg_inv_ex_result((out, info))


def linalg_inv_ex_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    turned = saved[0].mT
    return (-matmul(turned, matmul(grad, turned)),)


def tensorsolve(A: Tensor, B: Tensor, dims: Sizes | None = None) -> Tensor:
    """The X with tensordot(A, X, X.ndim) = B.

    Args:
        A: the sizes of B, then those of X; as many numbers in the one as in the other.
        B: any tensor.
        dims: dimensions of A that are moved to its end first.

    Raises:
        LinAlgError: A, as a matrix, is singular.
        RuntimeError: the sizes do not fit.

    Follows ``torch.linalg.tensorsolve``.

    >>> import fastgrad as torch
    >>> torch.linalg.tensorsolve(torch.eye(6).reshape(2, 3, 6), torch.ones(2, 3))
    tensor([1., 1., 1., 1., 1., 1.])
    """
    if dims is not None:
        moved = [d % A.ndim for d in dims]
        A = permute(A, [d for d in range(A.ndim) if d not in moved] + moved)
    rows, columns = A.shape[: B.ndim], A.shape[B.ndim :]
    if prod(rows) != prod(columns) or B.numel() != prod(rows):
        raise RuntimeError(
            "linalg.tensorsolve: expected A to satisfy prod(A.shape[B.ndim:]) == "
            f"prod(A.shape[:B.ndim]) == B.numel(), but got {prod(columns)}, {prod(rows)} and "
            f"{B.numel()}; A has the shape {list(A.shape)}"
        )
    matrix = reshape(A, (prod(rows), prod(columns)))
    return reshape(solve(matrix, reshape(B, (prod(rows),))), tuple(columns))


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of what tensordot(A, x, x.ndim) does to an x.

    Args:
        A: as many numbers in the first `ind` dimensions as in the others.
        ind: how many dimensions the result has at the end.

    Raises:
        LinAlgError: A, as a matrix, is singular.
        RuntimeError: the sizes do not fit.

    Follows ``torch.linalg.tensorinv``.

    >>> import fastgrad as torch
    >>> torch.linalg.tensorinv(torch.eye(6).reshape(2, 3, 6)).shape
    torch.Size([6, 2, 3])
    """
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    if prod(rows) != prod(columns):
        raise RuntimeError(
            "linalg.tensorinv: expected A to satisfy prod(A.shape[ind:]) == prod(A.shape[:ind]), "
            f"but got {prod(columns)} != {prod(rows)}; A has the shape {list(A.shape)}"
        )
    matrix = reshape(A, (prod(rows), prod(columns)))
    return reshape(inv(matrix), (*columns, *rows))
