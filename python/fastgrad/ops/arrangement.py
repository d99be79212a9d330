"""Elements in another order, or several times, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.layout import contiguous_format
from fastgrad.ops import broadcast, conversion, indexing, shape, transposition
from fastgrad.size import sizes_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Dims, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "flip",
    "fliplr",
    "flipud",
    "repeat_interleave",
    "roll",
    "rot90",
    "tile",
]


def flip(input: Tensor, *args: Any, dims: Sizes | None = None) -> Tensor:
    """A copy with the order along dimensions reversed.

    Raises:
        RuntimeError: a dimension is named twice.

    Follows ``torch.flip``.

    >>> import fastgrad as torch
    >>> torch.flip(torch.tensor([[1, 2], [3, 4]]), dims=(0,))
    tensor([[3, 4],
            [1, 2]])
    """
    chosen = sizes_from(args, dims, "dims")
    out = _core.flip(input, chosen)
    if out.requires_grad:
        record(out, flip_vjp, _core.edges(input), (tuple(chosen),))
    return out


def flip_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (flip(grad, saved[0]),)


def fliplr(input: Tensor) -> Tensor:
    """A copy with the order of the columns reversed. Follows ``torch.fliplr``.

    >>> import fastgrad as torch
    >>> torch.fliplr(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.ndim < 2:
        raise RuntimeError("fliplr: Input must be >= 2-d; use flip(x, (0,)) for a vector")
    return flip(input, (1,))


def flipud(input: Tensor) -> Tensor:
    """A copy with the order of the rows reversed. Follows ``torch.flipud``.

    >>> import fastgrad as torch
    >>> torch.flipud(torch.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if input.ndim < 1:
        raise RuntimeError("flipud: Input must be >= 1-d")
    return flip(input, (0,))


def roll(input: Tensor, shifts: Dims, dims: Dims = ()) -> Tensor:
    """A copy with elements moved along dimensions; what leaves at the end comes in at the front.

    Without `dims`, the tensor is rolled as if it had one dimension.

    Raises:
        RuntimeError: there is not one shift for each dimension.

    Follows ``torch.roll``.

    >>> import fastgrad as torch
    >>> torch.roll(torch.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    out = _core.roll(input, shifts, dims)
    if out.requires_grad:
        record(out, roll_vjp, _core.edges(input), (_listed(shifts), _listed(dims)))
    return out


def roll_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shifts, dims = saved
    return (roll(grad, [-shift for shift in shifts], dims),)


def _listed(numbers: Dims) -> list[int]:
    return [numbers] if isinstance(numbers, int) else list(numbers)


def rot90(input: Tensor, k: int = 1, dims: Sizes = (0, 1)) -> Tensor:
    """A copy turned `k` times by 90 degrees, from the first of `dims` towards the second.

    Raises:
        RuntimeError: `dims` are not two different dimensions.

    Follows ``torch.rot90``.

    >>> import fastgrad as torch
    >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise RuntimeError(f"rot90: expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"rot90: expected total dims >= 2, but got total dims = {input.ndim}")
    first, second = (shape.wrapped(d, input.ndim) for d in dims)
    if first == second:
        raise RuntimeError(
            f"rot90: expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = "
            f"{dims[1]}"
        )
    if k % 2 == 0:
        return flip(input, (first, second) if k % 4 else ())
    return transposition.transpose(flip(input, (second if k % 4 == 1 else first,)), first, second)


def repeat(input: Tensor, *args: Any, repeats: Sizes | None = None) -> Tensor:
    """A copy that repeats the whole tensor along each dimension; more numbers add dimensions.

    Raises:
        RuntimeError: fewer numbers than dimensions.

    Follows ``torch.Tensor.repeat``.

    >>> import fastgrad as torch
    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = sizes_from(args, repeats, "repeats")
    out = _core.repeat(input, times)
    if out.requires_grad:
        times = (times,) if isinstance(times, int) else tuple(times)
        record(out, repeat_vjp, _core.edges(input), (input.shape, times))
    return out


def repeat_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    sizes, times = saved
    if not times:
        return (grad,)
    full = (1,) * (len(times) - len(sizes)) + tuple(sizes)
    pairs = [n for pair in zip(times, full, strict=True) for n in pair]
    total = shape.reshape(grad, pairs).sum(tuple(range(0, len(pairs), 2)))
    return (shape.reshape(total, sizes),)


def tile(input: Tensor, *args: Any, dims: Sizes | None = None) -> Tensor:
    """A copy that repeats the whole tensor; fewer numbers than dimensions mean the last ones.

    Follows ``torch.tile``.

    >>> import fastgrad as torch
    >>> torch.tile(torch.tensor([[1], [2]]), (2,))
    tensor([[1, 1],
            [2, 2]])
    """
    given = sizes_from(args, dims, "dims")
    times = (given,) if isinstance(given, int) else tuple(given)
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


def repeat_interleave(
    input: Tensor,
    repeats: int | Tensor | None = None,
    dim: int | None = None,
    *,
    output_size: int | None = None,
) -> Tensor:
    """A copy that repeats each element along a dimension (without `dim`: of the flat tensor).

    Args:
        repeats: how often; one number, or one for each position. ``repeat_interleave(repeats)``
            gives the positions themselves.
        output_size: the sum of the repeats, where it is known.

    Raises:
        RuntimeError: the repeats are negative, do not fit, or do not add up to `output_size`.

    Follows ``torch.repeat_interleave``.

    >>> import fastgrad as torch
    >>> torch.repeat_interleave(torch.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    >>> torch.repeat_interleave(torch.tensor([1, 2, 3]), torch.tensor([2, 0, 1]))
    tensor([1, 1, 3])
    """
    if repeats is None:
        return _core.repeat_interleave(input, output_size)
    x = shape.reshape(input, (-1,)) if dim is None else input
    at = shape.wrapped(dim or 0, x.ndim)
    if isinstance(repeats, _core.TensorBase):
        return _repeated_by(x, repeats, at, output_size)
    return _repeated(x, repeats, at, output_size)


def _repeated(x: Tensor, repeats: int, dim: int, output_size: int | None) -> Tensor:
    if repeats < 0:
        raise RuntimeError(f"repeat_interleave: Repeats must be non-negative, got {repeats}")
    sizes = x.shape
    total = sizes[dim] * repeats
    if output_size is not None and output_size != total:
        raise RuntimeError(
            f"repeat_interleave: Invalid output_size, expected {total} but got {output_size}"
        )
    wide = broadcast.expand(
        shape.unsqueeze(x, dim + 1), (*sizes[: dim + 1], repeats, *sizes[dim + 1 :])
    )
    copy = conversion.clone(wide, memory_format=contiguous_format)
    return shape.view(copy, (*sizes[:dim], total, *sizes[dim + 1 :]))


def _repeated_by(x: Tensor, repeats: Tensor, dim: int, output_size: int | None) -> Tensor:
    n = x.shape[dim] if x.ndim else 1
    counts = _core.expand(repeats, (n,)) if repeats.numel() == 1 else repeats
    if counts.ndim == 1 and counts.shape[0] != n:
        raise RuntimeError(
            "repeat_interleave: repeats must have the same size as input along dim, but got "
            f"repeats.size(0) = {counts.shape[0]} and input.size({dim}) = {n}"
        )
    return indexing.index_select(x, dim, _core.repeat_interleave(counts, output_size))
