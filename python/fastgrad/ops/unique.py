"""The different elements of a tensor. Not differentiable: the results hold no gradients."""

from __future__ import annotations

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad.tensor import Tensor

__all__ = [
    "unique",
    "unique_consecutive",
]


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in ascending order, or the different slices along a dimension.

    Args:
        sorted: the result is always sorted, as PyTorch's is on the CPU.
        return_inverse: also give for each element (slice) the place of its like in the result.
        return_counts: also give how often each occurs.

    Returns:
        One tensor, or a tuple of what was asked for.

    Each NaN differs from all others. Follows ``torch.unique``.

    >>> import fastgrad as torch
    >>> torch.unique(torch.tensor([3, 1, 3, 2]), return_counts=True)
    (tensor([1, 2, 3]), tensor([1, 1, 2]))
    """
    if not isinstance(sorted, bool):
        raise TypeError(f"unique(): argument 'sorted' must be bool, not {type(sorted).__name__}")
    x = _core.detach(input)
    if dim is None:
        ordered, order = _core.sort(_core.reshape(x, (-1,)), 0, False)
        found = _groups(ordered, order)
        return _chosen(found, input.shape, return_inverse, return_counts)
    rows = _as_rows("unique", x, dim)
    order = _core.sort_rows(rows)
    found = _groups(_core.index_select(rows, 0, order), order)
    return _chosen(_as_slices(found, x, dim), None, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements (slices along a dimension) without those that equal the one before.

    Args and returns as for :func:`unique`.

    Follows ``torch.unique_consecutive``.

    >>> import fastgrad as torch
    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    x = _core.detach(input)
    if dim is None:
        found = _groups(_core.reshape(x, (-1,)), None)
        return _chosen(found, input.shape, return_inverse, return_counts)
    found = _groups(_as_rows("unique_consecutive", x, dim), None)
    return _chosen(_as_slices(found, x, dim), None, return_inverse, return_counts)


def _as_rows(name: str, x: Tensor, dim: int) -> Tensor:
    """The slices along `dim` as the rows of a matrix."""
    if not -x.ndim <= dim < x.ndim:
        raise IndexError(f"{name}(): dim {dim} is out of range for shape {list(x.shape)}")
    moved = _moved(x, dim)
    if 0 in moved.shape[1:]:
        raise RuntimeError(
            f"{name}(): there are 0 sized dimensions besides dim {dim}, so that no slice differs "
            f"from another: {list(x.shape)}"
        )
    width = 1
    for n in moved.shape[1:]:
        width *= n
    return _core.reshape(moved, (moved.shape[0], width))


def _moved(x: Tensor, dim: int) -> Tensor:
    """The dimension first, the others in their order."""
    others = [d for d in range(x.ndim) if d not in (dim, dim + x.ndim)]
    return _core.permute(x, (dim, *others))


def _as_slices(
    found: tuple[Tensor, Tensor, Tensor], x: Tensor, dim: int
) -> tuple[Tensor, Tensor, Tensor]:
    rows, inverse, counts = found
    shape = (rows.shape[0], *_moved(x, dim).shape[1:])
    order = [*range(1, x.ndim)]
    order.insert(dim % x.ndim, 0)
    return _core.clone(_core.permute(_core.reshape(rows, shape), order)), inverse, counts


def _groups(x: Tensor, order: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """The first of each run of equals along dimension 0, the run of each element, their lengths.

    `order`: where the elements came from; the runs are told in that order.
    """
    n = x.shape[0]
    if n == 0:
        none = _core.empty_at(x.get_device(), (0,), _core.int64)
        return x, none, none
    starts = _core.full_at(x.get_device(), (n,), True, _core.bool)
    differs = _core.ne(_core.narrow(x, 0, 1, n - 1), _core.narrow(x, 0, 0, n - 1))
    _core.copy_(
        _core.narrow(starts, 0, 1, n - 1), _core.any(differs, 1, False) if x.ndim > 1 else differs
    )
    run = _core.sub(_core.cumsum(starts, 0), 1)
    first = _core.select(_core.transpose(_core.nonzero(starts), 0, 1), 0, 0)
    if order is None:
        inverse = run
    else:
        inverse = _core.scatter_(_core.empty_in_order_of(run, _core.int64), 0, order, run)
    return _core.index_select(x, 0, first), inverse, _core.bincount(run, None, 0)


def _chosen(
    found: tuple[Tensor, Tensor, Tensor], shape: Any, return_inverse: bool, return_counts: bool
) -> Any:
    values, inverse, counts = found
    if return_inverse and shape is not None:
        inverse = _core.reshape(inverse, shape)
    if not (return_inverse or return_counts):
        return values
    return (values, *((inverse,) if return_inverse else ()), *((counts,) if return_counts else ()))
