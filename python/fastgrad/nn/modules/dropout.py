"""Dropout."""

from ... import Tensor
from .. import functional as F
from ..module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training mode sets elements to zero at random and scales the others to the same mean.

    Args:
        p: the probability with which an element is set to zero.
        inplace: overwrite the input instead of allocating the output.

    Raises:
        ValueError: `p` is not between 0 and 1.

    Source: Hinton et al., "Improving neural networks by preventing co-adaptation of feature
    detectors" (2012). Follows torch.nn.Dropout.

    >>> import fastgrad as torch
    >>> torch.nn.Dropout(0.5).eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
