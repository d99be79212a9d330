"""Singular values, eigenvalues and what comes with them, each above its gradient."""

from __future__ import annotations

from fastgrad.ops.binary import sub
from fastgrad.ops.linalg.common import (
    check_finite,
    check_matrix,
    check_square,
    identity,
    lapack,
    linked,
    together,
)
from fastgrad.ops.linalg.solve import solve
from fastgrad.ops.matmul import matmul
from fastgrad.ops.reduction import sum
from fastgrad.ops.results import Result
from fastgrad.ops.shape import unsqueeze

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


class linalg_svd_result(Result):
    U: Tensor
    S: Tensor
    Vh: Tensor


class linalg_eigh_result(Result):
    eigenvalues: Tensor
    eigenvectors: Tensor


class linalg_eig_result(Result):
    eigenvalues: Tensor
    eigenvectors: Tensor


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> linalg_svd_result:
    """A = U diag(S) Vh with orthonormal columns in U, orthonormal rows in Vh, and S descending.

    The signs of a column of U and its row of Vh may both be turned. The gradient is that of losses
    which do not depend on them; it is infinite where two singular values are equal, unless only S
    is used.

    Args:
        A: (..., m, n).
        full_matrices: U is (..., m, m) and Vh (..., n, n); else the smaller size k takes the place
            of the larger one: (..., m, k) and (..., k, n). Gradients reach the first k only.
        driver: None; PyTorch's choices are those of a GPU's library.

    Raises:
        LinAlgError: NaN or infinity in the matrix.
        RuntimeError: no matrix of floats.

    Follows ``torch.linalg.svd``.

    >>> import fastgrad as torch
    >>> torch.linalg.svd(torch.tensor([[3.0, 0.0], [0.0, -4.0]])).S
    tensor([4., 3.])
    """
    check_matrix("linalg.svd", A)
    if driver is not None:
        raise RuntimeError(
            f"linalg.svd: keyword argument `driver=` is only supported on CUDA inputs, got "
            f"{driver!r}; leave it out"
        )
    check_finite("linalg.svd", A)
    found = lapack("linalg.svd", "svd", A, full_matrices)
    return linalg_svd_result(together(A, linalg_svd_vjp, found))


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values of matrices, in descending order.

    Raises:
        LinAlgError: NaN or infinity in the matrix.
        RuntimeError: no matrix of floats.

    Follows ``torch.linalg.svdvals``.

    >>> import fastgrad as torch
    >>> torch.linalg.svdvals(torch.tensor([[3.0, 0.0], [0.0, -4.0]]))
    tensor([4., 3.])
    """
    if A.requires_grad or driver is not None:
        return svd(A, False, driver=driver)[1]
    check_matrix("linalg.svd", A)
    check_finite("linalg.svd", A)
    return lapack("linalg.svd", "svd", A, compute_uv=False)[0]


def linalg_svd_vjp(grad: Any, saved: Saved, needs: Needs) -> Grads:
    # Townsend 2016, "Differentiating the singular value decomposition".
    U, S, Vh = linked(saved)
    to_U, to_S, to_Vh = grad
    k = S.shape[-1]
    U, V = U[..., :k], Vh[..., :k, :].mT
    rows, columns, squares = unsqueeze(S, -1), unsqueeze(S, -2), unsqueeze(S * S, -1)
    core = identity(S, k) * (unsqueeze(to_S, -1) if to_S is not None else 0.0)
    gaps = squares.mT - squares + identity(S, k)
    outside = None
    if to_U is not None:
        to_U = to_U[..., :k]
        core = core + _skew(U, to_U) / gaps * columns
        if U.shape[-2] > k:
            outside = matmul(_outside(U, to_U) / columns, V.mT)
    if to_Vh is not None:
        to_V = to_Vh[..., :k, :].mT
        core = core + _skew(V, to_V) / gaps * rows
        if V.shape[-2] > k:
            outside = matmul(U, (_outside(V, to_V) / columns).mT)
    out = matmul(matmul(U, core), V.mT)
    return (out if outside is None else out + outside,)


def _skew(basis: Tensor, grad: Tensor) -> Tensor:
    product = matmul(basis.mT, grad)
    return sub(product, product.mT)


def _outside(basis: Tensor, grad: Tensor) -> Tensor:
    """The part of the gradient that is orthogonal to the basis."""
    return grad - matmul(basis, matmul(basis.mT, grad))


def eigh(A: Tensor, UPLO: str = "L") -> linalg_eigh_result:
    """A = V diag(L) V^T for a symmetric A: the eigenvalues L ascending, orthonormal columns in V.

    The signs of the columns may be turned. The gradient is that of losses which do not depend on
    them; it is infinite where two eigenvalues are equal, unless only the eigenvalues are used.

    Args:
        A: (..., n, n).
        UPLO: which triangle is read, ``"L"`` or ``"U"``.

    Raises:
        LinAlgError: NaN or infinity in the matrix.
        RuntimeError: no square matrix of floats.

    Follows ``torch.linalg.eigh``.

    >>> import fastgrad as torch
    >>> torch.linalg.eigh(torch.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    tensor([1., 3.])
    """
    _check_symmetric(A, UPLO)
    found = lapack("linalg.eigh", "eigh", A, UPLO.upper())
    return linalg_eigh_result(together(A, linalg_eigh_vjp, found))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, in ascending order.

    Raises:
        LinAlgError: NaN or infinity in the matrix.
        RuntimeError: no square matrix of floats.

    Follows ``torch.linalg.eigvalsh``.

    >>> import fastgrad as torch
    >>> torch.linalg.eigvalsh(torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor([1., 3.])
    """
    if A.requires_grad:
        return eigh(A, UPLO)[0]
    _check_symmetric(A, UPLO)
    return lapack("linalg.eigh", "eigvalsh", A, UPLO.upper())[0]


def _check_symmetric(A: Tensor, UPLO: str) -> None:
    check_square("linalg.eigh", A)
    if UPLO not in ("L", "U", "l", "u"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    check_finite("linalg.eigh", A)


def linalg_eigh_vjp(grad: Any, saved: Saved, needs: Needs) -> Grads:
    # Giles 2008, "An extended collection of matrix derivative results", section 3.1.
    L, V = linked(saved)
    to_L, to_V = grad
    core = _eigen_core(L, to_L, None if to_V is None else matmul(V.mT, to_V))
    return (matmul(matmul(V, core), V.mT),)


def _eigen_core(L: Tensor, to_L: Tensor | None, product: Tensor | None) -> Tensor:
    """The gradient in the basis of the eigenvectors: that of the eigenvalues on the diagonal."""
    one = identity(L, L.shape[-1])
    core = one * (unsqueeze(to_L, -1) if to_L is not None else 0.0)
    if product is None:
        return core
    gaps = unsqueeze(L, -2) - unsqueeze(L, -1) + one
    return core + (1 - one) * product / gaps


def eig(A: Tensor) -> linalg_eig_result:
    """A V = V diag(L): eigenvalues L, and eigenvectors of length 1 in the columns of V.

    There are no complex tensors: the eigenvalues must be real, and so are the results, where
    PyTorch's are complex with imaginary parts of 0.

    Raises:
        LinAlgError: NaN or infinity in the matrix.
        RuntimeError: no square matrix of floats, or some eigenvalue is not real.

    Follows ``torch.linalg.eig``.

    >>> import fastgrad as torch
    >>> torch.linalg.eig(torch.tensor([[2.0, 1.0], [0.0, 3.0]])).eigenvalues.abs()
    tensor([2., 3.])
    """
    check_square("linalg.eig", A)
    check_finite("linalg.eig", A)
    return linalg_eig_result(together(A, linalg_eig_vjp, lapack("linalg.eig", "eig", A)))


def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues of square matrices, which must be real; see :func:`eig`.

    Raises:
        LinAlgError: NaN or infinity in the matrix.
        RuntimeError: no square matrix of floats, or some eigenvalue is not real.

    Follows ``torch.linalg.eigvals``.

    >>> import fastgrad as torch
    >>> torch.linalg.eigvals(torch.tensor([[2.0, 1.0], [0.0, 3.0]])).abs()
    tensor([2., 3.])
    """
    return eig(A)[0]


def linalg_eig_vjp(grad: Any, saved: Saved, needs: Needs) -> Grads:
    # The same with V^-1 in place of V^T, and with columns that keep their length.
    L, V = linked(saved)
    to_L, to_V = grad
    product = None
    if to_V is not None:
        product = matmul(V.mT, to_V - V * sum(V * to_V, -2, True))
    return (solve(V.mT, matmul(_eigen_core(L, to_L, product), V.mT)),)
