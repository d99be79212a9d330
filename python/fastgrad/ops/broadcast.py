"""Tensors made to fit each other: views that repeat, each above its gradient."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops import shape
from fastgrad.ops.direct import direct
from fastgrad.size import Size, sizes_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._types import Dims, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = ["broadcast_shapes", "broadcast_tensors", "broadcast_to", "meshgrid"]


@direct(_core.expand)
def expand(input: Tensor, *args: Any, size: Sizes | None = None, implicit: bool = False) -> Tensor:
    """A view that repeats dimensions of size 1; -1 keeps a size. Follows ``torch.Tensor.expand``.

    >>> import fastgrad as torch
    >>> torch.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    out = _core.expand(input, sizes_from(args, size, "size"))
    if out.requires_grad:
        record(out, expand_vjp, _core.edges(input))
    return out


def expand_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)  # the engine sums it to the input's shape


def broadcast_to(input: Tensor, size: Sizes) -> Tensor:
    """A view in a shape that the tensor broadcasts to. Follows ``torch.broadcast_to``.

    >>> import fastgrad as torch
    >>> torch.broadcast_to(torch.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, size)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors expanded to the shape they broadcast to.

    Raises:
        RuntimeError: they do not broadcast.

    Follows ``torch.broadcast_tensors``.

    >>> import fastgrad as torch
    >>> [x.shape for x in torch.broadcast_tensors(torch.ones(3, 1), torch.ones(4))]
    [torch.Size([3, 4]), torch.Size([3, 4])]
    """
    for x in tensors:
        if not isinstance(x, _core.TensorBase):
            raise TypeError(f"broadcast_tensors(): expected Tensors, but got {type(x).__name__}")
    common = broadcast_shapes(*(x.shape for x in tensors))
    return tuple(expand(x, common) for x in tensors)


def broadcast_shapes(*shapes: Dims) -> Size:
    """The shape that shapes broadcast to.

    Raises:
        RuntimeError: they do not broadcast.
        ValueError: a size is negative.

    Follows ``torch.broadcast_shapes``.

    >>> import fastgrad as torch
    >>> torch.broadcast_shapes((3, 1), (4,))
    torch.Size([3, 4])
    """
    result: list[int] = []
    for given in shapes:
        sizes = [given] if isinstance(given, int) else list(given)
        width = max(len(result), len(sizes))
        result = [1] * (width - len(result)) + result
        for d, n in enumerate(sizes, width - len(sizes)):
            if n < 0:
                raise ValueError(f"broadcast_shapes: a size of {given} is negative")
            if n != 1 and result[d] not in (1, n):
                raise RuntimeError(
                    "Shape mismatch: objects cannot be broadcast to a single shape: "
                    f"{', '.join(str(s) for s in shapes)}"
                )
            result[d] = n if result[d] == 1 else result[d]
    return Size(result)


def meshgrid(
    *tensors: Tensor | Sequence[Tensor], indexing: str | None = None
) -> tuple[Tensor, ...]:
    """The coordinates of a grid's points: one view for each vector, expanded along the others.

    Args:
        tensors: vectors (or numbers) of one dtype.
        indexing: "ij": vector i varies along dimension i. "xy": the first two are exchanged, as in
            pictures, where x runs along columns.

    Raises:
        RuntimeError: a tensor is no vector, the dtypes differ, or `indexing` is something else.

    Follows ``torch.meshgrid``.

    >>> import fastgrad as torch
    >>> torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4]), indexing="ij")
    (tensor([[1, 1],
            [2, 2]]), tensor([[3, 4],
            [3, 4]]))
    """
    if indexing is None:
        from warnings import warn

        warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            stacklevel=2,
        )
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    vectors = _vectors(tensors)
    if indexing == "xy" and len(vectors) > 1:
        first, second, *others = vectors
        grids = list(_grid([second, first, *others]))
        return (grids[1], grids[0], *grids[2:])
    return _grid(vectors)


def _vectors(tensors: tuple[Any, ...]) -> list[Tensor]:
    """The arguments of meshgrid, with one dimension each."""
    vectors = list(
        tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    )
    if not vectors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in vectors:
        if x.ndim > 1:
            raise RuntimeError(
                f"meshgrid: Expected 0D or 1D tensors, but got shape {list(x.shape)}"
            )
        if x.dtype is not vectors[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    return [shape.reshape(x, (-1,)) for x in vectors]


def _grid(vectors: list[Tensor]) -> tuple[Tensor, ...]:
    sizes = [x.shape[0] for x in vectors]
    after = range(len(vectors) - 1, -1, -1)
    return tuple(
        expand(shape.view(x, (-1, *[1] * n)), sizes) for x, n in zip(vectors, after, strict=True)
    )
