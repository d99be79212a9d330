"""Tensors as Python copies them: copy, deepcopy, pickle, and instances of other classes."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from fastgrad._types import DType, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

    T = TypeVar("T", bound=Tensor)


def shallow_copy(self: T) -> T:
    """The same memory, class and attributes; a leaf."""
    twin = _core.TensorBase._make_subclass(type(self), _core.detach(self), self.requires_grad)
    _set_state(twin, self.__getstate__())
    return twin


def deep_copy(self: T, memo: dict[Any, Any]) -> T:
    """A copy with memory of its own, which copies of tensors on the same memory share.

    Raises:
        RuntimeError: the tensor is not a leaf.
    """
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment; use tensor.detach().clone()"
        )
    if id(self) in memo:
        known: T = memo[id(self)]
        return known
    old = _core.detach(self)  # which stays as it is, whatever other threads do to the tensor
    storage = _core.storage_bytes(old)
    key = ("storage", storage.data_ptr(), storage.numel())
    if key not in memo:
        memo[key] = _core.clone(storage)
    data = _placed(memo[key], old.dtype, old.shape, old.stride(), old.storage_offset())
    copy = _core.TensorBase._make_subclass(type(self), data, self.requires_grad)
    memo[id(self)] = copy
    if self.grad is not None:
        copy.grad = deep_copy(self.grad.detach(), memo)
    from copy import deepcopy

    _set_state(copy, deepcopy(self.__getstate__(), memo))
    return copy


def reduce(self: T, protocol: object) -> tuple[Any, ...]:
    """What pickle keeps: the elements (not all of a base's memory), their order, and attributes."""
    old = _core.detach(self)  # which stays as it is, whatever other threads do to the tensor
    row, strides = packed(old)
    content = _content(row) if row.numel() else b""
    args = (type(self), content, old.dtype, tuple(old.shape), strides, self.requires_grad)
    place = old.get_device()
    return _rebuilt, args if place < 0 else (*args, place), self.__getstate__()


def _content(row: Tensor) -> bytes:
    """The bytes of a tensor in one dimension without gaps."""
    width = row.element_size()
    memory = _core.storage_bytes(_core.to_device(row, -1, False))
    return bytes(
        memoryview(_core.narrow(memory, 0, row.storage_offset() * width, row.numel() * width))
    )


def packed(x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """The elements of `x` in a row, in the order in which they lie, and strides to find them."""
    if x.is_contiguous():
        return _core.view(x, (-1,) if x.numel() else (0,)), x.stride()
    old = x.stride()
    sizes = [1 if step == 0 else n for n, step in zip(x.shape, old, strict=True)]
    strides = [0] * x.ndim
    length = 1
    for d in sorted(range(x.ndim), key=lambda d: (old[d], -d)):
        if old[d]:
            strides[d] = length
            length *= sizes[d]
    row = _core.empty_at(x.get_device(), (length,), x.dtype)
    source = _core.as_strided(x, sizes, old, x.storage_offset())
    _core.copy_(_core.as_strided(row, sizes, strides, 0), source)
    return row, tuple(strides)


def _placed(content: Tensor, dtype: DType, sizes: Sizes, strides: Sizes, offset: int) -> Tensor:
    """A tensor on the memory that `content` holds as bytes.

    Raises:
        RuntimeError: it would reach beyond the memory.
    """
    width = _core.empty((0,), dtype).element_size()
    whole = _core.narrow(content, 0, 0, content.numel() // width * width)
    return _core.as_strided(_core.reinterpreted(whole, dtype), sizes, strides, offset)


def _rebuilt(
    cls: type[T],
    content: bytes,
    dtype: DType,
    sizes: Sizes,
    strides: Sizes,
    requires_grad: bool,
    place: int = -1,
) -> T:
    """A tensor from what pickle kept of it, on the CUDA device of that number; -1: the CPU.

    Raises:
        RuntimeError, TypeError, ValueError: the parts do not fit together.
    """
    bytes_there = _core.buffer_bytes(content)
    memory = _core.clone(bytes_there) if place < 0 else _core.to_device(bytes_there, place, False)
    data = _core.detach(_placed(memory, dtype, sizes, strides, 0))
    return _core.TensorBase._make_subclass(cls, data, requires_grad)


def _set_state(tensor: Tensor, state: Any) -> None:
    """Give a new tensor the attributes that ``__getstate__`` told of another, as pickle does."""
    if state is None:
        return
    restore: Callable[[Any], None] | None = getattr(tensor, "__setstate__", None)
    if restore is not None:
        restore(state)
        return
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    tensor.__dict__.update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(tensor, name, value)


def as_subclass(self: Tensor, cls: type[T]) -> T:
    """The same tensor, memory and graph, as an instance of a class derived from Tensor.

    Results of operations on it are plain tensors: there is no ``__torch_function__``.

    Raises:
        TypeError: the class is not derived from Tensor, or has slots of its own.

    Follows ``torch.Tensor.as_subclass``.

    >>> import fastgrad as torch
    >>> class Image(torch.Tensor):
    ...     pass
    >>> torch.ones(2).as_subclass(Image)
    Image([1., 1.])
    """
    if not (isinstance(cls, type) and issubclass(cls, _core.TensorBase)):
        raise TypeError(
            "Creating a Tensor subclass from a class that does not inherit from Tensor is not "
            f"possible. Make sure your class inherits from Tensor. Got {cls!r}"
        )
    out: Any = _core.view(self, self.shape)
    if out.requires_grad:
        record(out, alias_vjp, _core.edges(self))
    out.__class__ = cls
    return out  # type: ignore[no-any-return]


def alias_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad,)
