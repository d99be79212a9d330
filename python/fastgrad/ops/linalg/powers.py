"""Powers of matrices and numbers."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.ops.broadcast import expand
from fastgrad.ops.joining import stack
from fastgrad.ops.linalg.common import check_square, identity
from fastgrad.ops.linalg.solve import inv
from fastgrad.ops.matmul import matmul
from fastgrad.ops.ternary import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

__all__ = ["matrix_exp", "matrix_power"]


def matrix_power(A: Tensor, n: int) -> Tensor:
    """The product of n equal square matrices; of their inverses when n is negative.

    Raises:
        LinAlgError: n is negative, and a matrix singular.
        RuntimeError: no square matrix.
        TypeError: n is no integer.

    Follows ``torch.linalg.matrix_power``.

    >>> import fastgrad as torch
    >>> torch.linalg.matrix_power(torch.tensor([[1, 1], [0, 1]]), 5)
    tensor([[1, 5],
            [0, 1]])
    """
    if not isinstance(n, int):
        raise TypeError(
            f"linalg_matrix_power(): argument 'n' must be int, not {type(n).__name__}; "
            "matrix_exp() and eigh() help with other powers"
        )
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            "linalg.matrix_power: A must be batches of square matrices, but its shape is "
            f"{list(A.shape)}"
        )
    if n == 0:
        return expand(identity(A, A.shape[-1]), A.shape).clone()
    base = inv(A) if n < 0 else A
    out = base
    for digit in f"{n:b}".lstrip("-")[1:]:
        out = matmul(out, out)
        out = matmul(out, base) if digit == "1" else out
    return A.clone() if out is A else out


# 1 / k!, from 0 to 16
_TERMS = [1.0]
for _k in range(1, 17):
    _TERMS.append(_TERMS[-1] / _k)
# Norms up to which 16 terms of the series are as exact as the dtype.
_LARGEST = {_core.float32: 2.5, _core.float64: 0.75}


def matrix_exp(A: Tensor) -> Tensor:
    """1 + A + A A / 2 + ...: the exponential of square matrices.

    Raises:
        RuntimeError: no square matrix of floats.

    Follows ``torch.linalg.matrix_exp``.

    >>> import fastgrad as torch
    >>> torch.linalg.matrix_exp(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    if A.dtype.is_floating_point and A.dtype.itemsize < 4:
        return matrix_exp(A.float()).to(A.dtype)
    check_square("linalg.matrix_exp", A)
    if not A.numel():
        return A.clone()
    # exp(A) = exp(A / 2^s)^(2^s), with an s of its own for each matrix.
    norm = _core.amax(_core.sum(_core.abs(A.detach()), -2, True, None), (-2, -1), True)
    halvings = _core.ceil(_core.log2(_core.div(norm, _LARGEST[A.dtype])))
    halvings = _core.where(_core.isfinite(halvings), _core.maximum(halvings, 0), 0.0)
    out = _exp_of_small(A * _core.exp2(_core.neg(halvings)))
    for step in range(int(halvings.max().item())):
        out = where(_core.gt(halvings, step), matmul(out, out), out)
    return out


def _exp_of_small(A: Tensor) -> Tensor:
    """16 terms of the series with six products (Paterson and Stockmeyer 1973)."""
    square = matmul(A, A)
    powers = (identity(A, A.shape[-1]), A, square, matmul(square, A))
    fourth = matmul(square, square)
    out = fourth * _TERMS[16]
    for start in (12, 8, 4, 0):
        for offset, power in enumerate(powers):
            out = out + power * _TERMS[start + offset]
        out = matmul(out, fourth) if start else out
    return out


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers from 0 to N - 1 of every number, along a new last dimension.

    Args:
        x: (..., n).
        N: how many; n if None.

    Raises:
        RuntimeError: N is not greater than 1, or `x` is a number.

    Follows ``torch.linalg.vander``.

    >>> import fastgrad as torch
    >>> torch.linalg.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    count = N if N is not None else (x.shape[-1] if x.ndim else 0)
    if not x.ndim or count <= 1:
        raise RuntimeError(
            f"linalg.vander: N must be greater than 1, got {count} for the shape {list(x.shape)}"
        )
    power = _core.full_at(x.get_device(), x.shape, 1, x.dtype)
    powers = [power]
    for _ in range(count - 1):
        power = power * x
        powers.append(power)
    return stack(powers, -1)
