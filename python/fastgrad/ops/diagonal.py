"""Diagonals of matrices, and writing into a view of a copy, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.indexing import getitem
from fastgrad.ops.shape import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgrad._types import Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diagonal_scatter",
    "select_scatter",
    "slice_scatter",
    "trace",
    "tril",
    "triu",
    "unravel_index",
]


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonals of matrices, along a new last dimension.

    Args:
        input: the tensor; dimensions `dim1` and `dim2` are the rows and columns of its matrices.
        offset: 0 for the main diagonal, positive for one above it, negative for one below it.
        dim1: the rows.
        dim2: the columns.

    Raises:
        IndexError: a dimension is out of range.
        RuntimeError: the dimensions are the same.

    Follows ``torch.diagonal``.

    >>> import fastgrad as torch
    >>> torch.diagonal(torch.tensor([[1, 2, 3], [4, 5, 6]]), 1)
    tensor([2, 6])
    """
    out = _core.diagonal(input, offset, dim1, dim2)
    if out.requires_grad:
        saved = (input.shape, offset, dim1, dim2)
        record(out, diagonal_vjp, _core.edges(input), saved)
    return out


def diagonal_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, *place = saved
    return (diagonal_scatter(_core.full_at(grad.get_device(), shape, 0, grad.dtype), grad, *place),)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Of a vector, the matrix with that diagonal; of a matrix, a copy of its diagonal.

    Raises:
        RuntimeError: the tensor is neither.

    Follows ``torch.diag``.

    >>> import fastgrad as torch
    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    >>> torch.diag(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim == 2:
        return _diagonal(input, diagonal).clone()
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")


_diagonal = diagonal  # `diag` has an argument of that name


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices of zeros whose diagonals are the vectors of the last dimension.

    Args:
        input: the tensor of vectors.
        offset: 0 for the main diagonal, positive for one above it, negative for one below it.
        dim1: the rows in the result.
        dim2: the columns in the result.

    Raises:
        IndexError: a dimension is out of range.
        RuntimeError: the dimensions are the same.

    Follows ``torch.diag_embed``.

    >>> import fastgrad as torch
    >>> torch.diag_embed(torch.tensor([[1, 2]]), offset=1)
    tensor([[[0, 1, 0],
             [0, 0, 2],
             [0, 0, 0]]])
    """
    n = input.size(-1) + abs(offset)
    shape = list(input.shape[:-1])
    rank = len(shape) + 2
    for dim in (dim1, dim2):
        if not -rank <= dim < rank:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but "
                f"got {dim})"
            )
    for dim in sorted((dim1 % rank, dim2 % rank)):
        shape.insert(dim, n)
    out = _core.zeros_for(input, input, shape)
    _core.copy_(_core.diagonal(out, offset, dim1, dim2), _core.detach(input))
    if _core.is_grad_enabled() and input.requires_grad:
        record(out, diag_embed_vjp, _core.edges(input), (offset, dim1, dim2))
    return out


def diag_embed_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (diagonal(grad, *saved),)


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix of zeros whose diagonal are all elements of the tensor.

    Follows ``torch.diagflat``.

    >>> import fastgrad as torch
    >>> torch.diagflat(torch.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(input.reshape(-1), offset)


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix.

    Raises:
        RuntimeError: the tensor is no matrix.

    Follows ``torch.trace``.

    >>> import fastgrad as torch
    >>> torch.trace(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    if input.dtype is _core.bool:
        raise NotImplementedError("trace: not implemented for bool; convert it with .long()")
    return diagonal(input).sum()


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Matrices with zeros above a diagonal.

    Args:
        input: a matrix, or a batch of matrices in the last two dimensions.
        diagonal: 0 for the main diagonal, positive for one above it, negative for one below it.

    Raises:
        RuntimeError: there are fewer than two dimensions.

    Follows ``torch.tril``.

    >>> import fastgrad as torch
    >>> torch.tril(torch.ones(3, 3))
    tensor([[1., 0., 0.],
            [1., 1., 0.],
            [1., 1., 1.]])
    """
    out = _core.tril(input, diagonal)
    if out.requires_grad:
        record(out, tril_vjp, _core.edges(input), (diagonal,))
    return out


def tril_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (tril(grad, *saved),)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Matrices with zeros below a diagonal.

    Args:
        input: a matrix, or a batch of matrices in the last two dimensions.
        diagonal: 0 for the main diagonal, positive for one above it, negative for one below it.

    Raises:
        RuntimeError: there are fewer than two dimensions.

    Follows ``torch.triu``.

    >>> import fastgrad as torch
    >>> torch.triu(torch.ones(3, 3), diagonal=1)
    tensor([[0., 1., 1.],
            [0., 0., 1.],
            [0., 0., 0.]])
    """
    out = _core.triu(input, diagonal)
    if out.requires_grad:
        record(out, triu_vjp, _core.edges(input), (diagonal,))
    return out


def triu_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (triu(grad, *saved),)


# A copy of a tensor, with one of its views replaced


def _replaced(input: Tensor, src: Tensor, view: Callable[[Tensor], Tensor]) -> Tensor:
    """A copy of `input` in which what `view` shows of it is `src`."""
    out = _core.clone(_core.detach(input))
    target = view(out)
    if target.shape != src.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(target.shape)}"
        )
    _core.copy_(target, _core.detach(src))
    if _core.is_grad_enabled() and (input.requires_grad or src.requires_grad):
        record(out, replaced_vjp, _core.edges(input, src), (view,))
    return out


def replaced_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (view,) = saved
    to_src = view(grad)
    return _replaced(
        grad, _core.full_at(grad.get_device(), to_src.shape, 0, grad.dtype), view
    ), to_src


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of `input` with ``copy.select(dim, index)`` replaced by `src`.

    Raises:
        IndexError: the index is out of range.
        RuntimeError: `src` has another shape than the selection.

    Follows ``torch.select_scatter``.

    >>> import fastgrad as torch
    >>> torch.select_scatter(torch.zeros(2, 2), torch.ones(2), 0, 0)
    tensor([[1., 1.],
            [0., 0.]])
    """
    return _replaced(input, src, lambda x: select(x, dim, index))


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """A copy of `input` with the slice ``start:end:step`` of a dimension replaced by `src`.

    Raises:
        RuntimeError: `src` has another shape than the slice, or the step is not positive.

    Follows ``torch.slice_scatter``.

    >>> import fastgrad as torch
    >>> torch.slice_scatter(torch.zeros(4), torch.ones(2), start=0, end=4, step=2)
    tensor([1., 0., 1., 0.])
    """
    if step <= 0:
        raise RuntimeError(f"slice_scatter: slice step must be positive, got {step}")
    input.size(dim)  # IndexError for a dimension out of range
    index = (*(slice(None),) * (dim % max(input.ndim, 1)), slice(start, end, step))
    return _replaced(input, src, lambda x: getitem(x, index))


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy of `input` with ``copy.diagonal(offset, dim1, dim2)`` replaced by `src`.

    Raises:
        RuntimeError: `src` has another shape than the diagonal.

    Follows ``torch.diagonal_scatter``.

    >>> import fastgrad as torch
    >>> torch.diagonal_scatter(torch.zeros(2, 2), torch.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    return _replaced(input, src, lambda x: diagonal(x, offset, dim1, dim2))


def unravel_index(indices: Tensor, shape: int | Sizes) -> tuple[Tensor, ...]:
    """Positions in a flattened tensor as indices, one tensor for each dimension of its shape.

    Raises:
        TypeError: the positions are no integers.
        ValueError: a size is negative.

    Follows ``torch.unravel_index``.

    >>> import fastgrad as torch
    >>> torch.unravel_index(torch.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    if indices.dtype.is_floating_point or indices.dtype is _core.bool:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    found, rest = [], indices.to(_core.int64)
    for n in reversed(sizes):
        found.append(rest % n)
        rest = rest // n
    return tuple(reversed(found))
