"""Layer, group, root mean square and local response normalization."""

from __future__ import annotations

from ... import empty
from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ... import Tensor

__all__ = ["GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


def _sizes(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(Module):
    """Gives the last dimensions mean 0 and variance 1, times weight, plus bias.

    Args:
        normalized_shape: the sizes of these dimensions, or the size of the last one.
        eps: added to the variance.
        elementwise_affine: whether there are weight and bias.
        bias: whether there is a bias besides the weight.
        device, dtype: of the parameters.

    Shapes: input (..., *normalized_shape), output the same; the parameters normalized_shape.

    Raises:
        RuntimeError: the input does not end in these sizes.

    Source: J. L. Ba et al., "Layer normalization", arXiv:1607.06450, 2016.
    Follows torch.nn.LayerNorm.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LayerNorm(2)
    >>> layer
    LayerNorm((2,), eps=1e-05, elementwise_affine=True, bias=True)
    >>> layer(torch.tensor([[1.0, 3.0]])).detach()
    tensor([[-1.0000,  1.0000]])
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", True), ("bias", bias)):
            made = elementwise_affine and wanted
            values = empty(self.normalized_shape, device=device, dtype=dtype) if made else None
            self.register_parameter(name, None if values is None else Parameter(values))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize an input (..., *normalized_shape)."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps},"
            f" elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides the last dimensions by their root mean square, times weight.

    Args:
        normalized_shape: the sizes of these dimensions, or the size of the last one.
        eps: added to the mean square; by default the input's machine epsilon.
        elementwise_affine: whether there is a weight.
        device, dtype: of the weight.

    Shapes: input (..., *normalized_shape), output the same; the weight normalized_shape.

    Raises:
        RuntimeError: the input does not end in these sizes.

    Source: B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.
    Follows torch.nn.RMSNorm.

    >>> import fastgrad as torch
    >>> torch.nn.RMSNorm(2, elementwise_affine=False)(torch.tensor([[1.0, 7.0]]))
    tensor([[0.2000, 1.4000]])
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            self.weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype))
        else:
            self.register_parameter("weight", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize an input (..., *normalized_shape)."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Gives each group of channels mean 0 and variance 1 in each element of the batch.

    Args:
        num_groups: the number of groups, which divides the channels.
        num_channels: the number C of channels.
        eps: added to the variance.
        affine: whether there are a weight and a bias for each channel.
        device, dtype: of the parameters.
        bias: whether there is a bias besides the weight.

    Shapes: input (N, C, ...), output the same; the parameters (C,).

    Raises:
        ValueError: `num_groups` does not divide `num_channels`.
        RuntimeError: the input has another number of channels.

    Source: Y. Wu, K. He, "Group normalization", ECCV 2018. Follows torch.nn.GroupNorm.

    >>> import fastgrad as torch
    >>> torch.nn.GroupNorm(2, 4, affine=False)(torch.tensor([[1.0, 3.0, 5.0, 9.0]]))
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            values = empty(num_channels, device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, None if values is None else Parameter(values))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize an input (N, num_channels, ...)."""
        if input.ndim < 2 or input.shape[1] != self.num_channels:
            raise RuntimeError(
                f"group_norm: expected an input (N, {self.num_channels}, ...) with"
                f" {self.num_channels} channels, got shape {list(input.shape)}"
            )
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine},"
            f" bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Divides the input by (k + alpha * a)**beta, a the average square of near channels.

    Args:
        size: how many channels the average is over.
        alpha, beta, k: the numbers of the formula.

    Shapes: input (N, C, ...), output the same.

    Source: A. Krizhevsky et al., "ImageNet classification with deep convolutional neural
    networks", NeurIPS 2012. Follows torch.nn.LocalResponseNorm.

    >>> import fastgrad as torch
    >>> torch.nn.LocalResponseNorm(2, alpha=2.0, beta=1.0)(torch.ones(1, 2, 1))
    tensor([[[0.5000],
             [0.3333]]])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Normalize an input (N, C, ...)."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
