"""Activations that are smooth, and the softmax family."""

from __future__ import annotations

from .. import functional as F
from ..module import Module
from ._settings import InPlace, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar

    from ... import Tensor

__all__ = [
    "GELU",
    "GLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]


class _Plain(Module):
    """An activation without settings."""

    _function: ClassVar[Callable[..., Tensor]]

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return self._function(input)


class Sigmoid(_Plain):
    """Computes 1 / (1 + exp(-x)) for each element.

    Follows torch.nn.Sigmoid.

    >>> import fastgrad as torch
    >>> torch.nn.Sigmoid()(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    _function = staticmethod(F.sigmoid)


class Tanh(_Plain):
    """Computes the hyperbolic tangent of each element.

    Follows torch.nn.Tanh.

    >>> import fastgrad as torch
    >>> torch.nn.Tanh()(torch.zeros(2))
    tensor([0., 0.])
    """

    _function = staticmethod(F.tanh)


class LogSigmoid(_Plain):
    """Computes the logarithm of the sigmoid of each element, without overflow.

    Follows torch.nn.LogSigmoid.

    >>> import fastgrad as torch
    >>> torch.nn.LogSigmoid()(torch.zeros(2))
    tensor([-0.6931, -0.6931])
    """

    _function = staticmethod(F.logsigmoid)


class Softsign(_Plain):
    """Computes x / (1 + |x|) for each element.

    Follows torch.nn.Softsign.

    >>> import fastgrad as torch
    >>> torch.nn.Softsign()(torch.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """

    _function = staticmethod(F.softsign)


class Tanhshrink(_Plain):
    """Computes x - tanh(x) for each element.

    Follows torch.nn.Tanhshrink.

    >>> import fastgrad as torch
    >>> torch.nn.Tanhshrink()(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """

    _function = staticmethod(F.tanhshrink)


class SiLU(InPlace):
    """Computes x * sigmoid(x) for each element.

    Args:
        inplace: overwrite the input instead of allocating the output.

    Follows torch.nn.SiLU.

    >>> import fastgrad as torch
    >>> torch.nn.SiLU()(torch.tensor([-1.0, 1.0]))
    tensor([-0.2689,  0.7311])
    """

    _function = staticmethod(F.silu)


class Mish(InPlace):
    """Computes x * tanh(softplus(x)) for each element.

    Args:
        inplace: overwrite the input instead of allocating the output.

    Source: D. Misra, "Mish", arXiv:1908.08681, 2019. Follows torch.nn.Mish.

    >>> import fastgrad as torch
    >>> torch.nn.Mish()(torch.tensor([-1.0, 1.0]))
    tensor([-0.3034,  0.8651])
    """

    _function = staticmethod(F.mish)


class GELU(Module):
    """Computes x * Phi(x) for each element, Phi the normal distribution function.

    Args:
        approximate: "none", or "tanh" for a formula with tanh.

    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv:1606.08415, 2016.
    Follows torch.nn.GELU.

    >>> import fastgrad as torch
    >>> torch.nn.GELU()(torch.tensor([-1.0, 1.0]))
    tensor([-0.1587,  0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return settings(self, "approximate")


class GLU(Module):
    """Halves a dimension: the first half times the sigmoid of the second.

    Args:
        dim: the dimension.

    Shapes: input (..., 2 n, ...), output (..., n, ...).

    Source: Y. Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017.
    Follows torch.nn.GLU.

    >>> import fastgrad as torch
    >>> torch.nn.GLU()(torch.tensor([[2.0, 4.0, 0.0, 0.0]]))
    tensor([[1., 2.]])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor whose dimension `dim` has an even size."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return settings(self, "dim")


class Softplus(Module):
    """Computes log(1 + exp(beta * x)) / beta for each element.

    Args:
        beta: how sharp the bend is.
        threshold: where beta * x is larger than this, the output is x.

    Follows torch.nn.Softplus.

    >>> import fastgrad as torch
    >>> torch.nn.Softplus()(torch.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return settings(self, "beta", "threshold")


class _AlongDim(Module):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return self._function(input, self.dim)

    def extra_repr(self) -> str:
        return settings(self, "dim")


class Softmax(_AlongDim):
    """Turns scores along one dimension into probabilities that sum to 1.

    Args:
        dim: the dimension. Without it one is guessed from the input's, with a warning.

    Follows torch.nn.Softmax.

    >>> import fastgrad as torch
    >>> torch.nn.Softmax(dim=1)(torch.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    _function = staticmethod(F.softmax)


class LogSoftmax(_AlongDim):
    """The logarithm of `Softmax`, computed without overflow.

    Args:
        dim: the dimension. Without it one is guessed from the input's, with a warning.

    Follows torch.nn.LogSoftmax.

    >>> import fastgrad as torch
    >>> torch.nn.LogSoftmax(dim=1)(torch.zeros(1, 2))
    tensor([[-0.6931, -0.6931]])
    """

    _function = staticmethod(F.log_softmax)


class Softmin(_AlongDim):
    """`Softmax` of the negative of the input: the smallest score gets the largest probability.

    Args:
        dim: the dimension. Without it one is guessed from the input's, with a warning.

    Follows torch.nn.Softmin.

    >>> import fastgrad as torch
    >>> torch.nn.Softmin(dim=0)(torch.tensor([0.0, 1000.0]))
    tensor([1., 0.])
    """

    _function = staticmethod(F.softmin)


class Softmax2d(Module):
    """`Softmax` over the channels, for each pixel of images.

    Shapes: input (N, C, H, W) or (C, H, W), output the same.

    Raises:
        ValueError: the input has another number of dimensions.

    Follows torch.nn.Softmax2d.

    >>> import fastgrad as torch
    >>> torch.nn.Softmax2d()(torch.zeros(2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply to images."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)
