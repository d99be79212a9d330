"""Older spellings, with signatures of their own: in ``fastgrad``, not in ``fastgrad.linalg``."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.ops.linalg import approximate, determinant, factor, solve, spectral
from fastgrad.ops.linalg.determinant import slogdet_result
from fastgrad.ops.linalg.factor import lu_unpack
from fastgrad.ops.linalg.triangular import cholesky_inverse, cholesky_solve, solve_triangular
from fastgrad.ops.results import Result
from fastgrad.ops.transposition import transpose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "inverse",
    "lu",
    "lu_solve",
    "lu_unpack",
    "pinverse",
    "qr",
    "slogdet",
    "svd",
    "triangular_solve",
]

inverse = solve.inv


class svd_result(Result):
    U: Tensor
    S: Tensor
    V: Tensor


class qr_result(Result):
    Q: Tensor
    R: Tensor


class triangular_solve_result(Result):
    solution: Tensor
    cloned_coefficient: Tensor


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> svd_result:
    """input = U diag(S) V^T: the older form of ``linalg.svd``, which returns V, not its transpose.

    Args:
        input: (..., m, n).
        some: U and V have min(m, n) columns only.
        compute_uv: False: S alone; U and V are zeros.

    Follows ``torch.svd``.

    >>> import fastgrad as torch
    >>> U, S, V = torch.svd(torch.ones(3, 2))
    >>> U.shape, S.shape, V.shape
    (torch.Size([3, 2]), torch.Size([2]), torch.Size([2, 2]))
    """
    if compute_uv:
        U, S, Vh = spectral.svd(input, not some)
        return svd_result((U, S, transpose(Vh, -2, -1)))
    *batch, m, n = input.shape
    zeros = (_core.full_at(input.get_device(), (*batch, k, k), 0, input.dtype) for k in (m, n))
    U, V = zeros
    return svd_result((U, spectral.svdvals(input), V))


def qr(input: Tensor, some: bool = True) -> qr_result:
    """The older form of ``linalg.qr``: `some` stands for its mode ``"reduced"``.

    Follows ``torch.qr``.

    >>> import fastgrad as torch
    >>> Q, R = torch.qr(torch.ones(3, 2))
    >>> Q.shape, R.shape
    (torch.Size([3, 2]), torch.Size([2, 2]))
    """
    return qr_result(factor.qr(input, "reduced" if some else "complete"))


def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """The older form of ``linalg.cholesky``.

    Raises:
        LinAlgError: the matrix is not positive definite.

    Follows ``torch.cholesky``.

    >>> import fastgrad as torch
    >>> torch.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return factor.cholesky(input, upper=upper)


def slogdet(input: Tensor) -> slogdet_result:
    """The sign of the determinant, and the logarithm of its absolute value.

    Follows ``torch.slogdet``.

    >>> import fastgrad as torch
    >>> torch.slogdet(torch.eye(2)).sign
    tensor(1.)
    """
    return slogdet_result(determinant.slogdet(input))


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The older form of ``linalg.pinv``, with another default.

    Follows ``torch.pinverse``.

    >>> import fastgrad as torch
    >>> torch.pinverse(torch.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return approximate.pinv(input, rcond)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> tuple[Tensor, ...]:
    """The older form of ``linalg.lu_factor_ex``: LU and the pivots, and `info` if asked for.

    Follows ``torch.lu``.

    >>> import fastgrad as torch
    >>> LU, pivots = torch.lu(torch.tensor([[1.0, 2.0], [2.0, 2.0]]))
    >>> pivots
    tensor([2, 2], dtype=torch.int32)
    """
    LU, pivots, info = factor.lu_factor_ex(A, pivot=pivot)
    return (LU, pivots, info) if get_infos else (LU, pivots)


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """The older form of ``linalg.lu_solve``.

    Follows ``torch.lu_solve``.

    >>> import fastgrad as torch
    >>> torch.lu_solve(torch.tensor([[4.0], [8.0]]), *torch.linalg.lu_factor(torch.eye(2) * 4))
    tensor([[1.],
            [2.]])
    """
    return solve.lu_solve(LU_data, LU_pivots, b)


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> triangular_solve_result:
    """The X with A X = b, or A^T X = b if `transpose`, for a triangular A; and a copy of A.

    Follows ``torch.triangular_solve``.

    >>> import fastgrad as torch
    >>> A, b = torch.tensor([[2.0, 1.0], [0.0, 4.0]]), torch.tensor([[4.0], [8.0]])
    >>> torch.triangular_solve(b, A).solution
    tensor([[1.],
            [2.]])
    """
    matrix = A.mT if transpose else A
    solution = solve_triangular(matrix, b, upper=upper != transpose, unitriangular=unitriangular)
    return triangular_solve_result((solution, A.clone()))
