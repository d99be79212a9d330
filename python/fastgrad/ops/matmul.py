"""Matrix products, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.conversion import to
from fastgrad.ops.direct import autocast, direct
from fastgrad.ops.exchange import as_tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "bmm",
    "dot",
    "ger",
    "inner",
    "matmul",
    "mm",
    "mv",
    "outer",
    "vdot",
]


@autocast("half")
@direct(_core.matmul)
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product: of vectors, matrices, or stacks of matrices that broadcast.

    Raises:
        RuntimeError: the inner sizes or the dtypes differ; says which.

    Follows ``torch.matmul``.

    >>> import fastgrad as torch
    >>> torch.tensor([[1.0, 2.0]]) @ torch.tensor([[3.0], [4.0]])
    tensor([[11.]])
    """
    try:
        out = _core.matmul(input, other)
    except TypeError:
        if not (hasattr(input, "__array_interface__") or hasattr(other, "__array_interface__")):
            raise
        return product_with_array(input, other)
    if out.requires_grad:
        edges = _core.edges(input, other)
        saved = (None if edges[1] is None else input, None if edges[0] is None else other)
        vjp = mm_vjp if input.ndim == 2 and other.ndim == 2 else matmul_vjp
        record(out, vjp, edges, (*saved, input.ndim, other.ndim))
    return out


def product_with_array(a: Any, b: Any) -> Tensor:
    """The product where a factor is an array: in the dtype that holds both, as NumPy's."""
    a, b = as_tensor(a), as_tensor(b)
    dtype = _core.promote_types(a.dtype, b.dtype)
    return matmul(to(a, dtype), to(b, dtype))


def mm_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b, _, _ = saved
    return (
        None if needs[0] is None else matmul(grad, b.transpose(0, 1)),
        None if needs[1] is None else matmul(a.transpose(0, 1), grad),
    )


def matmul_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    a, b, a_dims, b_dims = saved
    # As products of matrices: a vector is a row on the left and a column on the right.
    if a_dims == 1:
        grad = grad.unsqueeze(-1 if b_dims == 1 else -2)
    if b_dims == 1:
        grad = grad.unsqueeze(-1)
    to_a = to_b = None
    if needs[0] is not None:
        to_a = matmul(grad, (b.unsqueeze(1) if b_dims == 1 else b).transpose(-2, -1))
        to_a = to_a.squeeze(-2) if a_dims == 1 else to_a
    if needs[1] is not None:
        to_b = matmul((a.unsqueeze(0) if a_dims == 1 else a).transpose(-2, -1), grad)
        to_b = to_b.squeeze(-1) if b_dims == 1 else to_b
    return to_a, to_b


@autocast("half")
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices.

    Raises:
        RuntimeError: not two matrices, or their inner sizes differ.

    Follows ``torch.mm``.

    >>> import fastgrad as torch
    >>> torch.mm(torch.ones(2, 3), torch.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    check_dims("mm", input, 2, mat2, 2)
    return matmul(input, mat2)


@autocast("half")
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two stacks of matrices.

    Raises:
        RuntimeError: not two stacks of matrices of one length, or inner sizes differ.

    Follows ``torch.bmm``.

    >>> import fastgrad as torch
    >>> torch.bmm(torch.ones(5, 2, 3), torch.ones(5, 3, 4)).shape
    torch.Size([5, 2, 4])
    """
    check_dims("bmm", input, 3, mat2, 3)
    if input.shape[0] != mat2.shape[0]:
        raise RuntimeError(
            f"bmm: batch sizes must be equal, got {list(input.shape)} and {list(mat2.shape)}"
        )
    return matmul(input, mat2)


@autocast("half")
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector.

    Raises:
        RuntimeError: not a matrix and a vector, or their sizes do not fit.

    Follows ``torch.mv``.

    >>> import fastgrad as torch
    >>> torch.mv(torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 1]))
    tensor([3, 7])
    """
    check_dims("mv", input, 2, vec, 1)
    return matmul(input, vec)


@autocast("widest")
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors.

    Raises:
        RuntimeError: not two vectors of one size.

    Follows ``torch.dot``.

    >>> import fastgrad as torch
    >>> torch.dot(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    check_dims("dot", input, 1, tensor, 1)
    return matmul(input, tensor)


@autocast("widest")
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The inner product of two vectors: of real numbers, what :func:`dot` gives.

    Raises:
        RuntimeError: not two vectors of one size.

    Follows ``torch.vdot``.

    >>> import fastgrad as torch
    >>> torch.vdot(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    check_dims("vdot", input, 1, other, 1)
    return matmul(input, other)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """The sum of products along the last dimension, for all pairs of vectors; a number multiplies.

    Raises:
        RuntimeError: the last sizes differ.

    Follows ``torch.inner``.

    >>> import fastgrad as torch
    >>> torch.inner(torch.tensor([[1, 2], [3, 4]]), torch.tensor([10, 1]))
    tensor([12, 34])
    """
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    shape = (*input.shape[:-1], *other.shape[:-1])
    return matmul(_as_rows(input), _as_rows(other).transpose(0, 1)).reshape(shape)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The products of all pairs of elements of two vectors.

    Raises:
        RuntimeError: not two vectors.

    Follows ``torch.outer``.

    >>> import fastgrad as torch
    >>> torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    check_dims("outer", input, 1, vec2, 1)
    return input.unsqueeze(1) * vec2


ger = outer


def check_dims(op: str, a: Tensor, a_dims: int, b: Tensor, b_dims: int) -> None:
    if a.ndim != a_dims or b.ndim != b_dims:
        raise RuntimeError(
            f"{op}: expected tensors with {a_dims} and {b_dims} dimensions, got {a.ndim}D and "
            f"{b.ndim}D (shapes {list(a.shape)} and {list(b.shape)}); matmul() takes any"
        )


@autocast("half")
@direct(_core.linear, None)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias, with the bias added inside the product.

    Args:
        input: (..., in_features).
        weight: (out_features, in_features).
        bias: (out_features), or None.

    Raises:
        RuntimeError: shapes or dtypes do not fit; says which and what to change.

    Follows ``torch.nn.functional.linear``.

    >>> import fastgrad as torch
    >>> x, w = torch.ones(2, 3), torch.ones(4, 3)
    >>> torch.nn.functional.linear(x, w).shape
    torch.Size([2, 4])
    """
    out = _core.linear(input, weight, bias)
    if out.requires_grad:
        edges = _core.edges(input, weight, bias)
        saved = (None if edges[1] is None else input, None if edges[0] is None else weight)
        record(out, linear_vjp, edges, saved)
    return out


def _as_rows(x: Tensor) -> Tensor:
    """A tensor of any dimensions as a matrix of its last one's vectors."""
    if x.ndim == 1:
        return x.unsqueeze(0)
    return x if x.ndim == 2 else x.flatten(0, -2)


def linear_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, weight = saved
    to_weight = to_bias = None
    if needs[1] is not None or needs[2] is not None:
        rows = _as_rows(grad)
        if needs[1] is not None:
            to_weight = matmul(rows.transpose(0, 1), _as_rows(x))
        if needs[2] is not None:
            to_bias = rows.sum(0)
    return None if needs[0] is None else matmul(grad, weight), to_weight, to_bias
