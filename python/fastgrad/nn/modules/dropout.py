"""Dropout of elements and of whole channels."""

from __future__ import annotations

from .. import functional as F
from ..module import Module
from ._settings import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar

    from ... import Tensor

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class _Dropout(Module):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Drop at random in training; in evaluation the input itself."""
        return self._function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"{settings(self, 'p')}, inplace={self.inplace}"


class Dropout(_Dropout):
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

    _function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """:class:`Dropout` of whole channels of sequences.

    Shapes: input (N, C, L) or (C, L), output the same.

    Follows torch.nn.Dropout1d.

    >>> import fastgrad as torch
    >>> torch.nn.Dropout1d(1.0)(torch.ones(2, 3)).sum()
    tensor(0.)
    """

    _function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """:class:`Dropout` of whole channels of images.

    Shapes: input (N, C, H, W), or (N, C, L) with a warning; output the same.

    Source: J. Tompson et al., "Efficient object localization using convolutional networks",
    CVPR 2015. Follows torch.nn.Dropout2d.

    >>> import fastgrad as torch
    >>> torch.nn.Dropout2d(1.0)(torch.ones(1, 2, 3, 3)).sum()
    tensor(0.)
    """

    _function = staticmethod(F.dropout2d)


class Dropout3d(_Dropout):
    """:class:`Dropout` of whole channels of volumes.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), output the same.

    Follows torch.nn.Dropout3d.

    >>> import fastgrad as torch
    >>> torch.nn.Dropout3d(1.0)(torch.ones(1, 2, 3, 3, 3)).sum()
    tensor(0.)
    """

    _function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1: what is dropped becomes SELU's lowest value.

    Args:
        p: the probability with which an element is dropped.
        inplace: overwrite the input instead of allocating the output.

    Raises:
        ValueError: `p` is not between 0 and 1.

    Source: G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
    Follows torch.nn.AlphaDropout.

    >>> import fastgrad as torch
    >>> torch.nn.AlphaDropout(0.5).eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    _function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """:class:`AlphaDropout` of whole channels.

    Shapes: input (N, C, ...), output the same.

    Follows torch.nn.FeatureAlphaDropout.

    >>> import fastgrad as torch
    >>> torch.nn.FeatureAlphaDropout(0.5).eval()(torch.ones(1, 3))
    tensor([[1., 1., 1.]])
    """

    _function = staticmethod(F.feature_alpha_dropout)
