"""Tensors put together, each above its gradient."""

from __future__ import annotations

from itertools import combinations as _combinations
from itertools import combinations_with_replacement as _with_replacement

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.device import made_on
from fastgrad.ops import broadcast, shape
from fastgrad.ops.direct import autocast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "block_diag",
    "cartesian_prod",
    "cat",
    "column_stack",
    "combinations",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "row_stack",
    "stack",
    "vstack",
]


@autocast("widest")
def cat(
    tensors: tuple[Tensor, ...] | list[Tensor], dim: int = 0, *, axis: int | None = None
) -> Tensor:
    """Tensors joined along an existing dimension; the dtype is the one that holds all of them.

    Vectors without elements fit to anything.

    Raises:
        ValueError: there are no tensors.
        RuntimeError: the other dimensions differ.

    Follows ``torch.cat``.

    >>> import fastgrad as torch
    >>> torch.cat([torch.zeros(1, 2), torch.ones(1, 2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    if axis is not None:
        dim = axis
    out = _core.cat(tensors, dim)
    if out.requires_grad:
        record(out, cat_vjp, _core.edges(*tensors), (dim, [part.shape for part in tensors]))
    return out


concat = concatenate = cat


def cat_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, shapes = saved
    grads: list[Tensor | None] = []
    start = 0
    for sizes, need in zip(shapes, needs, strict=True):
        if len(sizes) != grad.ndim:  # an empty vector, which cat() skips
            grads.append(_core.full_at(grad.get_device(), sizes, 0, grad.dtype))
            continue
        grads.append(None if need is None else shape.narrow(grad, dim, start, sizes[dim]))
        start += sizes[dim]
    return tuple(grads)


@autocast("widest")
def stack(
    tensors: tuple[Tensor, ...] | list[Tensor], dim: int = 0, *, axis: int | None = None
) -> Tensor:
    """Tensors of one shape joined along a new dimension.

    Raises:
        RuntimeError: the shapes differ, or there are no tensors.

    Follows ``torch.stack``.

    >>> import fastgrad as torch
    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    if axis is not None:
        dim = axis
    _check_parts("stack", tensors)
    first = tensors[0].shape
    for i, part in enumerate(tensors):
        if part.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(part.shape)} at entry {i}"
            )
    out = _core.cat([_core.unsqueeze(part, dim) for part in tensors], dim)
    if out.requires_grad:
        record(out, stack_vjp, _core.edges(*tensors), (dim,))
    return out


def stack_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (dim,) = saved
    return tuple(
        None if need is None else shape.select(grad, dim, i) for i, need in enumerate(needs)
    )


def _check_parts(name: str, tensors: Sequence[Tensor]) -> None:
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'tensors' must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    for i, part in enumerate(tensors):
        if not isinstance(part, _core.TensorBase):
            raise TypeError(
                f"{name}(): expected Tensor as element {i} of 'tensors', but got "
                f"{type(part).__name__}"
            )


def hstack(tensors: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
    """Tensors joined side by side: along the second dimension, vectors along their only one.

    Raises:
        RuntimeError: the other dimensions differ, or there are no tensors.

    Follows ``torch.hstack``.

    >>> import fastgrad as torch
    >>> torch.hstack([torch.tensor([1, 2]), torch.tensor([3])])
    tensor([1, 2, 3])
    """
    _check_parts("hstack", tensors)
    parts = [shape.atleast_1d(part) for part in tensors]
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
    """Tensors joined one above the other; vectors are rows.

    Raises:
        RuntimeError: the other dimensions differ, or there are no tensors.

    Follows ``torch.vstack``.

    >>> import fastgrad as torch
    >>> torch.vstack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    _check_parts("vstack", tensors)
    return cat([shape.atleast_2d(part) for part in tensors])


row_stack = vstack


def dstack(tensors: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
    """Tensors joined along the third dimension.

    Raises:
        RuntimeError: the other dimensions differ, or there are no tensors.

    Follows ``torch.dstack``.

    >>> import fastgrad as torch
    >>> torch.dstack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    _check_parts("dstack", tensors)
    return cat([shape.atleast_3d(part) for part in tensors], 2)


def column_stack(tensors: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
    """Tensors joined side by side; vectors are columns.

    Raises:
        RuntimeError: the other dimensions differ, or there are no tensors.

    Follows ``torch.column_stack``.

    >>> import fastgrad as torch
    >>> torch.column_stack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    _check_parts("column_stack", tensors)
    return cat(
        [part if part.ndim > 1 else shape.reshape(part, (part.numel(), 1)) for part in tensors], 1
    )


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given matrices as blocks along its diagonal, and 0 elsewhere.

    Numbers and vectors count as matrices with one row.

    Raises:
        RuntimeError: a tensor has more than two dimensions.

    Follows ``torch.block_diag``.

    >>> import fastgrad as torch
    >>> torch.block_diag(torch.tensor([[1, 2]]), torch.tensor([3]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    if not tensors:
        return _core.empty((1, 0), _core.get_default_dtype())
    _check_parts("block_diag", tensors)
    blocks: list[Tensor] = []
    for i, part in enumerate(tensors):
        if part.ndim > 2:
            raise RuntimeError(
                "block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{i} has {part.ndim} dimensions"
            )
        blocks.append(shape.atleast_2d(part))
    width = sum(block.shape[1] for block in blocks)
    rows: list[Tensor] = []
    start = 0
    for block in blocks:
        height, columns = block.shape
        before = _core.full_at(block.get_device(), (height, start), 0, block.dtype)
        start += columns
        rows.append(
            cat(
                [
                    before,
                    block,
                    _core.full_at(block.get_device(), (height, width - start), 0, block.dtype),
                ],
                1,
            )
        )
    return cat(rows)


def _check_vector(name: str, tensor: Tensor) -> None:
    if tensor.ndim != 1:
        raise RuntimeError(f"{name}: Expect a 1D vector, but got shape {list(tensor.shape)}")


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of one element of each vector, one per row; of one vector, that vector.

    Raises:
        RuntimeError: a tensor is no vector, or the dtypes differ.

    Follows ``torch.cartesian_prod``.

    >>> import fastgrad as torch
    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    for part in tensors:
        _check_vector("cartesian_prod", part)
    if len(tensors) == 1:
        return tensors[0]
    grids = broadcast.meshgrid(*tensors, indexing="ij")
    return stack([shape.reshape(grid, (-1,)) for grid in grids], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` elements of a vector, in order, one per row.

    Args:
        with_replacement: an element may be chosen again.

    Raises:
        RuntimeError: the tensor is no vector, or `r` is negative.

    Follows ``torch.combinations``.

    >>> import fastgrad as torch
    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    _check_vector("combinations", input)
    if r < 0:
        raise RuntimeError(f"combinations: Expect a non-negative number, but got {r}")
    if r == 0:
        return _core.empty_at(input.get_device(), (0,), input.dtype)
    choose = _with_replacement if with_replacement else _combinations
    chosen = list(choose(range(input.shape[0]), r))
    places = made_on(input.device, _core.tensor, chosen, _core.int64)
    return input[places.view(-1, r)]
