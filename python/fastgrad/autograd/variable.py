"""PyTorch's oldest name for a tensor that takes part in differentiation."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

__all__ = ["Variable"]


class _TensorName(type):
    """The type of a class that is only a name for tensors."""

    def __instancecheck__(cls, instance: object) -> bool:
        from fastgrad.tensor import Tensor

        return isinstance(instance, Tensor)

    def __call__(
        cls,
        data: Tensor | None = None,
        requires_grad: bool = False,
        volatile: bool | None = None,
    ) -> Tensor:
        from fastgrad.ops.creation import empty
        from fastgrad.tensor import Tensor

        if data is None:
            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile:
            from warnings import warn

            warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                stacklevel=2,
            )
        return data.detach().requires_grad_(requires_grad)


class Variable(metaclass=_TensorName):
    """``Variable(x)`` is a tensor with the memory of `x` and without its history.

    Since tensors record their history themselves it is needed no more; older courses have it.

    Args:
        data: a tensor; without one the result is empty.
        requires_grad: whether the result collects a gradient.

    Raises:
        TypeError: `data` is no tensor.

    Follows ``torch.autograd.Variable``.

    >>> import fastgrad as torch
    >>> x = torch.autograd.Variable(torch.tensor([2.0]), requires_grad=True)
    >>> (x * x).backward()
    >>> x.grad, isinstance(x, torch.autograd.Variable)
    (tensor([4.]), True)
    """
