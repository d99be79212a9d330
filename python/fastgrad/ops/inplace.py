"""In-place forms of operations, made from their out-of-place forms."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.ops.assign import assign, check_not_leaf, is_recorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastgrad._types import Operand
    from fastgrad.tensor import Tensor


def _checked(tensor: Tensor, result: Tensor, name: str) -> Tensor:
    """The result, if it can be written into the tensor."""
    if result.shape != tensor.shape:
        raise RuntimeError(
            f"{name}: output with shape {list(tensor.shape)} doesn't match the broadcast shape "
            f"{list(result.shape)}; an in-place operation cannot change the shape"
        )
    if _category(result.dtype) > _category(tensor.dtype):
        raise RuntimeError(
            f"{name}: result type {result.dtype} can't be cast to the desired output type "
            f"{tensor.dtype}"
        )
    return result


def _newest(*arguments: object) -> int:
    """The number of the newest node among the arguments': what is made of them comes later."""
    edges = _core.edges(*arguments)
    return max((edge.number for edge in edges if isinstance(edge, _core.NodeBase)), default=-1)


def _keep_saved(result: Tensor, tensor: Tensor, newest: int) -> None:
    """Nodes of `result` newer than that keep a copy of the tensor, which is about to change."""
    copy = None
    nodes = [result.node]
    while nodes:
        node = nodes.pop()
        if not isinstance(node, _core.NodeBase) or node.number <= newest:
            continue
        nodes += node.edges
        if node.saved and any(value is tensor for value in node.saved):
            copy = _copy_of(tensor) if copy is None else copy
            node.saved = tuple(copy if value is tensor else value for value in node.saved)


def _copy_of(tensor: Tensor) -> Tensor:
    copy = _core.clone(_core.detach(tensor))
    if tensor.node is not None:
        copy.node = tensor.node
    return copy


def _category(dtype: Any) -> int:
    """The place among bool < integer < float."""
    return 2 if dtype.is_floating_point else 0 if dtype is _core.bool else 1


def _named(method: Callable[..., Tensor], function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    method.__name__ = f"{function.__name__}_"
    method.__qualname__ = f"Tensor.{method.__name__}"
    method.__doc__ = f"In-place form of :func:`{function.__name__}`; returns the tensor."
    return method


def in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The in-place form of `function`: its result copied into its first argument."""
    name = f"{function.__name__}_"

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if is_recorded(self, *args, *kwargs.values()):
            check_not_leaf(self)
            newest = _newest(self, *args, *kwargs.values())
            result = _checked(self, function(self, *args, **kwargs), name)
            _keep_saved(result, self, newest)
            return assign(self, result)
        return _core.copy_(self, _checked(self, function(self, *args, **kwargs), name))

    return _named(method, function)


def in_place_function(
    function: Callable[..., Tensor],
    example: str = "",
    kernel: Callable[..., Tensor] | None = None,
) -> Callable[..., Tensor]:
    """The same as a function of nn.functional; `example` is what follows the tensor in its call."""
    made = in_place(function) if kernel is None else in_place_by_kernel(function, kernel)
    name = made.__name__
    made.__qualname__, made.__module__ = name, function.__module__
    made.__doc__ = f"""In-place form of :func:`{function.__name__}`; returns the input.

    Follows ``torch.nn.functional.{name}``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.nn.functional.{name}(x{example}) is x
    True
    """
    return made


def in_place_by_kernel(
    function: Callable[..., Tensor],
    kernel: Callable[..., Tensor],
    write: Callable[..., Tensor] | None = None,
) -> Callable[..., Tensor]:
    """The same with a kernel that works in place, for when nothing is recorded (or inside vmap).

    `write` does what the kernel does, but knows the function's options, too.
    """
    recorded = in_place(function)

    def method(self: Tensor, *operands: Operand, **options: Any) -> Tensor:
        if _core.is_batched(self) or is_recorded(self, *operands, *options.values()):
            return recorded(self, *operands, **options)
        if not options:
            return kernel(self, *operands)
        return (recorded if write is None else write)(self, *operands, **options)

    return _named(method, function)


def in_place_view(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A method that gives the tensor itself the shape of the view that `function` makes of it."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        recorded = is_recorded(self)
        if recorded:
            check_not_leaf(self)
        view = function(self, *args, **kwargs)
        node = view.node
        _core.adopt_geometry_(self, view)
        if recorded:
            self.node = node
        return self

    return _named(method, function)


def in_place_by_writing(
    function: Callable[..., Tensor], write: Callable[..., Tensor]
) -> Callable[..., Tensor]:
    """The same for a function that writes into a copy: `write` does it in the tensor itself."""
    recorded = in_place(function)

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if _core.is_batched(self) or is_recorded(self, *args, *kwargs.values()):
            return recorded(self, *args, **kwargs)
        return write(self, *args, **kwargs)

    return _named(method, function)


def in_place_random(fill: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A method that fills the tensor with random numbers; a leaf that requires grad refuses."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if is_recorded(self):
            check_not_leaf(self)
            return assign(self, fill(_core.empty_in_order_of(self, self.dtype), *args, **kwargs))
        return fill(self, *args, **kwargs)

    method.__name__ = fill.__name__
    method.__qualname__ = f"Tensor.{fill.__name__}"
    method.__doc__ = fill.__doc__
    return method
