"""Pools of the largest elements of windows, and the way back."""

from __future__ import annotations

from ...ops.conv import per_dim
from .. import functional as F
from ..module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, ClassVar

    from ... import Tensor
    from ..._types import Dims

__all__ = [
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _MaxPool(Module):
    _pool: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Dims,
        stride: Dims | None = None,
        padding: Dims = 0,
        dilation: Dims = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """The pooled input; with `return_indices` a pair of it and the places of its elements."""
        return self._pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class MaxPool1d(_MaxPool):
    """The largest element of every window of a sequence; arguments as :class:`MaxPool2d`.

    Shapes: input (N, C, L) or (C, L), output the same with L' for L.

    Follows torch.nn.MaxPool1d.

    >>> import fastgrad as torch
    >>> torch.nn.MaxPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 2.]])
    """

    _pool = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest element of every window of images.

    Args:
        kernel_size: height and width of a window, one number for both or a pair. So are all
            other sizes.
        stride: the distance of neighbouring windows; by default they touch each other.
        padding: how many elements, which are never the largest, are added on both sides.
        dilation: the distance of neighbouring elements of a window.
        return_indices: give the places of the largest elements too, as :class:`MaxUnpool2d` wants.
        ceil_mode: a last window may reach over the end.

    Shapes: input (N, C, H, W) or (C, H, W), output the same with H' and W' for H and W, where
    H' = (H + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1, rounded down, or up with
    `ceil_mode`.

    Follows torch.nn.MaxPool2d.

    >>> import fastgrad as torch
    >>> torch.nn.MaxPool2d(2)
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    >>> torch.nn.MaxPool2d(3, stride=2)(torch.randn(20, 16, 50, 32)).shape
    torch.Size([20, 16, 24, 15])
    """

    _pool = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest element of every window of volumes; arguments as :class:`MaxPool2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), output the same with D', H' and W'.

    Follows torch.nn.MaxPool3d.

    >>> import fastgrad as torch
    >>> torch.nn.MaxPool3d(2)(torch.randn(1, 3, 4, 6, 8)).shape
    torch.Size([1, 3, 2, 3, 4])
    """

    _pool = staticmethod(F.max_pool3d)


class _AdaptiveMaxPool(Module):
    _pool: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """The pooled input; with `return_indices` a pair of it and the places of its elements."""
        return self._pool(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of as many windows as asked for; see :class:`AdaptiveMaxPool2d`.

    Shapes: input (N, C, L) or (C, L), output the same with output_size for L.

    Follows torch.nn.AdaptiveMaxPool1d.

    >>> import fastgrad as torch
    >>> torch.nn.AdaptiveMaxPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 2.]])
    """

    _pool = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of windows that share an image evenly.

    Args:
        output_size: how many windows there are along height and width: one number for both, or a
            pair, in which None stands for the size of the input.
        return_indices: give the places of the largest elements too.

    Shapes: input (N, C, H, W) or (C, H, W), output the same with output_size for H and W.

    Follows torch.nn.AdaptiveMaxPool2d.

    >>> import fastgrad as torch
    >>> torch.nn.AdaptiveMaxPool2d((None, 7))(torch.randn(1, 64, 10, 9)).shape
    torch.Size([1, 64, 10, 7])
    """

    _pool = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest elements of windows that share a volume evenly; see :class:`AdaptiveMaxPool2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), output with output_size for D, H and W.

    Follows torch.nn.AdaptiveMaxPool3d.

    >>> import fastgrad as torch
    >>> torch.nn.AdaptiveMaxPool3d(3)(torch.randn(1, 2, 5, 6, 7)).shape
    torch.Size([1, 2, 3, 3, 3])
    """

    _pool = staticmethod(F.adaptive_max_pool3d)


class _MaxUnpool(Module):
    _dims: ClassVar[int]
    _unpool: ClassVar[Callable[..., Tensor]]

    def __init__(self, kernel_size: Dims, stride: Dims | None = None, padding: Dims = 0) -> None:
        super().__init__()
        self.kernel_size = per_dim(kernel_size, self._dims)
        self.stride = per_dim(kernel_size if stride is None else stride, self._dims)
        self.padding = per_dim(padding, self._dims)

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Put elements back to the places `indices`; `output_size` where several sizes fit."""
        return self._unpool(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Puts the elements back where :class:`MaxPool1d` found them; see :class:`MaxUnpool2d`.

    Follows torch.nn.MaxUnpool1d.

    >>> import fastgrad as torch
    >>> pool = torch.nn.MaxPool1d(2, return_indices=True)
    >>> torch.nn.MaxUnpool1d(2)(*pool(torch.tensor([[1.0, 3.0, 2.0, 0.0]])))
    tensor([[0., 3., 2., 0.]])
    """

    _dims = 1
    _unpool = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Puts the elements back where :class:`MaxPool2d` found them, among zeros.

    Args:
        kernel_size, stride, padding: those of the pool.

    Shapes: input and indices (N, C, H, W) or (C, H, W), output the same with the sizes that the
    pool's input had.

    Follows torch.nn.MaxUnpool2d.

    >>> import fastgrad as torch
    >>> pool = torch.nn.MaxPool2d(2, return_indices=True)
    >>> torch.nn.MaxUnpool2d(2)(*pool(torch.tensor([[[1.0, 3.0], [2.0, 0.0]]])))
    tensor([[[0., 3.],
             [0., 0.]]])
    """

    _dims = 2
    _unpool = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """Puts the elements back where :class:`MaxPool3d` found them; see :class:`MaxUnpool2d`.

    Follows torch.nn.MaxUnpool3d.

    >>> import fastgrad as torch
    >>> pool = torch.nn.MaxPool3d(2, return_indices=True)
    >>> torch.nn.MaxUnpool3d(2)(*pool(torch.randn(1, 1, 2, 4, 4))).shape
    torch.Size([1, 1, 2, 4, 4])
    """

    _dims = 3
    _unpool = staticmethod(F.max_unpool3d)
