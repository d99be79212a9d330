"""Padding."""

from __future__ import annotations

from .. import functional as F
from ..module import Module
from ._settings import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from ... import Tensor
    from ..._types import Dims

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    _dims: ClassVar[int]
    _mode: ClassVar[str]

    def __init__(self, padding: Dims) -> None:
        super().__init__()
        self.padding = _ends(padding, self._dims)

    def forward(self, input: Tensor) -> Tensor:
        """Pad an input (N, C, ...) or (C, ...)."""
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return str(self.padding)


def _ends(padding: Dims, dims: int) -> tuple[int, ...]:
    """The padding of each end of each dimension."""
    return (padding,) * (2 * dims) if isinstance(padding, int) else tuple(padding)


class _CircularPad(_Pad):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """Pad an input (N, C, ...) or (C, ...)."""
        low = self._dims + 1
        if input.ndim not in (low, low + 1):
            raise ValueError(f"expected {low}D or {low + 1}D input (got {input.ndim}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPad):
    """Continues a sequence with its other end; arguments as :class:`ReflectionPad2d`.

    Follows torch.nn.CircularPad1d.

    >>> import fastgrad as torch
    >>> torch.nn.CircularPad1d(1)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 1., 2., 3., 1.]])
    """

    _dims = 1


class CircularPad2d(_CircularPad):
    """Continues images with their other ends; arguments as :class:`ReflectionPad2d`.

    Follows torch.nn.CircularPad2d.

    >>> import fastgrad as torch
    >>> torch.nn.CircularPad2d((1, 0, 0, 0))(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 1., 2., 3.]]])
    """

    _dims = 2


class CircularPad3d(_CircularPad):
    """Continues volumes with their other ends; arguments as :class:`ReflectionPad2d`.

    Follows torch.nn.CircularPad3d.

    >>> import fastgrad as torch
    >>> torch.nn.CircularPad3d(1)(torch.ones(1, 1, 2, 3, 4)).shape
    torch.Size([1, 1, 4, 5, 6])
    """

    _dims = 3


class ReflectionPad1d(_Pad):
    """Continues a sequence with its mirror image; arguments as :class:`ReflectionPad2d`.

    Follows torch.nn.ReflectionPad1d.

    >>> import fastgrad as torch
    >>> torch.nn.ReflectionPad1d(1)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 1., 2., 3., 2.]])
    """

    _dims, _mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Continues images with their mirror images.

    Args:
        padding: how many pixels to add on each side: one number for all, or (left, right, top,
            bottom).

    Shapes: input (N, C, H, W) or (C, H, W), output the same with more rows and columns.

    Follows torch.nn.ReflectionPad2d.

    >>> import fastgrad as torch
    >>> torch.nn.ReflectionPad2d((1, 1, 0, 0))(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 1., 2., 3., 2.]]])
    """

    _dims, _mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Continues volumes with their mirror images; arguments as :class:`ReflectionPad2d`.

    Follows torch.nn.ReflectionPad3d.

    >>> import fastgrad as torch
    >>> torch.nn.ReflectionPad3d(1)(torch.ones(1, 1, 2, 3, 4)).shape
    torch.Size([1, 1, 4, 5, 6])
    """

    _dims, _mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """Continues a sequence with its outermost elements; arguments as :class:`ReflectionPad2d`.

    Follows torch.nn.ReplicationPad1d.

    >>> import fastgrad as torch
    >>> torch.nn.ReplicationPad1d((2, 1))(torch.tensor([[1.0, 2.0]]))
    tensor([[1., 1., 1., 2., 2.]])
    """

    _dims, _mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """Continues images with their outermost pixels; arguments as :class:`ReflectionPad2d`.

    Follows torch.nn.ReplicationPad2d.

    >>> import fastgrad as torch
    >>> torch.nn.ReplicationPad2d(1)(torch.tensor([[[5.0]]]))
    tensor([[[5., 5., 5.],
             [5., 5., 5.],
             [5., 5., 5.]]])
    """

    _dims, _mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """Continues volumes with their outermost elements; arguments as :class:`ReflectionPad2d`.

    Follows torch.nn.ReplicationPad3d.

    >>> import fastgrad as torch
    >>> torch.nn.ReplicationPad3d(1)(torch.ones(1, 1, 2, 3, 4)).shape
    torch.Size([1, 1, 4, 5, 6])
    """

    _dims, _mode = 3, "replicate"


class _ConstantPad(Module):
    _dims: ClassVar[int]

    def __init__(self, padding: Dims, value: float) -> None:
        super().__init__()
        self.padding = _ends(padding, self._dims)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Pad an input of any shape."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return settings(self, "padding", "value")


class ConstantPad1d(_ConstantPad):
    """Adds a value on both sides of sequences; arguments as :class:`ConstantPad2d`.

    Follows torch.nn.ConstantPad1d.

    >>> import fastgrad as torch
    >>> torch.nn.ConstantPad1d(1, 7.0)(torch.tensor([[1.0, 2.0]]))
    tensor([[7., 1., 2., 7.]])
    """

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """Adds a value around images.

    Args:
        padding: how many pixels to add on each side: one number for all, or (left, right, top,
            bottom); negative ones cut off.
        value: what they are.

    Follows torch.nn.ConstantPad2d.

    >>> import fastgrad as torch
    >>> torch.nn.ConstantPad2d((1, 0, 1, 0), 7.0)(torch.tensor([[1.0, 2.0]]))
    tensor([[7., 7., 7.],
            [7., 1., 2.]])
    """

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """Adds a value around volumes; arguments as :class:`ConstantPad2d`.

    Follows torch.nn.ConstantPad3d.

    >>> import fastgrad as torch
    >>> torch.nn.ConstantPad3d(1, 7.0)(torch.ones(1, 1, 2, 3, 4)).shape
    torch.Size([1, 1, 4, 5, 6])
    """

    _dims = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Dims) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return str(self.padding)


class ZeroPad1d(_ZeroPad):
    """Adds zeros on both sides of sequences; the argument as :class:`ConstantPad2d`.

    Follows torch.nn.ZeroPad1d.

    >>> import fastgrad as torch
    >>> torch.nn.ZeroPad1d((1, 2))(torch.tensor([[1.0]]))
    tensor([[0., 1., 0., 0.]])
    """

    _dims = 1


class ZeroPad2d(_ZeroPad):
    """Adds zeros around images; the argument as :class:`ConstantPad2d`.

    Follows torch.nn.ZeroPad2d.

    >>> import fastgrad as torch
    >>> torch.nn.ZeroPad2d(1)(torch.tensor([[1.0]]))
    tensor([[0., 0., 0.],
            [0., 1., 0.],
            [0., 0., 0.]])
    """

    _dims = 2


class ZeroPad3d(_ZeroPad):
    """Adds zeros around volumes; the argument as :class:`ConstantPad2d`.

    Follows torch.nn.ZeroPad3d.

    >>> import fastgrad as torch
    >>> torch.nn.ZeroPad3d(1)(torch.ones(1, 1, 2, 3, 4)).sum()
    tensor(24.)
    """

    _dims = 3
