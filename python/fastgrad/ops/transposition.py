"""Dimensions in another order: views, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.direct import direct
from fastgrad.ops.shape import wrapped
from fastgrad.size import sizes_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Dims, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "adjoint",
    "moveaxis",
    "movedim",
    "permute",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
]


@direct(_core.transpose)
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions exchanged. Follows ``torch.transpose``.

    >>> import fastgrad as torch
    >>> torch.transpose(torch.zeros(2, 3, 4), 0, 2).shape
    torch.Size([4, 3, 2])
    """
    out = _core.transpose(input, dim0, dim1)
    if out.requires_grad:
        record(out, transpose_vjp, _core.edges(input), (dim0, dim1))
    return out


swapdims = transpose


def transpose_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (transpose(grad, *saved),)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """A view with two dimensions exchanged. Follows ``torch.swapaxes``.

    >>> import fastgrad as torch
    >>> torch.swapaxes(torch.zeros(2, 3, 4), 0, 2).shape
    torch.Size([4, 3, 2])
    """
    return transpose(input, axis0, axis1)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; of a vector or a number, a view of it.

    Raises:
        RuntimeError: more than two dimensions.

    Follows ``torch.t``.

    >>> import fastgrad as torch
    >>> torch.t(torch.tensor([[1, 2, 3]])).shape
    torch.Size([3, 1])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D; use "
            "transpose(dim0, dim1) or permute(...)"
        )
    return transpose(input, 0, input.ndim - 1)


def numpy_transpose(input: Tensor) -> Tensor:
    """``Tensor.T``: all dimensions in reversed order."""
    return permute(input, tuple(range(input.ndim - 1, -1, -1)))


def matrix_transpose(input: Tensor) -> Tensor:
    """``Tensor.mT``: the last two dimensions exchanged."""
    if input.ndim == 1:
        raise RuntimeError(
            "tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    return transpose(input, -2, -1) if input.ndim else input


def hermitian_transpose(input: Tensor) -> Tensor:
    """``Tensor.H``: the transpose of a matrix of real numbers."""
    if input.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {input.ndim}-D tensor. For "
            "batches of matrices, consider using tensor.mH"
        )
    return matrix_transpose(input)


def adjoint(input: Tensor) -> Tensor:
    """A view with the last two dimensions exchanged. Follows ``torch.adjoint``.

    >>> import fastgrad as torch
    >>> torch.adjoint(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 4, 3])
    """
    return matrix_transpose(input)


@direct(_core.permute)
def permute(input: Tensor, *args: Any, dims: Sizes | None = None) -> Tensor:
    """A view with the dimensions in another order. Follows ``torch.permute``.

    >>> import fastgrad as torch
    >>> torch.permute(torch.zeros(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    order = sizes_from(args, dims, "dims")
    out = _core.permute(input, order)
    if out.requires_grad:
        saved = order if isinstance(order, int) else tuple(order)
        record(out, permute_vjp, _core.edges(input), (saved,))
    return out


def permute_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (order,) = saved
    if isinstance(order, int):
        return (grad,)
    back = [0] * len(order)
    for to, source in enumerate(order):
        back[source] = to
    return (permute(grad, back),)


def movedim(input: Tensor, source: Dims, destination: Dims) -> Tensor:
    """A view with dimensions moved to other places, the others in their order.

    Raises:
        RuntimeError: there are not as many destinations as sources, or one is named twice.

    Follows ``torch.movedim``.

    >>> import fastgrad as torch
    >>> torch.movedim(torch.zeros(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    sources, targets = _dims("source", source, input), _dims("destination", destination, input)
    if len(sources) != len(targets):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({source}) should contain the "
            f"same number of dims as destination ({destination})"
        )
    if input.ndim == 0:
        return input
    order = [d for d in range(input.ndim) if d not in sources]
    for place, d in sorted(zip(targets, sources, strict=True)):
        order.insert(place, d)
    return permute(input, order)


def _dims(name: str, given: Dims, tensor: Tensor) -> list[int]:
    """Different dimensions, counted from the front."""
    dims = [wrapped(d, tensor.ndim) for d in ([given] if isinstance(given, int) else given)]
    if len(set(dims)) < len(dims):
        raise RuntimeError(f"movedim: repeated dim in `{name}` ({given})")
    return dims


moveaxis = movedim
