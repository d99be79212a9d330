"""Matrix products added to a tensor: beta * input + alpha * product."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.binary import add, mul
from fastgrad.ops.broadcast import expand
from fastgrad.ops.direct import autocast
from fastgrad.ops.indexing import masked_fill
from fastgrad.ops.matmul import check_dims, matmul_vjp, outer
from fastgrad.ops.shape import reshape
from fastgrad.ops.transposition import transpose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = ["addbmm", "addmm", "addmv", "addr", "baddbmm"]


@autocast("half")
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
    check_dims("addmm", mat1, 2, mat2, 2)
    return _added("addmm", input, mat1, mat2, beta, alpha)


@autocast("half")
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec).

    Raises:
        RuntimeError: as :func:`addmm`.

    Follows ``torch.addmv``.

    >>> import fastgrad as torch
    >>> torch.addmv(torch.ones(2), torch.eye(2), torch.tensor([1.0, 2.0]))
    tensor([2., 3.])
    """
    check_dims("addmv", mat, 2, vec, 1)
    return _added("addmv", input, mat, vec, beta, alpha)


@autocast("half")
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
    check_dims("addr", vec1, 1, vec2, 1)
    product = outer(vec1, vec2)
    _check_factors("addr", product, beta, alpha)
    input = _expanded("addr", input, product.shape)
    product = product if alpha == 1 else mul(product, alpha)
    if beta == 0:
        input = masked_fill(input, _core.full((), True, _core.bool), 0)
    out = add(input if beta in (0, 1) else mul(input, beta), product)
    return out.bool() if input.dtype is vec1.dtype is vec2.dtype is _core.bool else out


@autocast("half")
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
    check_dims("baddbmm", batch1, 3, batch2, 3)
    _check_batches("baddbmm", batch1, batch2)
    return _added("baddbmm", input, batch1, batch2, beta, alpha)


@autocast("half")
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
    check_dims("addbmm", batch1, 3, batch2, 3)
    _check_batches("addbmm", batch1, batch2)
    (b, n, k), m = batch1.shape, batch2.shape[2]
    # One product: the batch is one more dimension to sum along.
    left = reshape(transpose(batch1, 0, 1), (n, b * k))
    return _added("addbmm", input, left, reshape(batch2, (b * k, m)), beta, alpha)


def _check_batches(op: str, a: Tensor, b: Tensor) -> None:
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise RuntimeError(
            f"{op}: expected batches of one length and equal inner sizes, got {list(a.shape)} and "
            f"{list(b.shape)}"
        )


def _added(op: str, input: Tensor, a: Tensor, b: Tensor, beta: float, alpha: float) -> Tensor:
    """beta * input + alpha * (a @ b), as one node."""
    if input.dtype is not a.dtype:
        raise RuntimeError(
            f"{op}: self and mat2 must have the same dtype, but got {input.dtype} and {a.dtype}; "
            "convert one of them with .to(...)"
        )
    out = _core.matmul(a, b)
    _check_factors(op, out, beta, alpha)
    input = _expanded(op, input, out.shape)
    out = out if alpha == 1 else _core.mul(out, alpha)
    if beta != 0:
        out = _core.add(out, input if beta == 1 else _core.mul(input, beta))
    if out.requires_grad or (input.requires_grad and _core.is_grad_enabled()):
        edges = _core.edges(input, a, b)
        saved = (None if edges[2] is None else a, None if edges[1] is None else b)
        record(out, addmm_vjp, edges, (*saved, a.ndim, b.ndim, beta, alpha))
    return out


def addmm_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    *factors, beta, alpha = saved
    scaled = grad if alpha == 1 else mul(grad, alpha)
    to_input = None if needs[0] is None else grad if beta == 1 else mul(grad, beta)
    return to_input, *matmul_vjp(scaled, tuple(factors), needs[1:])


def _check_factors(op: str, product: Tensor, beta: float, alpha: float) -> None:
    if product.dtype.is_floating_point:
        return
    for name, value in (("beta", beta), ("alpha", alpha)):
        if isinstance(value, float):
            raise RuntimeError(
                f"{op}: for integral input tensors, argument {name} must not be a floating point "
                f"number; got {value}: convert the tensors with .float()"
            )


def _expanded(op: str, input: Tensor, shape: Sizes) -> Tensor:
    if input.shape == shape:
        return input
    try:
        return expand(input, shape)
    except RuntimeError as error:
        raise RuntimeError(
            f"{op}: the input of shape {list(input.shape)} does not broadcast to the product's "
            f"shape {list(shape)}"
        ) from error
