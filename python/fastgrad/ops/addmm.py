"""Matrix products added to a tensor: beta * input + alpha * product."""

from __future__ import annotations

from fastgrad.ops.binary import add, mul
from fastgrad.ops.matmul import _check_dims, bmm, matmul, outer
from fastgrad.ops.shape import expand, reshape, transpose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

__all__ = ["addbmm", "addmm", "addmv", "addr", "baddbmm"]


def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2); with beta 0 the numbers of `input` do not matter.

    Args:
        input: broadcasts to the product.
        mat1: (n, k).
        mat2: (k, m).

    Raises:
        RuntimeError: shapes or dtypes do not fit, or a factor of integers is a float.

    Follows ``torch.addmm``.

    >>> import fastgrad as torch
    >>> torch.addmm(torch.ones(2), torch.eye(2), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), alpha=10)
    tensor([[11., 21.],
            [31., 41.]])
    """
    _check_dims("addmm", mat1, 2, mat2, 2)
    return _added("addmm", input, matmul(mat1, mat2), beta, alpha)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec).

    Raises:
        RuntimeError: as :func:`addmm`.

    Follows ``torch.addmv``.

    >>> import fastgrad as torch
    >>> torch.addmv(torch.ones(2), torch.eye(2), torch.tensor([1.0, 2.0]))
    tensor([2., 3.])
    """
    _check_dims("addmv", mat, 2, vec, 1)
    return _added("addmv", input, matmul(mat, vec), beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2).

    Raises:
        RuntimeError: as :func:`addmm`.

    Follows ``torch.addr``.

    >>> import fastgrad as torch
    >>> torch.addr(torch.zeros(2, 2), torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    _check_dims("addr", vec1, 1, vec2, 1)
    return _added("addr", input, outer(vec1, vec2), beta, alpha)


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """beta * input + alpha * bmm(batch1, batch2); with beta 0 `input` does not matter.

    Args:
        input: broadcasts to the product.
        batch1: (b, n, k).
        batch2: (b, k, m).

    Raises:
        RuntimeError: as :func:`addmm`.

    Follows ``torch.baddbmm``.

    >>> import fastgrad as torch
    >>> torch.baddbmm(torch.ones(2, 1, 1), torch.ones(2, 1, 3), torch.ones(2, 3, 1)).flatten()
    tensor([4., 4.])
    """
    _check_dims("baddbmm", batch1, 3, batch2, 3)
    return _added("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """beta * input + alpha * the sum of the products of two stacks of matrices.

    Raises:
        RuntimeError: as :func:`addmm`.

    Follows ``torch.addbmm``.

    >>> import fastgrad as torch
    >>> torch.addbmm(torch.ones(1, 1), torch.ones(2, 1, 3), torch.ones(2, 3, 1))
    tensor([[7.]])
    """
    _check_dims("addbmm", batch1, 3, batch2, 3)
    (b, n, k), (other, inner, m) = batch1.shape, batch2.shape
    if b != other or k != inner:
        raise RuntimeError(
            "addbmm: expected batches of one length and equal inner sizes, got "
            f"{list(batch1.shape)} and {list(batch2.shape)}"
        )
    # One product: the batch is one more dimension to sum along.
    left = reshape(transpose(batch1, 0, 1), (n, b * k))
    return _added("addbmm", input, matmul(left, reshape(batch2, (b * k, m))), beta, alpha)


def _added(op: str, input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    if input.dtype is not product.dtype and op != "addr":
        raise RuntimeError(
            f"{op}: self and mat2 must have the same dtype, but got {input.dtype} and "
            f"{product.dtype}; convert one of them with .to(...)"
        )
    if not product.dtype.is_floating_point:
        _check_whole(op, beta=beta, alpha=alpha)
    if input.shape != product.shape:
        input = _expanded(op, input, product)
    product = product if alpha == 1 else mul(product, alpha)
    if beta == 0:
        return product
    return add(input if beta == 1 else mul(input, beta), product)


def _check_whole(op: str, **factors: float) -> None:
    for name, value in factors.items():
        if isinstance(value, float):
            raise RuntimeError(
                f"{op}: for integral input tensors, argument {name} must not be a floating point "
                f"number; got {value}: convert the tensors with .float()"
            )


def _expanded(op: str, input: Tensor, product: Tensor) -> Tensor:
    try:
        return expand(input, product.shape)
    except RuntimeError as error:
        raise RuntimeError(
            f"{op}: the input of shape {list(input.shape)} does not broadcast to the product's "
            f"shape {list(product.shape)}"
        ) from error
