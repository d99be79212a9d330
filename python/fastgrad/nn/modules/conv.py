"""Convolutions and transposed convolutions over one, two and three dimensions."""

from __future__ import annotations

import math

from ... import empty
from ...ops.conv import per_dim
from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, ClassVar

    from ... import Tensor
    from ..._types import Dims

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Layer(Module):
    """What convolutions and transposed ones share: their settings, weight and bias."""

    _dims: ClassVar[int]
    _apply_filters: ClassVar[Callable[..., Tensor]]
    transposed: bool = False
    weight: Parameter
    bias: Parameter | None

    def _set_up(
        self,
        channels: tuple[int, int],
        windows: tuple[Dims, Dims, Dims | str, Dims, Dims],
        groups: int,
        padding_mode: str,
    ) -> None:
        """Check the settings and keep them, each number that goes with a dimension as a tuple."""
        self.in_channels, self.out_channels = channels
        kernel_size, stride, padding, dilation, output_padding = windows
        self.kernel_size = per_dim(kernel_size, self._dims)
        self.stride = per_dim(stride, self._dims)
        self.padding = padding if isinstance(padding, str) else per_dim(padding, self._dims)
        self.dilation = per_dim(dilation, self._dims)
        self.output_padding = per_dim(output_padding, self._dims)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check_groups()
        self._check_padding()

    def _check_groups(self) -> None:
        if self.groups <= 0:
            raise ValueError(f"groups must be a positive integer, but got {self.groups}")
        for name in ("in_channels", "out_channels"):
            channels = getattr(self, name)
            if channels % self.groups:
                raise ValueError(
                    f"{name} must be divisible by groups, but got {channels} and {self.groups}"
                )

    def _check_padding(self) -> None:
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string {self.padding!r}, should be 'same', 'valid' or numbers"
                )
            if self.padding == "same" and any(step != 1 for step in self.stride):
                raise ValueError(
                    "padding='same' is not supported for strided convolutions, but got stride"
                    f" {tuple(self.stride)}; give the padding as numbers"
                )
        if self.padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {_PADDING_MODES}, but got"
                f" padding_mode={self.padding_mode!r}"
            )

    def _make_parameters(self, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = Parameter(empty(self._weight_shape(), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(self.out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        ends = self.in_channels, self.out_channels
        first, second = ends if self.transposed else ends[::-1]
        return (first, second // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw the weight and then the bias anew, uniform in ±1/sqrt(elements of a window)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = math.prod(self.weight.shape[1:])
        if self.bias is not None and fan_in:
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        ones, zeros = (1,) * self._dims, (0,) * self._dims
        usual = {
            "padding": zeros,
            "dilation": ones,
            "output_padding": zeros,
            "groups": 1,
            "padding_mode": "zeros",
        }
        changed = {name: getattr(self, name) for name in usual}
        parts = [f"{self.in_channels}, {self.out_channels}"]
        parts += [f"{name}={getattr(self, name)}" for name in ("kernel_size", "stride")]
        parts += [f"{name}={value}" for name, value in changed.items() if value != usual[name]]
        if self.bias is None:
            parts.insert(len(parts) - (self.padding_mode != "zeros"), "bias=False")
        return ", ".join(parts)


class _Convolution(_Layer):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Dims,
        stride: Dims = 1,
        padding: Dims | str = 0,
        dilation: Dims = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        windows = (kernel_size, stride, padding, dilation, 0)
        self._set_up((in_channels, out_channels), windows, groups, padding_mode)
        self._make_parameters(bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the filters to an input (N, in_channels, ...) or (in_channels, ...)."""
        if self.padding_mode == "zeros":
            return self._filtered(input, self.padding)
        return self._filtered(F.pad(input, self._ends(), self.padding_mode), 0)

    def _filtered(self, input: Tensor, padding: Dims | str) -> Tensor:
        return self._apply_filters(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _ends(self) -> tuple[int, ...]:
        """How much is added at the left and right of each dimension, the last one first."""
        if self.padding == "valid":
            return (0,) * (2 * self._dims)
        if isinstance(self.padding, str):
            wide = zip(self.dilation, self.kernel_size, strict=True)
            total = [step * (size - 1) for step, size in wide]
            pairs = [(more // 2, more - more // 2) for more in total]
        else:
            pairs = [(more, more) for more in self.padding]
        return tuple(more for pair in reversed(pairs) for more in pair)


class Conv1d(_Convolution):
    """A convolution along one dimension: each filter looks at all windows of a sequence.

    Args:
        in_channels: the channels of the input.
        out_channels: how many filters there are, which are the channels of the output.
        kernel_size: the length of a window.
        stride: the distance of neighbouring windows.
        padding: how many elements are added on both sides; "valid" for none, "same" for as many
            as keep the length.
        dilation: the distance of neighbouring elements in a window.
        groups: in how many groups channels and filters are divided; each filter sees its group.
        bias: whether there is a bias.
        padding_mode: what is added: "zeros", "reflect", "replicate" or "circular".
        device, dtype: of the parameters.

    Shapes: input (N, in_channels, L) or (in_channels, L), output (N, out_channels, L') with
    L' = (L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1, rounded down; `weight`
    (out_channels, in_channels / groups, kernel_size), `bias` (out_channels,).

    Raises:
        ValueError: groups do not divide the channels, or there is no such padding.

    Follows torch.nn.Conv1d.

    >>> import fastgrad as torch
    >>> torch.nn.Conv1d(16, 33, 3, stride=2)(torch.randn(20, 16, 50)).shape
    torch.Size([20, 33, 24])
    """

    _dims = 1
    _apply_filters = staticmethod(F.conv1d)


class Conv2d(_Convolution):
    """A convolution of images: each filter looks at all windows of an image.

    Args:
        kernel_size: height and width of a window, one number for both or a pair. So are
            `stride`, `padding` and `dilation`.

    All arguments are those of :class:`Conv1d`.

    Shapes: input (N, in_channels, H, W) or (in_channels, H, W), output (N, out_channels, H', W'),
    each size as in :class:`Conv1d`; `weight` (out_channels, in_channels / groups, height, width),
    `bias` (out_channels,).

    Raises:
        ValueError: groups do not divide the channels, or there is no such padding.

    Source: Y. LeCun et al., "Gradient-based learning applied to document recognition", Proceedings
    of the IEEE 86, 1998. Follows torch.nn.Conv2d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.Conv2d(1, 6, kernel_size=5, padding=2)
    >>> layer
    Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    >>> layer(torch.randn(32, 1, 28, 28)).shape
    torch.Size([32, 6, 28, 28])
    """

    _dims = 2
    _apply_filters = staticmethod(F.conv2d)


class Conv3d(_Convolution):
    """A convolution of volumes; the arguments are those of :class:`Conv1d`, for three dimensions.

    Shapes: input (N, in_channels, D, H, W) or without N, output (N, out_channels, D', H', W'),
    `weight` (out_channels, in_channels / groups, depth, height, width), `bias` (out_channels,).

    Raises:
        ValueError: groups do not divide the channels, or there is no such padding.

    Follows torch.nn.Conv3d.

    >>> import fastgrad as torch
    >>> torch.nn.Conv3d(2, 3, (1, 3, 3))(torch.randn(1, 2, 4, 5, 6)).shape
    torch.Size([1, 3, 4, 3, 4])
    """

    _dims = 3
    _apply_filters = staticmethod(F.conv3d)


class _ConvTranspose(_Layer):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Dims,
        stride: Dims = 1,
        padding: Dims = 0,
        output_padding: Dims = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Dims = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(
                f'Only "zeros" padding mode is supported for {type(self).__name__},'
                f" but got {padding_mode!r}"
            )
        super().__init__()
        windows = (kernel_size, stride, padding, dilation, output_padding)
        self._set_up((in_channels, out_channels), windows, groups, padding_mode)
        self._make_parameters(bias, device, dtype)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Apply the filters to an input (N, in_channels, ...) or (in_channels, ...).

        Args:
            output_size: the sizes of the output, where several fit the stride; `output_padding`
                then follows from it.

        Raises:
            ValueError: no such output is possible.
        """
        extra = self.output_padding
        if output_size is not None:
            extra = self._extra_for(tuple(output_size), input)
        return self._apply_filters(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def _extra_for(self, output_size: tuple[int, ...], input: Tensor) -> list[int]:
        """The output padding that gives these sizes."""
        dims, rank = self._dims, input.ndim
        if len(output_size) not in (dims, rank):
            raise ValueError(
                f"{type(self).__name__}: for {rank}D input, output_size must have {dims} or {rank}"
                f" elements (got {len(output_size)})"
            )
        wanted, sizes = output_size[-dims:], tuple(input.shape[rank - dims :])
        least = self._least(sizes)
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not a <= n <= b for n, a, b in zip(wanted, least, most, strict=True)):
            raise ValueError(
                f"requested an output size of {tuple(wanted)}, but valid sizes range from {least}"
                f" to {most} (for an input of {sizes})"
            )
        return [n - a for n, a in zip(wanted, least, strict=True)]

    def _least(self, sizes: tuple[int, ...]) -> list[int]:
        """The sizes of the output of an input of these sizes, without output padding."""
        options: list[Any] = [self.stride, self.padding, self.dilation, self.kernel_size]
        each = zip(sizes, *options, strict=True)
        return [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in each]


class ConvTranspose1d(_ConvTranspose):
    """A transposed convolution along one dimension; see :class:`ConvTranspose2d`.

    Shapes: input (N, in_channels, L) or (in_channels, L), output (N, out_channels, L'),
    `weight` (in_channels, out_channels / groups, kernel_size), `bias` (out_channels,).

    Follows torch.nn.ConvTranspose1d.

    >>> import fastgrad as torch
    >>> torch.nn.ConvTranspose1d(3, 2, 4, stride=2)(torch.randn(1, 3, 5)).shape
    torch.Size([1, 2, 12])
    """

    _dims = 1
    _apply_filters = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """A transposed convolution: each element of the input adds a multiple of a filter.

    With stride it makes images larger, and undoes the change of size by a :class:`Conv2d` of
    the same settings.

    Args:
        in_channels: the channels of the input.
        out_channels: the channels of the output.
        kernel_size: height and width of a filter, one number for both or a pair. So are all
            other sizes.
        stride: the distance of the places to which neighbouring elements add.
        padding: how much is cut off on both sides.
        output_padding: how much larger the output is than the smallest that fits.
        groups: in how many groups the channels are divided.
        bias: whether there is a bias.
        dilation: the distance of neighbouring elements of a filter.
        padding_mode: "zeros".
        device, dtype: of the parameters.

    Shapes: input (N, in_channels, H, W) or without N, output (N, out_channels, H', W') with
    H' = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1; `weight`
    (in_channels, out_channels / groups, height, width), `bias` (out_channels,).

    Raises:
        ValueError: groups do not divide the channels, or another padding mode.

    Source: V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning",
    arXiv:1603.07285, 2016. Follows torch.nn.ConvTranspose2d.

    >>> import fastgrad as torch
    >>> down = torch.nn.Conv2d(16, 16, 3, stride=2, padding=1)
    >>> up = torch.nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1)
    >>> x = torch.randn(1, 16, 12, 12)
    >>> up(down(x), output_size=x.shape).shape
    torch.Size([1, 16, 12, 12])
    """

    _dims = 2
    _apply_filters = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """A transposed convolution of volumes; see :class:`ConvTranspose2d`.

    Shapes: input (N, in_channels, D, H, W) or without N, output (N, out_channels, D', H', W'),
    `weight` (in_channels, out_channels / groups, depth, height, width), `bias` (out_channels,).

    Follows torch.nn.ConvTranspose3d.

    >>> import fastgrad as torch
    >>> torch.nn.ConvTranspose3d(2, 1, 2, stride=2)(torch.randn(1, 2, 3, 3, 3)).shape
    torch.Size([1, 1, 6, 6, 6])
    """

    _dims = 3
    _apply_filters = staticmethod(F.conv_transpose3d)
