"""In-place forms of operations, made from their out-of-place forms."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.inplace import assign, check_not_leaf, is_recorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastgrad.tensor import Tensor


def _checked(tensor: Tensor, result: Tensor, name: str) -> Tensor:
    """The result, if it can be written into the tensor."""
    if result.shape != tensor.shape:
        raise RuntimeError(
            f"{name}: output with shape {list(tensor.shape)} doesn't match the broadcast shape "
            f"{list(result.shape)}; an in-place operation cannot change the shape"
        )
    if _core.promote_types(tensor.dtype, result.dtype) is not tensor.dtype and (
        result.dtype.is_floating_point or tensor.dtype is _core.bool
    ):
        raise RuntimeError(
            f"{name}: result type {result.dtype} can't be cast to the desired output type {tensor.dtype}"
        )
    return result


def _named(method: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    method.__name__ = f"{function.__name__}_"
    method.__qualname__ = f"Tensor.{method.__name__}"
    method.__doc__ = f"In-place form of :func:`{function.__name__}`; returns the tensor."
    return method


def in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The in-place form of `function`: its result copied into its first argument."""
    name = f"{function.__name__}_"

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if is_recorded(self, *args):
            check_not_leaf(self)
            return assign(self, _checked(self, function(self, *args, **kwargs), name))
        return _core.copy_(self, _checked(self, function(self, *args, **kwargs), name))

    return _named(method, function)


def in_place_by_kernel(function: Callable[..., Any], kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a binary function with a kernel that works in place, for when nothing is recorded."""
    recorded = in_place(function)

    def method(self: Tensor, other: Any, **options: Any) -> Tensor:
        if options or is_recorded(self, other):
            return recorded(self, other, **options)  # type: ignore[no-any-return]
        return kernel(self, other)  # type: ignore[no-any-return]

    return _named(method, function)


def in_place_random(fill: Callable[..., Any]) -> Callable[..., Any]:
    """A method that fills the tensor with random numbers; a leaf that requires grad refuses."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if is_recorded(self):
            check_not_leaf(self)
            return assign(self, fill(_core.empty(self.shape, self.dtype), *args, **kwargs))
        return fill(self, *args, **kwargs)  # type: ignore[no-any-return]

    method.__name__ = fill.__name__
    method.__qualname__ = f"Tensor.{fill.__name__}"
    method.__doc__ = fill.__doc__
    return method
