"""Writing along a dimension, with an index for each element, each above its gradient.

What writes into a copy has a twin, named ``<name>_into``, that writes into the tensor it is given
and leaves no graph: the copy's maker calls it, and so does the in-place form. Where two indices
name one place, they act in their order.
"""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.direct import autocast
from fastgrad.ops.indexing import gather, getitem, getitem_backward, single_value
from fastgrad.ops.ternary import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Operand, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved, Vjp
    from fastgrad.tensor import Tensor

__all__ = ["scatter", "scatter_add", "scatter_reduce"]


def copied(input: Tensor) -> Tensor:
    """A copy that is not part of the graph."""
    return _core.clone(_core.detach(input))


def recorded(out: Tensor, vjp: Vjp, inputs: tuple[Tensor, ...], saved: tuple[Any, ...]) -> Tensor:
    """`out`, with a node when recording is on and an input requires grad."""
    if _core.is_grad_enabled():
        edges = _core.edges(*inputs)
        if any(edge is not None for edge in edges):
            record(out, vjp, edges, saved)
    return out


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Operand | None = None,
    *,
    value: Operand | None = None,
    reduce: str | None = None,
) -> Tensor:
    """A copy with the elements of `src` written where `index` says along `dim`.

    Args:
        input: the tensor to start from.
        dim: the dimension along which an index says where to write.
        index: int64 (or int32), no larger than `src`, and than `input` apart from `dim`.
        src: a tensor of the dtype of `input`, or a number.
        value: a number, instead of `src`.
        reduce: None to overwrite, ``"add"`` or ``"multiply"``.

    Raises:
        RuntimeError: an index is out of bounds, or dtypes or shapes do not fit.

    Follows ``torch.scatter``.

    >>> import fastgrad as torch
    >>> torch.zeros(2, 3).scatter(1, torch.tensor([[2], [0]]), torch.tensor([[5.0], [6.0]]))
    tensor([[0., 0., 5.],
            [6., 0., 0.]])
    """
    source = _source(input, index, src, value)
    if reduce == "add":
        return scatter_add(input, dim, index, source)
    if reduce == "multiply":
        return scatter_reduce(input, dim, index, source, "prod")
    out = scatter_into(copied(input), dim, index, source, reduce=reduce)
    return recorded(out, scatter_vjp, (input, source), (dim, index, source.shape))


def scatter_into(
    out: Tensor,
    dim: int,
    index: Tensor,
    src: Operand | None = None,
    *,
    value: Operand | None = None,
    reduce: str | None = None,
) -> Tensor:
    source = _source(out, index, src, value)
    if reduce is None:
        return _core.scatter_(out, dim, index, source)
    if reduce == "add":
        return _core.scatter_add_(out, dim, index, source)
    if reduce == "multiply":
        return _core.scatter_multiply_(out, dim, index, source)
    raise RuntimeError(f"scatter: reduce argument must be either add or multiply, got {reduce}")


def _source(out: Tensor, index: Tensor, src: Operand | None, value: Operand | None) -> Tensor:
    """What to write: `src` as it is, or a number in the shape of the index."""
    given = src if value is None else value
    if given is None or (src is not None and value is not None):
        raise TypeError("scatter(): expected one of 'src' and 'value'")
    if given is src and isinstance(src, _core.TensorBase):
        return src
    if not isinstance(index, _core.TensorBase):
        raise TypeError(f"scatter(): the index must be a Tensor, not {type(index).__name__}")
    number = single_value("scatter", given, out)
    return _core.expand(_core.detach(number), index.shape)


def scatter_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, index, shape = saved
    to_input = None if needs[0] is None else scatter(grad, dim, index, 0.0)
    return to_input, None if needs[1] is None else _to_source(gather(grad, dim, index), shape)


def _used(src: Tensor, index: Tensor) -> Tensor:
    """The corner of a source that has the size of the index."""
    if src.shape == index.shape:
        return src
    if src.ndim != index.ndim:  # one of them has no dimensions, the other one of size 1
        return src.view(index.shape)
    return getitem(src, tuple(slice(n) for n in index.shape))


def _to_source(taken: Tensor, shape: Sizes) -> Tensor:
    """The gradient of a source of `shape` from that of its used corner."""
    if taken.shape == shape:
        return taken
    if taken.ndim != len(shape):
        return taken.view(shape)
    return getitem_backward(taken, shape, tuple(slice(n) for n in taken.shape))


@autocast("widest")
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy with the elements of `src` added where `index` says along `dim`.

    Args:
        input: the tensor to start from.
        dim: the dimension along which an index says where to add.
        index: int64 (or int32), no larger than `src`, and than `input` apart from `dim`.
        src: a tensor of the dtype of `input`.

    Raises:
        RuntimeError: an index is out of bounds, or dtypes or shapes do not fit.

    Follows ``torch.scatter_add``.

    >>> import fastgrad as torch
    >>> torch.zeros(3).scatter_add(0, torch.tensor([0, 2, 0]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    out = scatter_add_into(copied(input), dim, index, src)
    return recorded(out, scatter_add_vjp, (input, src), (dim, index, src.shape))


def scatter_add_into(out: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    return _core.scatter_add_(out, dim, index, src)


def scatter_add_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    dim, index, shape = saved
    return grad, None if needs[1] is None else _to_source(gather(grad, dim, index), shape)


def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """A copy in which each element is reduced with those of `src` that `index` sends to it.

    Args:
        input: the tensor to start from.
        dim: the dimension along which an index says where to go.
        index: int64 (or int32), no larger than `src`, and than `input` apart from `dim`.
        src: a tensor of the dtype of `input`.
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether the elements of `input` that something is sent to take part.

    Raises:
        RuntimeError: an index is out of bounds, or dtypes or shapes do not fit.

    Follows ``torch.scatter_reduce``.

    >>> import fastgrad as torch
    >>> index, src = torch.tensor([0, 0, 1]), torch.tensor([3.0, 5.0, 4.0])
    >>> torch.zeros(3).scatter_reduce(0, index, src, "mean", include_self=False)
    tensor([4., 4., 0.])
    """
    out = scatter_reduce_into(copied(input), dim, index, src, reduce, include_self=include_self)
    saved = (input, dim, index, src, reduce, include_self)
    return recorded(out, scatter_reduce_vjp, (input, src), saved)


_REDUCTIONS = {
    "sum": _core.scatter_add_,
    "mean": _core.scatter_add_,
    "prod": _core.scatter_multiply_,
    "amax": _core.scatter_amax_,
    "amin": _core.scatter_amin_,
}


def scatter_reduce_into(
    out: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    if reduce not in _REDUCTIONS:
        names = ", ".join(_REDUCTIONS)
        raise RuntimeError(f"scatter_reduce: reduce argument must be one of {names}; got {reduce}")
    if reduce == "mean" and out.dtype is _core.bool:
        raise NotImplementedError("scatter_reduce: 'mean' is not implemented for bool")
    if not include_self:
        # An element of no effect; of amax and amin, an element of the source is one.
        start = src if reduce in ("amax", "amin") else _constant(src, reduce == "prod")
        _core.scatter_(out, dim, index, start)
    _REDUCTIONS[reduce](out, dim, index, src)
    if reduce == "mean":
        count = _members(out, dim, index, src, include_self)
        divide = _core.div if out.dtype.is_floating_point else _core.floor_divide
        _core.copy_(out, divide(_core.detach(out), count))
    return out


def _constant(like: Tensor, value: float) -> Tensor:
    return _core.expand(_core.full((), value, like.dtype), like.shape)


def _members(out: Tensor, dim: int, index: Tensor, src: Tensor, include_self: bool) -> Tensor:
    """How many elements are reduced to each place; 1 where nothing happens."""
    count = _core.full_at(out.get_device(), out.shape, include_self, out.dtype)
    _core.scatter_add_(count, dim, index, _constant(src, 1))
    return _core.where(_core.eq(count, 0), _core.full((), 1, count.dtype), count)


def scatter_reduce_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    input, dim, index, src, reduce, include_self = saved
    used = _used(src, index)
    if reduce in ("sum", "mean"):
        if reduce == "mean":
            grad = grad / _members(input, dim, index, used, include_self)
        to_input, to_src = grad, gather(grad, dim, index)
    else:
        share = _shares_of_product if reduce == "prod" else _shares_of_extreme
        to_input, to_src = share(grad, input, dim, index, used, reduce, include_self)
    if not include_self:
        to_input = scatter(to_input, dim, index, 0.0)
    return to_input, _to_source(to_src, src.shape)


def _shares_of_extreme(
    grad: Tensor,
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    include_self: bool,
) -> tuple[Tensor, Tensor]:
    """The gradient of a largest or smallest element, shared evenly among equal ones."""
    result = copied(input)
    scatter_reduce_into(result, dim, index, src, reduce, include_self=include_self)
    kept = _core.cast(_core.eq(_core.detach(input), result), grad.dtype)
    if not include_self:
        _core.scatter_(kept, dim, index, _constant(src, 0))
    won = _core.cast(_core.eq(_core.detach(src), _core.gather(result, dim, index)), grad.dtype)
    share = grad / scatter_add(kept, dim, index, won)
    return kept * share, won * gather(share, dim, index)


def _shares_of_product(
    grad: Tensor,
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    include_self: bool,
) -> tuple[Tensor, Tensor]:
    """The gradient times the product of the others; right where elements are 0."""
    start = input if include_self else scatter(input, dim, index, 1.0)
    start_zero, src_zero = _core.eq(start, 0), _core.eq(src, 0)
    start_safe, src_safe = start.masked_fill(start_zero, 1.0), src.masked_fill(src_zero, 1.0)
    product = scatter_reduce(start_safe, dim, index, src_safe, reduce)
    zeros = _core.cast(start_zero, grad.dtype)
    _core.scatter_add_(zeros, dim, index, _core.cast(src_zero, grad.dtype))
    upstream = grad * product

    def share(value: Tensor, is_zero: Tensor, part: Tensor, zeros: Tensor) -> Tensor:
        lone_zero = where(_core.eq(zeros, 1), part, 0.0)
        return where(is_zero, lone_zero, where(_core.eq(zeros, 0), part / value, 0.0))

    to_input = share(start_safe, start_zero, upstream, zeros)
    there, zeros_there = gather(upstream, dim, index), _core.gather(zeros, dim, index)
    return to_input, share(src_safe, src_zero, there, zeros_there)
