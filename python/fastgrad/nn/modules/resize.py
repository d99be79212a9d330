"""Images in other sizes, and channels that become pixels."""

from __future__ import annotations

from .. import functional as F
from ..module import Module
from ._settings import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ... import Tensor

__all__ = [
    "ChannelShuffle",
    "PixelShuffle",
    "PixelUnshuffle",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]


class Upsample(Module):
    """Images of another size.

    Args:
        size: the new sizes, one number or one for each dimension.
        scale_factor: instead of `size`, by how much to multiply the sizes.
        mode: "nearest", "linear" (sequences), "bilinear", "bicubic" (images) or "trilinear".
        align_corners: whether the centres of the outermost pixels stay where they are.
        recompute_scale_factor: use the ratio of the sizes instead of `scale_factor`.

    Shapes: input (N, C, ...) with one to three more dimensions, output the same with new sizes.

    Raises:
        ValueError, NotImplementedError: options do not fit, when it is called.

    Follows torch.nn.Upsample.

    >>> import fastgrad as torch
    >>> torch.nn.Upsample(scale_factor=2, mode="nearest")(torch.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    scale_factor: float | tuple[float, ...] | None

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None  # type: ignore[arg-type]
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Resize an input (N, C, ...)."""
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        return settings(self, "size" if self.scale_factor is None else "scale_factor", "mode")


class UpsamplingNearest2d(Upsample):
    """Images of another size, each pixel copied from the nearest; arguments as :class:`Upsample`.

    Follows torch.nn.UpsamplingNearest2d.

    >>> import fastgrad as torch
    >>> torch.nn.UpsamplingNearest2d(scale_factor=2)(torch.tensor([[[[1.0, 2.0]]]]))
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """Images of another size, interpolated with aligned corners; arguments as :class:`Upsample`.

    Follows torch.nn.UpsamplingBilinear2d.

    >>> import fastgrad as torch
    >>> torch.nn.UpsamplingBilinear2d(size=(1, 3))(torch.tensor([[[[1.0, 2.0]]]]))
    tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, "bilinear", align_corners=True)


class PixelShuffle(Module):
    """Channels as finer pixels: (..., C r r, H, W) becomes (..., C, H r, W r), r the factor.

    Source: W. Shi et al., "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", CVPR 2016. Follows torch.nn.PixelShuffle.

    >>> import fastgrad as torch
    >>> torch.nn.PixelShuffle(2)(torch.arange(4.0).view(4, 1, 1))
    tensor([[[0., 1.],
             [2., 3.]]])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Rearrange an input (..., C r r, H, W)."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return settings(self, "upscale_factor")


class PixelUnshuffle(Module):
    """The inverse of :class:`PixelShuffle`: (..., C, H r, W r) becomes (..., C r r, H, W).

    Follows torch.nn.PixelUnshuffle.

    >>> import fastgrad as torch
    >>> torch.nn.PixelUnshuffle(2)(torch.arange(4.0).view(1, 2, 2)).flatten()
    tensor([0., 1., 2., 3.])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Rearrange an input (..., C, H r, W r)."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return settings(self, "downscale_factor")


class ChannelShuffle(Module):
    """Takes channels from each of several groups in turn.

    Shapes: input (N, C, ...), output the same; `groups` divides C.

    Source: X. Zhang et al., "ShuffleNet", CVPR 2018. Follows torch.nn.ChannelShuffle.

    >>> import fastgrad as torch
    >>> torch.nn.ChannelShuffle(2)(torch.arange(4.0).view(1, 4, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """Rearrange an input (N, C, ...)."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return settings(self, "groups")
