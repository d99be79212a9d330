"""Parameter and Buffer: tensors that a module recognises as its own."""

from collections.abc import Iterable
from typing import Any

from .. import Tensor, empty
from ._registry import type_name


class Parameter(Tensor):
    """A tensor that becomes part of a module's `parameters()` when assigned to an attribute of it.

    Args:
        data: the values, a tensor of any shape; shared, not copied. Default: an empty tensor.
        requires_grad: whether gradients are computed for it.

    Raises:
        TypeError: `data` is not a tensor.
        RuntimeError: `requires_grad` with a dtype that is not floating point.

    Follows torch.nn.Parameter.

    >>> import fastgrad as torch
    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> "Parameter":
        return Tensor._make_subclass(cls, _tensor_or_empty(cls, data), requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parameter":
        return type(self)(self.detach().clone(), self.requires_grad)


class Buffer(Tensor):
    """A tensor that becomes part of a module's `buffers()` when assigned to an attribute of it.

    Args:
        data: the values, a tensor of any shape; shared, not copied. Default: an empty tensor.
        persistent: whether it belongs to the module's `state_dict()`.

    Raises:
        TypeError: `data` is not a tensor.

    Follows torch.nn.Buffer.

    >>> import fastgrad as torch
    >>> net = torch.nn.Module()
    >>> net.scale = torch.nn.Buffer(torch.ones(2))
    >>> net.state_dict()["scale"]
    tensor([1., 1.])
    """

    __slots__ = ("persistent",)

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> "Buffer":
        data = _tensor_or_empty(cls, data)
        buffer: Buffer = Tensor._make_subclass(cls, data, data.requires_grad)
        buffer.persistent = persistent
        return buffer

    def __deepcopy__(self, memo: dict[int, Any]) -> "Buffer":
        return type(self)(self.detach().clone(), persistent=self.persistent)


class _Uninitialized(Tensor):
    """A tensor whose shape is not known yet."""

    __slots__ = ()

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. It is known after the"
            " first call of the module, or after load_state_dict"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Make it an ordinary one, of this shape, with arbitrary numbers."""
        self.data = empty(tuple(shape), device=device, dtype=dtype or self.dtype)
        self.__class__ = _BECOMES[type(self)]


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape is not known yet: that of a lazy module.

    Args:
        requires_grad: whether gradients are computed for it.
        device, dtype: of the numbers that it will have.

    Follows torch.nn.UninitializedParameter.

    >>> import fastgrad as torch
    >>> weight = torch.nn.UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> weight.shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> "UninitializedParameter":
        data = empty(0, device=device, dtype=dtype)
        made: UninitializedParameter = Tensor._make_subclass(cls, data, requires_grad)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> "UninitializedParameter":
        return type(self)(self.requires_grad, dtype=self.dtype)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype)


class UninitializedBuffer(_Uninitialized):
    """A buffer whose shape is not known yet: that of a lazy module.

    Args:
        requires_grad: whether gradients are computed for it.
        device, dtype: of the numbers that it will have.

    Follows torch.nn.UninitializedBuffer.

    >>> import fastgrad as torch
    >>> mean = torch.nn.UninitializedBuffer()
    >>> mean.materialize((2,))
    >>> mean.shape
    torch.Size([2])
    """

    __slots__ = ()

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None
    ) -> "UninitializedBuffer":
        data = empty(0, device=device, dtype=dtype)
        made: UninitializedBuffer = Tensor._make_subclass(cls, data, requires_grad)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> "UninitializedBuffer":
        return type(self)(self.requires_grad, dtype=self.dtype)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype)


_BECOMES: dict[type, type] = {UninitializedParameter: Parameter, UninitializedBuffer: Tensor}


def _tensor_or_empty(cls: type[Tensor], data: Tensor | None) -> Tensor:
    if data is None:
        return empty(0)
    if not isinstance(data, Tensor):
        raise TypeError(
            f"{cls.__name__} expects a tensor, but got {type_name(data)};"
            " convert it with fastgrad.tensor(...) first"
        )
    return data


def clear_gradients(parameters: Iterable[Tensor], set_to_none: bool) -> None:
    """Drop the gradients, or set them to zero where they are, cut from any graph."""
    for parameter in parameters:
        if set_to_none:
            parameter.grad = None
        elif parameter.grad is not None:
            parameter.grad = parameter.grad.detach().zero_()
