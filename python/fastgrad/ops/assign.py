"""In-place operations in the graph.

Every recorded in-place operation is its out-of-place form followed by one primitive, `assign`:
the result is copied into the tensor, and the tensor becomes the product of the result's node. When
the tensor is a view, its base is what changes: the base gets a node that takes the gradient apart,
and the view's own node is made anew from the base, by `refresh_view`, as are those of other views
when they are next used. A tensor that was saved before the change is found out by its version.
"""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.autograd.hooks import on_retained
from fastgrad.ops.index_put import put_at
from fastgrad.ops.indexing import getitem_backward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Node, Saved
    from fastgrad.tensor import Tensor


def is_recorded(tensor: Tensor, *others: object) -> bool:
    """Whether an in-place operation on `tensor` takes part in the graph."""
    if not _core.is_grad_enabled():
        return False
    return any(edge is not None for edge in _core.edges(tensor, *others))


def check_not_leaf(tensor: Tensor) -> None:
    """RuntimeError when an in-place operation would change a leaf that requires grad."""
    base = tensor._base
    if tensor.requires_grad and tensor.is_leaf:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation. Change it "
            "inside no_grad(), or work on a clone()."
        )
    if base is not None and base.requires_grad and base.is_leaf:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation. "
            "Change it inside no_grad(), or work on a clone()."
        )


def assign(tensor: Tensor, value: Tensor) -> Tensor:
    """Copy `value` into `tensor` and record that: the one in-place primitive of the graph."""
    check_not_leaf(tensor)
    base = tensor._base
    (edge,) = _core.edges(value)
    before = tensor.node
    if base is None:
        _core.copy_(tensor, value)
        record(tensor, copy_vjp, (edge,))
        _keep_retaining(before, tensor)
        return tensor
    (base_edge,) = _core.edges(base)
    _core.copy_(tensor, value)
    record(base, copy_slices_vjp, (base_edge, edge), (_positions(base, tensor),))
    refresh_view(tensor)
    _keep_retaining(before, tensor)
    return tensor


def _keep_retaining(before: Node | None, tensor: Tensor) -> None:
    """``.grad`` is to be the gradient of the tensor as it is now, if it is retained."""
    after = tensor.node
    if before is not None and after is not None and on_retained:
        on_retained.move(before, after)


def copy_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)


def copy_slices_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (positions,) = saved
    flat = grad.reshape(-1)
    to_base = put_at(flat, positions, 0.0).view(grad.shape)
    return to_base, None if needs[1] is None else flat[positions]


def refresh_view(view: Tensor) -> None:
    """Give a view a node that reads it from its base as that is now."""
    base = view._base
    if base is None:
        return
    record(view, as_strided_vjp, _core.edges(base), (base.shape, _positions(base, view)))


def as_strided_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, positions = saved
    size = 1
    for n in shape:
        size *= n
    return (getitem_backward(grad, (size,), (positions,)).view(shape),)


def _positions(base: Tensor, view: Tensor) -> Tensor:
    """For each element of the view, its place among the base's elements in row-major order."""
    extent = 1
    for n, step in zip(base.shape, base.stride(), strict=True):
        extent += (n - 1) * step if n else 0
    table = _core.empty_at(base.get_device(), (extent,), _core.int64)
    places = _core.as_strided(table, base.shape, base.stride(), 0)
    numbers = _core.arange_at(base.get_device(), 0, 1, base.numel(), _core.int64)
    _core.copy_(places, _core.view(numbers, base.shape))
    offset = view.storage_offset() - base.storage_offset()
    return _core.clone(_core.as_strided(table, view.shape, view.stride(), offset))
