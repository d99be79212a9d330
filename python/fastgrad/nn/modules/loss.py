"""Losses of class labels. A loss compares an input with a target.

All losses take `reduction`: "mean" (default), "sum" or "none". `size_average` and `reduce` are
PyTorch's older way to say the same and give a warning.
"""

from __future__ import annotations

from ...ops.loss import reduction_word
from .. import functional as F
from ..module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ... import Tensor

__all__ = ["CrossEntropyLoss", "NLLLoss"]


class Loss(Module):
    """A loss with a reduction."""

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.reduction = reduction_word(reduction, size_average, reduce)


class WeightedLoss(Loss):
    """A loss with a reduction and weights."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class NLLLoss(WeightedLoss):
    """The negative of the log-probability that the input gives to the target class.

    Args:
        weight: a factor for each class, shape (classes,).
        ignore_index: targets of this value count for nothing.

    Follows torch.nn.NLLLoss.

    >>> import fastgrad as torch
    >>> torch.nn.NLLLoss()(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
    tensor(1.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of log-probabilities (N, classes, ...) and classes (N, ...)."""
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(WeightedLoss):
    """`NLLLoss` of the log-softmax of the input: the usual loss of a classifier.

    Args:
        weight: a factor for each class, shape (classes,).
        ignore_index: targets of this value count for nothing.
        label_smoothing: how much of the target is spread evenly over all classes, 0 to 1.

    Follows torch.nn.CrossEntropyLoss.

    >>> import fastgrad as torch
    >>> torch.nn.CrossEntropyLoss()(torch.zeros(3, 10), torch.tensor([1, 0, 4]))
    tensor(2.3026)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of scores (N, classes, ...) and classes (N, ...) or their probabilities."""
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
