"""Views and joining, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._types import Dims
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "broadcast_shapes",
    "broadcast_tensors",
    "cat",
    "chunk",
    "concat",
    "concatenate",
    "flatten",
    "flip",
    "narrow",
    "permute",
    "ravel",
    "reshape",
    "select",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unbind",
    "unflatten",
    "unsqueeze",
]


def _sizes(size: tuple[Any, ...]) -> Any:
    """Sizes given one by one, or as one tuple."""
    return size[0] if len(size) == 1 and not hasattr(size[0], "__index__") else size


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape: a view where possible, else a copy. One size may be -1.

    >>> import fastgrad as torch
    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    out = _core.reshape(input, _sizes(shape))
    if out.requires_grad:
        record(out, reshape_vjp, _core.edges(input), (input.shape,))
    return out


def reshape_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (reshape(grad, saved[0]),)


def view(input: Tensor, *shape: Any) -> Tensor:
    """The same memory in another shape; an error where that needs a copy. One size may be -1."""
    if len(shape) == 1 and isinstance(shape[0], _core.dtype):
        raise NotImplementedError(
            "view: reading the memory as another dtype is not supported; use .to()"
        )
    out = _core.view(input, _sizes(shape))
    if out.requires_grad:
        record(out, view_vjp, _core.edges(input), (input.shape,))
    return out


def view_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (reshape(grad, saved[0]),)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from start_dim to end_dim made into one.

    Raises:
        RuntimeError: `start_dim` comes after `end_dim`.

    Follows ``torch.flatten``.

    >>> import fastgrad as torch
    >>> torch.flatten(torch.zeros(2, 3, 4), start_dim=1).shape
    torch.Size([2, 12])
    """
    n = max(input.ndim, 1)
    start, end = _wrapped(start_dim, n), _wrapped(end_dim, n)
    if input.ndim == 0:
        return reshape(input, 1)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end:
        return input
    size = 1
    for length in input.shape[start : end + 1]:
        size *= length
    return reshape(input, (*input.shape[:start], size, *input.shape[end + 1 :]))


def _wrapped(dim: int, n: int) -> int:
    if not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )
    return dim % n


def ravel(input: Tensor) -> Tensor:
    """The tensor with one dimension. Follows ``torch.ravel``.

    >>> import fastgrad as torch
    >>> torch.ravel(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshape(input, -1)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension made into several. Follows ``torch.unflatten``.

    >>> import fastgrad as torch
    >>> torch.unflatten(torch.zeros(2, 6), 1, (2, 3)).shape
    torch.Size([2, 2, 3])
    """
    at = _wrapped(dim, input.ndim)
    return reshape(input, (*input.shape[:at], *sizes, *input.shape[at + 1 :]))


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


swapaxes = swapdims = transpose


def transpose_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (transpose(grad, *saved),)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or a number as it is.

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
    return transpose(input, 0, 1) if input.ndim == 2 else input


def numpy_transpose(input: Tensor) -> Tensor:
    """``Tensor.T``: all dimensions in reversed order."""
    return permute(input, tuple(range(input.ndim - 1, -1, -1)))


def matrix_transpose(input: Tensor) -> Tensor:
    """``Tensor.mT``: the last two dimensions exchanged."""
    return transpose(input, -2, -1)


def permute(input: Tensor, *dims: Any) -> Tensor:
    """A view with the dimensions in another order. Follows ``torch.permute``.

    >>> import fastgrad as torch
    >>> torch.permute(torch.zeros(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    order = _sizes(dims)
    out = _core.permute(input, order)
    if out.requires_grad:
        record(out, permute_vjp, _core.edges(input), (tuple(order),))
    return out


def permute_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (order,) = saved
    back = [0] * len(order)
    for to, source in enumerate(order):
        back[source] = to
    return (permute(grad, back),)


def squeeze(input: Tensor, dim: Dims | None = None) -> Tensor:
    """A view without the dimensions of size 1 (those among `dim`). Follows ``torch.squeeze``.

    >>> import fastgrad as torch
    >>> torch.squeeze(torch.zeros(2, 1, 3)).shape
    torch.Size([2, 3])
    """
    out = _core.squeeze_all(input) if dim is None else _core.squeeze(input, dim)
    if out.requires_grad:
        record(out, squeeze_vjp, _core.edges(input), (input.shape,))
    return out


def squeeze_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (reshape(grad, saved[0]),)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A view with a dimension of size 1 put in at `dim`. Follows ``torch.unsqueeze``.

    >>> import fastgrad as torch
    >>> torch.unsqueeze(torch.zeros(2, 3), 1).shape
    torch.Size([2, 1, 3])
    """
    out = _core.unsqueeze(input, dim)
    if out.requires_grad:
        record(out, unsqueeze_vjp, _core.edges(input), (input.shape,))
    return out


def unsqueeze_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (reshape(grad, saved[0]),)


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """A view that repeats dimensions of size 1; -1 keeps a size."""
    out = _core.expand(input, _sizes(sizes))
    if out.requires_grad:
        record(out, expand_vjp, _core.edges(input))
    return out


def expand_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)  # the engine sums it to the input's shape


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of one position along a dimension, which goes. Follows ``torch.select``.

    >>> import fastgrad as torch
    >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    out = _core.select(input, dim, index)
    if out.requires_grad:
        record(out, select_vjp, _core.edges(input), (input.shape, dim % input.ndim, index))
    return out


def select_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    from fastgrad.ops.indexing import getitem_backward

    shape, dim, index = saved
    return (getitem_backward(grad, shape, (*_all_of(dim), index)),)


def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """A view of `length` positions along a dimension, from `start` on.

    Raises:
        RuntimeError: the range is outside the dimension, or `start` is a tensor with dimensions.

    Follows ``torch.narrow``.

    >>> import fastgrad as torch
    >>> torch.narrow(torch.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    if isinstance(start, _core.TensorBase):
        if start.ndim or start.dtype.is_floating_point or start.dtype is _core.bool:
            raise RuntimeError("narrow: start must be a number or a 0-dim tensor of integers")
        start = int(start)
    out = _core.narrow(input, dim, start, length)
    if out.requires_grad:
        at = dim % input.ndim
        first = start % input.shape[at] if start < 0 else start
        record(out, narrow_vjp, _core.edges(input), (input.shape, at, first, length))
    return out


def narrow_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    from fastgrad.ops.indexing import getitem_backward

    shape, dim, start, length = saved
    return (getitem_backward(grad, shape, (*_all_of(dim), slice(start, start + length))),)


def _all_of(dims: int) -> tuple[slice, ...]:
    return (slice(None),) * dims


def split(
    tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Views of pieces of a given size (the last may be smaller), or of the given sizes.

    Raises:
        RuntimeError: the sizes do not add up, or the size is not positive.

    Follows ``torch.split``.

    >>> import fastgrad as torch
    >>> torch.split(torch.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    n = tensor.shape[_wrapped(dim, tensor.ndim)]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n > 0):
            raise RuntimeError(f"split expects split_size be positive, but got split_size={size}")
        sections = [min(size, n - start) for start in range(0, n, size or 1)] or [0]
    else:
        sections = list(split_size_or_sections)
        if sum(sections) != n or min(sections, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size "
                f"at dimension {dim}), but got split_sizes={sections}"
            )
    starts = [sum(sections[:i]) for i in range(len(sections))]
    return tuple(
        narrow(tensor, dim, start, size) for start, size in zip(starts, sections, strict=True)
    )


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most `chunks` pieces of equal size (the last may be smaller).

    Raises:
        RuntimeError: `chunks` is not positive.

    Follows ``torch.chunk``.

    >>> import fastgrad as torch
    >>> torch.chunk(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[_wrapped(dim, input.ndim)]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of every position along a dimension. Follows ``torch.unbind``.

    >>> import fastgrad as torch
    >>> torch.unbind(torch.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    n = input.shape[_wrapped(dim, input.ndim)]
    return tuple(select(input, dim, i) for i in range(n))


def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors joined along an existing dimension.

    Raises:
        RuntimeError: the other dimensions differ.

    Follows ``torch.cat``.

    >>> import fastgrad as torch
    >>> torch.cat([torch.zeros(1, 2), torch.ones(1, 2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    dim = dim if axis is None else axis
    parts = tuple(tensors)
    out = _core.cat(parts, dim)
    if out.requires_grad:
        record(out, cat_vjp, _core.edges(*parts), (dim, [part.shape for part in parts]))
    return out


concat = concatenate = cat


def cat_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, shapes = saved
    grads: list[Tensor | None] = []
    start = 0
    for shape, need in zip(shapes, needs, strict=True):
        if len(shape) != grad.ndim:  # an empty vector, which cat() skips
            grads.append(None)
            continue
        grads.append(None if need is None else narrow(grad, dim, start, shape[dim]))
        start += shape[dim]
    return tuple(grads)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dimension.

    Raises:
        RuntimeError: the shapes differ, or there are no tensors.

    Follows ``torch.stack``.

    >>> import fastgrad as torch
    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    parts = list(tensors)
    if not parts:
        raise RuntimeError("stack expects a non-empty TensorList")
    for i, part in enumerate(parts):
        if part.shape != parts[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(parts[0].shape)} at "
                f"entry 0 and {list(part.shape)} at entry {i}"
            )
    return cat([unsqueeze(part, dim) for part in parts], dim)


def flip(input: Tensor, *dims: Any) -> Tensor:
    """A copy with the order along dimensions reversed. Follows ``torch.flip``.

    >>> import fastgrad as torch
    >>> torch.arange(3).flip(0)
    tensor([2, 1, 0])
    """
    chosen = _sizes(dims)
    out = _core.flip(input, chosen)
    if out.requires_grad:
        record(out, flip_vjp, _core.edges(input), (chosen,))
    return out


def flip_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (flip(grad, saved[0]),)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors expanded to the shape they broadcast to.

    Raises:
        RuntimeError: they do not broadcast.

    Follows ``torch.broadcast_tensors``.

    >>> import fastgrad as torch
    >>> [x.shape for x in torch.broadcast_tensors(torch.ones(3, 1), torch.ones(4))]
    [torch.Size([3, 4]), torch.Size([3, 4])]
    """
    shape = broadcast_shapes(*(x.shape for x in tensors))
    return tuple(expand(x, shape) for x in tensors)


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that shapes broadcast to.

    Raises:
        RuntimeError: they do not broadcast.

    Follows ``torch.broadcast_shapes``.

    >>> import fastgrad as torch
    >>> torch.broadcast_shapes((3, 1), (4,))
    torch.Size([3, 4])
    """
    result: list[int] = []
    for shape in shapes:
        sizes = list(shape)
        width = max(len(result), len(sizes))
        result = [1] * (width - len(result)) + result
        sizes = [1] * (width - len(sizes)) + sizes
        for d, n in enumerate(sizes):
            if n != 1 and result[d] not in (1, n):
                raise RuntimeError(
                    "Shape mismatch: objects cannot be broadcast to a single shape: "
                    f"{', '.join(str(list(s)) for s in shapes)}"
                )
            result[d] = n if result[d] == 1 else result[d]
    from fastgrad.size import Size

    return Size(result)
