"""Activations."""

from ... import Tensor
from .. import functional as F
from ..module import Module

__all__ = ["LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Module):
    """Replaces negative elements by zero.

    Args:
        inplace: overwrite the input instead of allocating the output.

    Follows torch.nn.ReLU.

    >>> import fastgrad as torch
    >>> torch.nn.ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.relu(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """Computes 1 / (1 + exp(-x)) for each element.

    Follows torch.nn.Sigmoid.

    >>> import fastgrad as torch
    >>> torch.nn.Sigmoid()(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.sigmoid(input)


class Tanh(Module):
    """Computes the hyperbolic tangent of each element.

    Follows torch.nn.Tanh.

    >>> import fastgrad as torch
    >>> torch.nn.Tanh()(torch.zeros(2))
    tensor([0., 0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.tanh(input)


class Softmax(Module):
    """Turns scores along one dimension into probabilities that sum to 1.

    Args:
        dim: the dimension. Without it one is guessed from the input's, with a warning.

    Follows torch.nn.Softmax.

    >>> import fastgrad as torch
    >>> torch.nn.Softmax(dim=1)(torch.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """The logarithm of `Softmax`, computed without overflow.

    Args:
        dim: the dimension. Without it one is guessed from the input's, with a warning.

    Follows torch.nn.LogSoftmax.

    >>> import fastgrad as torch
    >>> torch.nn.LogSoftmax(dim=1)(torch.zeros(1, 2))
    tensor([[-0.6931, -0.6931]])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
