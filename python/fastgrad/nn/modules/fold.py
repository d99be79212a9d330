"""Windows of images as columns, and back."""

from __future__ import annotations

from .. import functional as F
from ..module import Module
from ._settings import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ... import Tensor
    from ..._types import Dims

__all__ = ["Fold", "Unfold"]


class Unfold(Module):
    """The windows of images as columns.

    Args:
        kernel_size: height and width of a window, one number for both or a pair. So are all
            other sizes.
        dilation: the distance of neighbouring elements in a window.
        padding: how many zeros are added on both sides.
        stride: the distance of neighbouring windows.

    Shapes: input (N, C, H, W) or (C, H, W), output (N, C * elements of a window, windows).

    Follows torch.nn.Unfold.

    >>> import fastgrad as torch
    >>> torch.nn.Unfold((1, 2))(torch.tensor([[[[1.0, 2.0, 3.0]]]]))
    tensor([[[1., 2.],
             [2., 3.]]])
    """

    def __init__(
        self, kernel_size: Dims, dilation: Dims = 1, padding: Dims = 0, stride: Dims = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """The columns of images."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return settings(self, "kernel_size", "dilation", "padding", "stride")


class Fold(Module):
    """Images of the sums of columns, where :class:`Unfold` would have copied from.

    Args:
        output_size: height and width of the images.
        kernel_size, dilation, padding, stride: as in :class:`Unfold`.

    Shapes: input (N, C * elements of a window, windows) or without N, output (N, C, *output_size).

    Follows torch.nn.Fold.

    >>> import fastgrad as torch
    >>> torch.nn.Fold((1, 3), (1, 2))(torch.ones(1, 2, 2))
    tensor([[[[1., 2., 1.]]]])
    """

    def __init__(
        self,
        output_size: Dims,
        kernel_size: Dims,
        dilation: Dims = 1,
        padding: Dims = 0,
        stride: Dims = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """The images of columns."""
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return settings(self, "output_size", "kernel_size", "dilation", "padding", "stride")
