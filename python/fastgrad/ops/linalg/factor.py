"""LU, Cholesky's and QR decompositions, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record_result
from fastgrad.ops.diagonal import tril, triu
from fastgrad.ops.joining import cat
from fastgrad.ops.linalg.common import (
    LinAlgError,
    check_matrix,
    check_square,
    first_failure,
    identity,
    lapack,
    linked,
    together,
)
from fastgrad.ops.linalg.triangular import solve_triangular
from fastgrad.ops.matmul import matmul
from fastgrad.ops.results import Result
from fastgrad.ops.transposition import transpose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


class linalg_lu_result(Result):
    P: Tensor
    L: Tensor
    U: Tensor


class linalg_lu_factor_result(Result):
    LU: Tensor
    pivots: Tensor


class linalg_lu_factor_ex_result(Result):
    LU: Tensor
    pivots: Tensor
    info: Tensor


class lu_unpack_result(Result):
    P: Tensor
    L: Tensor
    U: Tensor


class linalg_cholesky_ex_result(Result):
    L: Tensor
    info: Tensor


class linalg_qr_result(Result):
    Q: Tensor
    R: Tensor


def lu(A: Tensor, *, pivot: bool = True) -> linalg_lu_result:
    """A = P L U: a permutation, ones on the diagonal and numbers below it, numbers above it.

    Args:
        A: (..., m, n); with k the smaller size, P is (..., m, m), L (..., m, k), U (..., k, n).
        pivot: False, which would leave P out, is an error, as in PyTorch on a CPU.

    Raises:
        RuntimeError: no matrix of floats.

    Follows ``torch.linalg.lu``.

    >>> import fastgrad as torch
    >>> torch.linalg.lu(torch.tensor([[1.0, 2.0], [2.0, 2.0]])).U
    tensor([[2., 2.],
            [0., 1.]])
    """
    LU, pivots = _lu("linalg.lu", A, pivot)
    return linalg_lu_result(lu_unpack(LU, pivots))


def lu_factor(A: Tensor, *, pivot: bool = True) -> linalg_lu_factor_result:
    """The LU decomposition with both factors in one matrix, and the exchanges of rows, from 1 on.

    Raises:
        RuntimeError: as :func:`lu`, or U has a 0 on its diagonal.

    Follows ``torch.linalg.lu_factor``.

    >>> import fastgrad as torch
    >>> torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [2.0, 2.0]]))
    torch.return_types.linalg_lu_factor(
    LU=tensor([[2.0000, 2.0000],
            [0.5000, 1.0000]]),
    pivots=tensor([2, 2], dtype=torch.int32))
    """
    LU, pivots = _lu("linalg.lu_factor", A, pivot)
    if has_zero_pivot(LU):
        number, where = first_failure(zero_pivot(LU))
        raise RuntimeError(
            f"torch.linalg.lu_factor: {where}U[{number},{number}] is zero and using it on lu_solve "
            "would result in a division by zero. If you still want to perform the factorization, "
            "consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )
    return linalg_lu_factor_result((LU, pivots))


def lu_factor_ex(
    A: Tensor, *, pivot: bool = True, check_errors: bool = False
) -> linalg_lu_factor_ex_result:
    """:func:`lu_factor` that does not raise: `info` is 0, or says which number of U is the first 0.

    Follows ``torch.linalg.lu_factor_ex``.

    >>> import fastgrad as torch
    >>> torch.linalg.lu_factor_ex(torch.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    if check_errors:
        lu_factor(A, pivot=pivot)
    LU, pivots = _lu("linalg.lu_factor_ex", A, pivot)
    return linalg_lu_factor_ex_result((LU, pivots, zero_pivot(LU)))


def _lu(op: str, A: Tensor, pivot: bool) -> tuple[Tensor, Tensor]:
    check_matrix(op, A)
    if not pivot:
        raise RuntimeError(f"{op}: LU without pivoting is not implemented on the CPU")
    LU, pivots = _core.lu_factor(A)
    if LU.requires_grad:
        record_result(LU, linalg_lu_factor_ex_vjp, _core.edges(A), (pivots,))
    return LU, pivots


def linalg_lu_factor_ex_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    pivots, LU = saved
    m, n = LU.shape[-2:]
    k = min(m, n)
    square, to_square = LU[..., :k, :k], grad[..., :k, :k]
    L, U = square, triu(square)
    to_L, to_U = tril(to_square, -1), triu(to_square)
    beside = below = None
    if n > k:
        beside = _solve_left(L, grad[..., k:])
        to_L = to_L - tril(matmul(beside, LU[..., k:].mT), -1)
    if m > k:
        below = _solve_right(U, grad[..., k:, :])
        to_U = to_U - triu(matmul(LU[..., k:, :].mT, below))
    ones = tril(L, -1) + identity(L, k)
    core = tril(matmul(ones.mT, to_L), -1) + triu(matmul(to_U, U.mT))
    out = _solve_left(L, _solve_right(U, core))
    out = out if beside is None else cat((out, beside), -1)
    out = out if below is None else cat((out, below), -2)
    return (matmul(_core.lu_permutation(pivots, m, LU.dtype), out),)


def _solve_left(L: Tensor, B: Tensor) -> Tensor:
    """L^-T B, with ones on the diagonal of L."""
    return solve_triangular(L.mT, B, upper=True, unitriangular=True)


def _solve_right(U: Tensor, B: Tensor) -> Tensor:
    """B U^-T"""
    return solve_triangular(U.mT, B, upper=False, left=False)


def diagonal_of(LU: Tensor) -> Tensor:
    """The numbers on the diagonals, without a node."""
    *batch, m, n = LU.shape
    steps = LU.stride()
    sizes, strides = (*batch, min(m, n)), (*steps[:-2], steps[-2] + steps[-1])
    return _core.as_strided(LU.detach(), sizes, strides, LU.storage_offset())


def has_zero_pivot(LU: Tensor) -> bool:
    """Whether a matrix with these factors is singular (to the last bit)."""
    return bool(_core.any(_core.eq(diagonal_of(LU), 0), (), False).item())


def zero_pivot(LU: Tensor) -> Tensor:
    """For each matrix 0, or which number on the diagonal of U is the first 0, counted from 1."""
    zero = _core.eq(diagonal_of(LU), 0)
    if not zero.shape[-1]:
        return _core.full_at(zero.get_device(), zero.shape[:-1], 0, _core.int32)
    found, place = _core.max_dim(zero.int(), -1, False)
    return (found * (place + 1)).int()


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> lu_unpack_result:
    """P, L and U from what :func:`lu_factor` returns; empty tensors for what is not asked for.

    Raises:
        RuntimeError: the pivots are not int32, or do not fit.

    Follows ``torch.lu_unpack``.

    >>> import fastgrad as torch
    >>> A = torch.tensor([[1.0, 2.0], [2.0, 2.0]])
    >>> P, L, U = torch.lu_unpack(*torch.linalg.lu_factor(A))
    >>> P @ L @ U
    tensor([[1., 2.],
            [2., 2.]])
    """
    check_matrix("lu_unpack", LU_data)
    m, n = LU_data.shape[-2:]
    k = min(m, n)
    P = L = U = _core.empty_at(LU_data.get_device(), (0,), LU_data.dtype)
    if unpack_pivots:
        P = _core.lu_permutation(LU_pivots, m, LU_data.dtype)
    if unpack_data:
        L = tril(LU_data[..., :k], -1) + _core.eye_at(LU_data.get_device(), m, k, LU_data.dtype)
        U = triu(LU_data[..., :k, :])
    return lu_unpack_result((P, L, U))


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with L L^T = A, for a symmetric positive definite A.

    Args:
        A: (..., n, n), of which only the lower triangle is read.
        upper: U = L^T instead, from the upper triangle.

    Raises:
        LinAlgError: the matrix is not positive definite.
        RuntimeError: no square matrix of floats.

    Follows ``torch.linalg.cholesky``.

    >>> import fastgrad as torch
    >>> torch.linalg.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return cholesky_ex(A, upper=upper, check_errors=True)[0]


def cholesky_ex(
    A: Tensor, *, upper: bool = False, check_errors: bool = False
) -> linalg_cholesky_ex_result:
    """:func:`cholesky` that does not raise: `info` is 0, or the size of the part that fails.

    Follows ``torch.linalg.cholesky_ex``.

    >>> import fastgrad as torch
    >>> torch.linalg.cholesky_ex(-torch.eye(2)).info
    tensor(1, dtype=torch.int32)
    """
    check_square("linalg.cholesky", A)
    U, info = _core.cholesky(A if upper else transpose(A, -2, -1))
    if check_errors and info.any().item():
        order, where = first_failure(info)
        raise LinAlgError(
            f"linalg.cholesky: {where}The factorization could not be completed because the input "
            f"is not positive-definite (the leading minor of order {order} is not "
            "positive-definite)."
        )
    if U.requires_grad:
        record_result(U, linalg_cholesky_ex_vjp, _core.edges(A))
    return linalg_cholesky_ex_result((U if upper else transpose(U, -2, -1), info))


def linalg_cholesky_ex_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (U,) = saved
    product = matmul(U, grad.mT)
    half = (tril(product) + tril(product, -1)) / 2
    out = solve_triangular(U, half, upper=True)
    out = solve_triangular(U.mT, out, upper=False, left=False)
    return ((out + out.mT) / 2,)


def qr(A: Tensor, mode: str = "reduced") -> linalg_qr_result:
    """A = Q R with orthonormal columns in Q, and R upper triangular.

    Args:
        A: (..., m, n).
        mode: ``"reduced"``: Q is (..., m, k) and R (..., k, n), k the smaller size;
            ``"complete"``: Q is (..., m, m) and R (..., m, n); ``"r"``: Q is empty.

    Raises:
        RuntimeError: no matrix of floats, or no such mode.

    Follows ``torch.linalg.qr``.

    >>> import fastgrad as torch
    >>> Q, R = torch.linalg.qr(torch.tensor([[0.0, 2.0], [1.0, 0.0]]))
    >>> (Q @ R).abs()
    tensor([[0., 2.],
            [1., 0.]])
    """
    check_matrix("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    unique = mode != "complete" or A.shape[-2] <= A.shape[-1]
    both = lapack("linalg.qr", "qr", A, "complete" if mode == "complete" else "reduced")
    Q, R = together(A, linalg_qr_vjp if unique else no_qr_vjp, both)
    return linalg_qr_result(
        (_core.empty_at(A.get_device(), (0,), A.dtype) if mode == "r" else Q, R)
    )


def no_qr_vjp(grad: Any, saved: Saved, needs: Needs) -> Grads:
    raise RuntimeError(
        "The QR decomposition is not differentiable when mode='complete' and nrows > ncols; use "
        "mode='reduced'"
    )


def linalg_qr_vjp(grad: Any, saved: Saved, needs: Needs) -> Grads:
    # Walter and Lehmann 2012, section 4.1; for wide matrices the columns on the right are Q R2.
    Q, R = linked(saved)
    to_Q, to_R = grad
    k = Q.shape[-1]
    wide = R.shape[-1] > k
    square = R[..., :k]
    to_Q = Q * 0 if to_Q is None else to_Q
    to_R = R * 0 if to_R is None else to_R
    if wide:
        to_Q = to_Q + matmul(Q, matmul(R[..., k:], to_R[..., k:].mT))
    mixed = matmul(square, to_R[..., :k].mT) - matmul(to_Q.mT, Q)
    symmetric = tril(mixed) + tril(mixed, -1).mT
    out = solve_triangular(square.mT, to_Q + matmul(Q, symmetric), upper=False, left=False)
    return (cat((out, matmul(Q, to_R[..., k:])), -1) if wide else out,)
