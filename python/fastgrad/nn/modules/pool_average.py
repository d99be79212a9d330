"""Pools of the averages, and of the p-norms, of windows."""

from __future__ import annotations

from ...ops.conv import per_dim
from .. import functional as F
from ..module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from ... import Tensor
    from ..._types import Dims

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
]


class _AvgPool(Module):
    kernel_size: Dims
    stride: Dims
    padding: Dims
    ceil_mode: bool
    count_include_pad: bool

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The average of every window of a sequence; arguments as :class:`AvgPool2d`.

    Shapes: input (N, C, L) or (C, L), output the same with L' for L.

    Follows torch.nn.AvgPool1d.

    >>> import fastgrad as torch
    >>> torch.nn.AvgPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]])
    """

    def __init__(
        self,
        kernel_size: Dims,
        stride: Dims | None = None,
        padding: Dims = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = per_dim(kernel_size, 1)
        self.stride = per_dim(kernel_size if stride is None else stride, 1)
        self.padding = per_dim(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """The pooled input."""
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class _AvgPoolOfImages(_AvgPool):
    _pool: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        kernel_size: Dims,
        stride: Dims | None = None,
        padding: Dims = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """The pooled input."""
        return self._pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool2d(_AvgPoolOfImages):
    """The average of every window of images.

    Args:
        kernel_size: height and width of a window, one number for both or a pair. So are all
            other sizes.
        stride: the distance of neighbouring windows; by default they touch each other.
        padding: how many zeros are added on both sides.
        ceil_mode: a last window may reach over the end.
        count_include_pad: whether the added zeros count in the average.
        divisor_override: divide the sum of a window by this number.

    Shapes: input (N, C, H, W) or (C, H, W), output the same with H' and W' for H and W, where
    H' = (H + 2 padding - kernel_size) / stride + 1, rounded down, or up with `ceil_mode`.

    Follows torch.nn.AvgPool2d.

    >>> import fastgrad as torch
    >>> torch.nn.AvgPool2d(2)(torch.tensor([[[1.0, 3.0], [2.0, 0.0]]]))
    tensor([[[1.5000]]])
    """

    _pool = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolOfImages):
    """The average of every window of volumes; arguments as :class:`AvgPool2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), output the same with D', H' and W'.

    Follows torch.nn.AvgPool3d.

    >>> import fastgrad as torch
    >>> torch.nn.AvgPool3d(2)(torch.randn(1, 3, 4, 6, 8)).shape
    torch.Size([1, 3, 2, 3, 4])
    """

    _pool = staticmethod(F.avg_pool3d)


class _AdaptiveAvgPool(Module):
    _pool: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """The pooled input."""
        return self._pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The averages of as many windows as asked for; see :class:`AdaptiveAvgPool2d`.

    Shapes: input (N, C, L) or (C, L), output the same with output_size for L.

    Follows torch.nn.AdaptiveAvgPool1d.

    >>> import fastgrad as torch
    >>> torch.nn.AdaptiveAvgPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]])
    """

    _pool = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The averages of windows that share an image evenly.

    Args:
        output_size: how many windows there are along height and width: one number for both, or a
            pair, in which None stands for the size of the input.

    Shapes: input (N, C, H, W) or (C, H, W), output the same with output_size for H and W.

    Follows torch.nn.AdaptiveAvgPool2d.

    >>> import fastgrad as torch
    >>> torch.nn.AdaptiveAvgPool2d(1)(torch.ones(1, 64, 10, 9)).shape
    torch.Size([1, 64, 1, 1])
    """

    _pool = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The averages of windows that share a volume evenly; see :class:`AdaptiveAvgPool2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), output with output_size for D, H and W.

    Follows torch.nn.AdaptiveAvgPool3d.

    >>> import fastgrad as torch
    >>> torch.nn.AdaptiveAvgPool3d((1, None, 2))(torch.randn(1, 2, 5, 6, 7)).shape
    torch.Size([1, 2, 1, 6, 2])
    """

    _pool = staticmethod(F.adaptive_avg_pool3d)


class _LPPool(Module):
    _pool: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        norm_type: float,
        kernel_size: Dims,
        stride: Dims | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """The pooled input."""
        return self._pool(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        names = ("norm_type", "kernel_size", "stride", "ceil_mode")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class LPPool1d(_LPPool):
    """(sum of x**p)**(1/p) of every window of a sequence; see :class:`LPPool2d`.

    Shapes: input (N, C, L) or (C, L), output the same with L' for L.

    Follows torch.nn.LPPool1d.

    >>> import fastgrad as torch
    >>> torch.nn.LPPool1d(2, 2)(torch.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """

    _pool = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """(sum of x**p)**(1/p) of every window of images.

    Args:
        norm_type: the exponent p; infinite for the largest absolute value.
        kernel_size: height and width of a window, one number for both or a pair.
        stride: the distance of neighbouring windows; by default they touch each other.
        ceil_mode: a last window may reach over the end.

    Shapes: input (N, C, H, W) or (C, H, W), output the same with H' and W' for H and W.

    Follows torch.nn.LPPool2d.

    >>> import fastgrad as torch
    >>> torch.nn.LPPool2d(2, (1, 2))(torch.tensor([[[3.0, 4.0]]]))
    tensor([[[5.]]])
    """

    _pool = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """(sum of x**p)**(1/p) of every window of volumes; see :class:`LPPool2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), output the same with D', H' and W'.

    Follows torch.nn.LPPool3d.

    >>> import fastgrad as torch
    >>> torch.nn.LPPool3d(1, 2)(torch.ones(1, 1, 2, 2, 2))
    tensor([[[[[8.]]]]])
    """

    _pool = staticmethod(F.lp_pool3d)
