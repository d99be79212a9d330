"""Determinants, by LU decomposition; each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record, record_result
from fastgrad.ops.linalg.common import check_square, identity
from fastgrad.ops.linalg.factor import diagonal_of
from fastgrad.ops.linalg.solve import inv, inv_ex
from fastgrad.ops.linalg.spectral import svd
from fastgrad.ops.matmul import matmul
from fastgrad.ops.reduction import prod
from fastgrad.ops.results import Result
from fastgrad.ops.shape import unsqueeze
from fastgrad.ops.ternary import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = ["det", "logdet"]


class linalg_slogdet_result(Result):
    sign: Tensor
    logabsdet: Tensor


class slogdet_result(Result):
    sign: Tensor
    logabsdet: Tensor


def det(A: Tensor) -> Tensor:
    """The determinants of square matrices.

    Raises:
        RuntimeError: no square matrix of floats.

    Follows ``torch.linalg.det``.

    >>> import fastgrad as torch
    >>> torch.linalg.det(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor(16.)
    """
    check_square("linalg.det", A)
    LU, pivots = _core.lu_factor(A)
    out = _core.mul(_core.prod(diagonal_of(LU), -1, False, None), _parity(pivots, A))
    if A.requires_grad and _core.is_grad_enabled():
        record_result(out, linalg_det_vjp, _core.edges(A), (A,))
    return out


def _parity(pivots: Tensor, A: Tensor) -> Tensor:
    """1 or -1: the sign of as many exchanges of rows."""
    places = _core.arange_at(pivots.get_device(), 1, 1, pivots.shape[-1], _core.int32)
    exchanges = _core.sum(_core.ne(pivots, places), -1, False, None)
    return _core.sub(1, _core.mul(_core.remainder(exchanges, 2), 2)).to(A.dtype)


def linalg_det_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    A, value = saved
    scale = unsqueeze(unsqueeze(grad, -1), -1)
    if _core.any(_core.eq(value.detach(), 0), (), False).item():
        return (scale * _cofactors(A),)
    return (scale * unsqueeze(unsqueeze(value, -1), -1) * inv(A).mT,)


def _cofactors(A: Tensor) -> Tensor:
    """det(A) A^-T, where A need not have an inverse: from the products of its singular values."""
    U, S, Vh = svd(A)
    n = S.shape[-1]
    others = where(identity(A, n).bool(), _core.full((), 1, A.dtype), unsqueeze(S, -2))
    signs = _core.mul(det(U.detach()), det(Vh.detach()))
    scaled = U * unsqueeze(prod(others, -1) * unsqueeze(_core.sign(signs), -1), -2)
    return matmul(scaled, Vh)


def slogdet(A: Tensor) -> linalg_slogdet_result:
    """The sign of the determinant, and the logarithm of its absolute value, which fits any size.

    Raises:
        RuntimeError: no square matrix of floats.

    Follows ``torch.linalg.slogdet``.

    >>> import fastgrad as torch
    >>> torch.linalg.slogdet(-torch.eye(3))
    torch.return_types.linalg_slogdet(
    sign=tensor(-1.),
    logabsdet=tensor(0.))
    """
    return linalg_slogdet_result(_slogdet("linalg.slogdet", A))


def _slogdet(op: str, A: Tensor) -> tuple[Tensor, Tensor]:
    check_square(op, A)
    LU, pivots = _core.lu_factor(A)
    numbers = diagonal_of(LU)
    signs = _core.prod(_core.sign(numbers), -1, False, None)
    out = _core.sum(_core.log(_core.abs(numbers)), -1, False, None)
    if A.requires_grad and _core.is_grad_enabled():
        record(out, linalg_slogdet_vjp, _core.edges(A), (A,))
    return _core.mul(signs, _parity(pivots, A)), out


def linalg_slogdet_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    # Of a singular matrix the gradient is infinite: no error.
    return (unsqueeze(unsqueeze(grad, -1), -1) * inv_ex(saved[0])[0].mT,)


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinants: NaN where one is negative, -inf where it is 0.

    Raises:
        RuntimeError: no square matrix of floats.

    Follows ``torch.logdet``.

    >>> import fastgrad as torch
    >>> torch.logdet(torch.eye(2))
    tensor(0.)
    """
    sign, logarithm = _slogdet("logdet", input)
    return where(_core.eq(sign, -1), float("nan"), logarithm)
