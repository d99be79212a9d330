"""Hooks: functions of the user's that see gradients on their way, and may change them."""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from weakref import ref

from fastgrad import _core
from fastgrad.autograd.graph import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    from fastgrad.tensor import Tensor

    Hook: TypeAlias = Callable[..., Any]
    Hooks: TypeAlias = OrderedDict[int, Hook]

_ids = count()
registered = False  # whether any hook ever was: what the engine looks at


class RemovableHandle:
    """What registering a hook returns: `remove()` it, or use the handle in a ``with`` statement.

    Follows ``torch.utils.hooks.RemovableHandle``.
    """

    __slots__ = ("_hooks", "id")

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self.id = next(_ids)

    def remove(self) -> None:
        """Detach the hook. Doing so twice is harmless."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class _Table:
    """The hooks of nodes or leaves, which it does not keep alive.

    A table and not an attribute: nodes are many, those with hooks few, and until one is registered
    the engine does not look.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[ref[Any], Hooks]] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, owner: Node | Tensor, hook: Hook) -> RemovableHandle:
        global registered
        registered = True
        if not callable(hook):
            raise TypeError(f"a hook must be callable, got {type(hook).__name__}")
        key = id(owner)
        if key not in self._entries:
            alive = ref(owner, lambda _: self._entries.pop(key, None))
            self._entries[key] = (alive, OrderedDict())
        hooks = self._entries[key][1]
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle

    def of(self, owner: Node | Tensor) -> Iterable[Hook]:
        entry = self._entries.get(id(owner))
        return () if entry is None else tuple(entry[1].values())

    def move(self, before: Node, after: Node) -> None:
        """Give the hooks of a node to another."""
        entry = self._entries.pop(id(before), None)
        for hook in () if entry is None else entry[1].values():
            self.add(after, hook)


on_gradient = _Table()  # of a tensor: see its gradient before it is used
on_retained = _Table()  # retain_grad(): see it last
on_node_before = _Table()  # of a node: see the gradient of its result
on_node_after = _Table()  # of a node: see the gradients of its inputs, too
on_accumulated = _Table()  # of a leaf: called when its .grad has changed


def hooked_gradient(owner: Node | Tensor, grad: Tensor) -> Tensor:
    """The gradient as the hooks of its tensor leave it."""
    for hook in on_gradient.of(owner):
        grad = _checked(hook(grad), grad, hook)
    for hook in on_retained.of(owner):
        hook(grad)
    return grad


def hooked_arrival(node: Node, grad: Tensor) -> Tensor:
    """The gradient of a node's result as the node's prehooks leave it."""
    for hook in on_node_before.of(node):
        changed = hook((grad,))
        if changed is not None:
            grad = _checked(_only(changed), grad, hook)
    return grad


def hooked_results(
    node: Node, grads: tuple[Tensor | None, ...], arrived: Tensor
) -> tuple[Tensor | None, ...]:
    """The gradients of a node's inputs as the node's hooks leave them."""
    for hook in on_node_after.of(node):
        changed = hook(grads, (arrived,))
        if changed is not None:
            grads = changed if isinstance(changed, tuple) else (changed,)
    return grads


def _only(value: Any) -> Any:
    return value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value


def _checked(changed: Any, grad: Tensor, hook: Hook) -> Any:
    """What a hook returned: None leaves the gradient as it is."""
    if changed is None:
        return grad
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(changed, _core.TensorBase):
        raise TypeError(
            f"hook '{name}': expected it to return a Tensor or None, got {type(changed).__name__}"
        )
    if changed.shape != grad.shape or changed.dtype is not grad.dtype:
        raise RuntimeError(
            f"hook '{name}' has changed the gradient from {grad.dtype} of shape "
            f"{list(grad.shape)} to {changed.dtype} of shape {list(changed.shape)}; return a "
            "gradient of the same dtype and shape"
        )
    return changed


# What class Tensor offers


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call `hook` with the gradient of this tensor whenever it is computed.

    The hook may return another gradient to be used in its place; it must not change its argument.

    Raises:
        RuntimeError: the tensor does not require grad.

    Follows ``torch.Tensor.register_hook``.

    >>> import fastgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 2)
    >>> x.sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    (owner,) = _core.edges(self)
    if owner is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    return on_gradient.add(owner, hook)


def register_post_accumulate_grad_hook(
    self: Tensor, hook: Callable[[Tensor], None]
) -> RemovableHandle:
    """Call `hook` with this leaf whenever backward() has added to its ``.grad``.

    Raises:
        RuntimeError: the tensor is no leaf, or does not require grad.

    Follows ``torch.Tensor.register_post_accumulate_grad_hook``.

    >>> import fastgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> handle = x.register_post_accumulate_grad_hook(lambda leaf: print(leaf.grad))
    >>> x.sum().backward()
    tensor([1., 1.])
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if not self.is_leaf:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return on_accumulated.add(self, hook)


def retain_grad(self: Tensor) -> None:
    """Keep the gradient of this result in its ``.grad``, as if it were a leaf.

    Raises:
        RuntimeError: the tensor does not require grad.

    Follows ``torch.Tensor.retain_grad``.

    >>> import fastgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> y = x * 3
    >>> y.retain_grad()
    >>> y.sum().backward()
    >>> y.grad
    tensor([1., 1.])
    """
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if self.is_leaf or self.retains_grad:
        return
    alive = ref(self)

    def keep(grad: Tensor) -> None:
        tensor = alive()
        if tensor is not None:
            tensor.grad = grad.clone() if tensor.grad is None else tensor.grad + grad

    (node,) = _core.edges(self)
    on_retained.add(node, keep)


def retains_grad(self: Tensor) -> bool:
    """Whether :meth:`retain_grad` was called on this result."""
    node = self.node
    return node is not None and bool(on_retained.of(node))
