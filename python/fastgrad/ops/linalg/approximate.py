"""Pseudoinverses, least squares, ranks and condition numbers, by singular values."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record_result
from fastgrad.ops.linalg.common import check_matrix, check_same_dtype, check_square
from fastgrad.ops.linalg.norms import matrix_norm
from fastgrad.ops.linalg.solve import inv_ex
from fastgrad.ops.linalg.spectral import eigh, eigvalsh, svd, svdvals
from fastgrad.ops.matmul import matmul
from fastgrad.ops.results import Result
from fastgrad.ops.shape import squeeze, unsqueeze
from fastgrad.ops.ternary import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Operand
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

_EPSILON = {_core.float32: 2.0**-23, _core.float64: 2.0**-52}


class linalg_lstsq_result(Result):
    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def _smallest(values: Tensor, A: Tensor, atol: Operand | None, rtol: Operand | None) -> Tensor:
    """For each matrix, the size up to which its singular values count as 0."""
    if rtol is None:
        given = atol is not None and not _is_zero(atol)
        rtol = 0.0 if given else _EPSILON[A.dtype] * max(A.shape[-2:])
    largest = (
        _core.amax(values, -1, False)
        if values.shape[-1]
        else _core.full_at(A.get_device(), values.shape[:-1], 0, A.dtype)
    )
    relative = _core.mul(largest, rtol)
    return _core.maximum(
        relative, _core.mul(_core.full((), 1, A.dtype), 0.0 if atol is None else atol)
    )


def _is_zero(number: Operand) -> bool:
    return not isinstance(number, _core.TensorBase) and number == 0


def matrix_rank(
    A: Tensor,
    tol: Operand | None = None,
    hermitian: bool = False,
    *,
    atol: Operand | None = None,
    rtol: Operand | None = None,
) -> Tensor:
    """How many singular values are larger than max(atol, rtol * the largest).

    Args:
        A: (..., m, n).
        tol: the older name of `atol`, with rtol 0.
        hermitian: A is symmetric: its eigenvalues are used, which is faster.
        atol: a number, or one for each matrix.
        rtol: the same; if neither is given, max(m, n) times the rounding error of the dtype.

    Raises:
        LinAlgError: NaN or infinity in the matrix.
        RuntimeError: no matrix of floats.

    Follows ``torch.linalg.matrix_rank``.

    >>> import fastgrad as torch
    >>> torch.linalg.matrix_rank(torch.ones(3, 2))
    tensor(1)
    """
    check_matrix("linalg.matrix_rank", A)
    if tol is not None:
        atol, rtol = tol, 0.0
    matrix = A.detach()
    values = eigvalsh(matrix).abs() if hermitian else svdvals(matrix)
    return (values > unsqueeze(_smallest(values, A, atol, rtol), -1)).sum(-1)


def pinv(
    A: Tensor,
    rcond: Operand | None = None,
    hermitian: bool = False,
    *,
    atol: Operand | None = None,
    rtol: Operand | None = None,
) -> Tensor:
    """The pseudoinverse (of Moore and Penrose): singular values that count as 0 are left out.

    Args:
        A: (..., m, n).
        rcond: the older name of `rtol`.
        hermitian: A is symmetric: its eigenvalues are used, which is faster.
        atol: as for :func:`matrix_rank`.
        rtol: as for :func:`matrix_rank`.

    Raises:
        LinAlgError: NaN or infinity in the matrix.
        RuntimeError: no matrix of floats.

    Follows ``torch.linalg.pinv``.

    >>> import fastgrad as torch
    >>> torch.linalg.pinv(torch.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    (check_square if hermitian else check_matrix)("linalg.pinv", A)
    rtol = rtol if rcond is None else rcond
    matrix = A.detach()
    if hermitian:
        values, left = eigh(matrix)
        right = left
    else:
        left, values, turned = svd(matrix, False)
        right = turned.mT
    sizes = values.abs()
    kept = sizes > unsqueeze(_smallest(sizes, A, atol, rtol), -1)
    inverses = where(kept, 1 / values, _core.full((), 0, A.dtype))
    out = matmul(right * unsqueeze(inverses, -2), left.mT)
    if A.requires_grad and _core.is_grad_enabled():
        record_result(out, pinv_vjp, _core.edges(A), (A,))
    return out


def pinv_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    # Golub and Pereyra 1973: where the rank stays the same,
    # dP = -P dA P + P P^T dA^T (1 - A P) + (1 - P A) dA^T P^T P.
    A, P = saved
    turned, to_turned = P.mT, grad.mT
    first = matmul(turned, matmul(grad, turned))
    second = matmul(matmul(to_turned, P), turned)
    third = matmul(turned, matmul(P, to_turned))
    second = second - matmul(A, matmul(P, second))
    third = third - matmul(matmul(third, P), A)
    return (second + third - first,)


_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(
    A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> linalg_lstsq_result:
    """The X with the smallest norm of A X - B; if there are many, the smallest X.

    Args:
        A: (..., m, n).
        B: (..., m, k), or (..., m) for one vector per matrix.
        rcond: singular values below this part of the largest count as 0 (default: max(m, n) times
            the rounding error of the dtype).
        driver: which of LAPACK's routines PyTorch would call (None: ``"gelsy"``). It decides which
            results are filled: `residuals` for all but ``"gelsy"``, `rank` for all but ``"gels"``,
            `singular_values` for ``"gelsd"`` and ``"gelss"``.

    Returns:
        The solution; the squared norms of A X - B, if m > n and all ranks are n; the ranks; the
        singular values.

    Raises:
        LinAlgError: NaN or infinity in the matrix.
        RuntimeError: shapes or dtypes do not fit, or no such driver.

    Follows ``torch.linalg.lstsq``.

    >>> import fastgrad as torch
    >>> A = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> torch.linalg.lstsq(A, torch.tensor([[1.0], [3.0], [5.0]])).solution.round(decimals=3)
    tensor([[1.],
            [2.]])
    """
    driver = driver or "gelsy"
    check_same_dtype("linalg.lstsq", A, B)
    vector = B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]
    B = unsqueeze(B, -1) if vector else B
    _check_least_squares(A, B, driver)
    solution = matmul(pinv(A, rcond), B)
    values = svdvals(A.detach())
    rank = (values > unsqueeze(_smallest(values, A, None, rcond), -1)).sum(-1)
    residuals = none = _core.empty_at(A.get_device(), (0,), A.dtype)
    m, n = A.shape[-2:]
    if driver != "gelsy" and m > n and (rank == n).all().item():
        residuals = (matmul(A, solution) - B).square().sum(-2)
    return linalg_lstsq_result(
        (
            squeeze(solution, -1) if vector else solution,
            residuals,
            _core.empty((0,), _core.int64) if driver == "gels" else rank,
            values if driver in ("gelsd", "gelss") else none,
        )
    )


def _check_least_squares(A: Tensor, B: Tensor, driver: str) -> None:
    check_matrix("linalg.lstsq", A)
    if driver not in _DRIVERS:
        raise RuntimeError(
            f"torch.linalg.lstsq: parameter `driver` should be one of {', '.join(_DRIVERS)}, got "
            f"{driver!r}"
        )
    if B.ndim < 2 or A.shape[-2] != B.shape[-2]:
        raise RuntimeError(
            "torch.linalg.lstsq: input.size(-2) should match other.size(-2), got shapes "
            f"{list(A.shape)} and {list(B.shape)}"
        )


def cond(A: Tensor, p: float | str | None = None) -> Tensor:
    """The condition numbers of matrices: how much they enlarge relative errors.

    Args:
        A: (..., m, n); square unless `p` is None, 2 or -2.
        p: the norm, as for :func:`matrix_norm`. None, 2: the largest singular value by the
            smallest; -2: the smallest by the largest. Else norm(A) * norm(A^-1), infinite for a
            singular matrix.

    Raises:
        RuntimeError: no matrix of floats, not square, or no such norm.

    Follows ``torch.linalg.cond``.

    >>> import fastgrad as torch
    >>> torch.linalg.cond(torch.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2.)
    """
    if p is None or p in (2, -2):
        check_matrix("linalg.cond", A)
        if not min(A.shape[-2:]):
            return _core.full_at(A.get_device(), A.shape[:-2], 0, A.dtype)
        values = svdvals(A)
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    if p not in ("fro", "nuc", 1, -1, float("inf"), -float("inf")):
        raise RuntimeError(
            f"linalg.cond got an invalid norm type: {p}; choose from None, 'fro', 'nuc', 1, -1, 2, "
            "-2, inf and -inf"
        )
    check_square(f"linalg.cond(ord={p})", A)
    if not A.shape[-1]:
        return _core.full_at(A.get_device(), A.shape[:-2], 0, A.dtype)
    inverse, info = inv_ex(A)
    singular = info != 0
    finite = inverse.masked_fill(unsqueeze(unsqueeze(singular, -1), -1), 0.0)
    out = matrix_norm(A, p) * matrix_norm(finite, p)
    return out.masked_fill(singular, float("inf"))
