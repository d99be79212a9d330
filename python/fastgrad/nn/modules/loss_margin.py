"""Losses that ask for a margin: between scores, between classes, between distances."""

from __future__ import annotations

from .. import functional as F
from ..module import Module
from .distance import PairwiseDistance
from .loss import Loss, WeightedLoss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ... import Tensor

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class _MarginLoss(Loss):
    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class CosineEmbeddingLoss(_MarginLoss):
    """1 - the cosine of two vectors where the target is 1; how far it is above `margin` at -1.

    Args:
        margin: from -1 to 1.

    Shapes: inputs (N, D) or (D,), target (N,) or ().

    Follows torch.nn.CosineEmbeddingLoss.

    >>> import fastgrad as torch
    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    >>> torch.nn.CosineEmbeddingLoss()(a, b, torch.tensor([1.0]))
    tensor(0.4000)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The loss of pairs of vectors and of targets 1 or -1."""
        return F.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class MarginRankingLoss(_MarginLoss):
    """How much -target * (input1 - input2) + margin is above zero: which input should be larger.

    Args:
        margin: by how much it should be.

    Follows torch.nn.MarginRankingLoss.

    >>> import fastgrad as torch
    >>> a, b = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 0.0])
    >>> torch.nn.MarginRankingLoss()(a, b, torch.ones(2))
    tensor(0.5000)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The loss of two inputs, and targets 1 or -1, of the same shape."""
        return F.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class HingeEmbeddingLoss(_MarginLoss):
    """The input where the target is 1, and how far it is below `margin` where that is -1.

    Args:
        margin: how large the inputs of targets -1 should be.

    Follows torch.nn.HingeEmbeddingLoss.

    >>> import fastgrad as torch
    >>> torch.nn.HingeEmbeddingLoss()(torch.tensor([0.5, 0.25]), torch.tensor([1.0, -1.0]))
    tensor(0.6250)
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(margin, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of an input and targets 1 or -1 of the same shape."""
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(Loss):
    """How much each other class's score lacks to be one below those of all right classes.

    Shapes: input (N, C) or (C,); target the same, right classes first, then -1.

    Follows torch.nn.MultiLabelMarginLoss.

    >>> import fastgrad as torch
    >>> scores, classes = torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([[3, 0, -1, 1]])
    >>> torch.nn.MultiLabelMarginLoss()(scores, classes)
    tensor(0.8500)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of scores and lists of classes."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """The logistic loss of each class, averaged over the classes.

    Args:
        weight: a factor for each class, shape (C,).

    Shapes: input (N, C) or (C,); target the same, 1 for right classes and 0 for others.

    Follows torch.nn.MultiLabelSoftMarginLoss.

    >>> import fastgrad as torch
    >>> torch.nn.MultiLabelSoftMarginLoss()(torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 1.0]]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of scores and of a target of the same shape."""
        return F.multilabel_soft_margin_loss(
            input, target, weight=self.weight, reduction=self.reduction
        )


class MultiMarginLoss(WeightedLoss):
    """How much each other class's score lacks to be `margin` below the right one's, to the power p.

    Args:
        p: 1 or 2.
        margin: the distance that scores should have.
        weight: a factor for each class, shape (C,).

    Shapes: input (N, C) or (C,), target (N,) or ().

    Raises:
        ValueError: another `p`, or `weight` is not one-dimensional.

    Follows torch.nn.MultiMarginLoss.

    >>> import fastgrad as torch
    >>> torch.nn.MultiMarginLoss()(torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([3]))
    tensor(0.3250)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"only p == 1 and p == 2 supported, but got {p}")
        if weight is not None and weight.ndim != 1:
            raise ValueError(
                "MultiMarginLoss: expected weight to be None or 1D tensor, got"
                f" {weight.ndim}D instead"
            )
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of scores and classes."""
        return F.multi_margin_loss(
            input,
            target,
            p=self.p,
            margin=self.margin,
            weight=self.weight,
            reduction=self.reduction,
        )


class TripletMarginLoss(Loss):
    """How much the distance to the negative lacks to be `margin` more than that to the positive.

    Args:
        margin: more than 0.
        p: of the norm that measures distances.
        eps: keeps the gradient finite at distance 0.
        swap: whether the distance from positive to negative counts where it is smaller.

    Shapes: all inputs (N, D) or (D,).

    Raises:
        ValueError: `margin` is not positive.

    Source: V. Balntas et al., "Learning shallow convolutional feature descriptors with triplet
    losses", BMVC 2016. Follows torch.nn.TripletMarginLoss.

    >>> import fastgrad as torch
    >>> a, p, n = torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[-1.5]])
    >>> torch.nn.TripletMarginLoss()(a, p, n)
    tensor(0.5000)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = _positive_margin(self, margin)
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The loss of three inputs of the same shape."""
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


def _positive_margin(loss: Module, margin: float) -> float:
    if margin <= 0:
        raise ValueError(
            f"{type(loss).__name__}: expected margin to be greater than 0, got {margin} instead"
        )
    return margin


class TripletMarginWithDistanceLoss(Loss):
    """`TripletMarginLoss` with any function that gives distances.

    Args:
        distance_function: of two inputs; by default :class:`PairwiseDistance`.
        margin: more than 0.
        swap: whether the distance from positive to negative counts where it is smaller.

    Raises:
        ValueError: `margin` is not positive.

    Follows torch.nn.TripletMarginWithDistanceLoss.

    >>> import fastgrad as torch
    >>> loss = torch.nn.TripletMarginWithDistanceLoss(
    ...     distance_function=lambda x, y: (x - y).abs().sum(1)
    ... )
    >>> loss(torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[-1.5]]))
    tensor(0.5000)
    """

    distance_function: Callable[[Tensor, Tensor], Tensor]

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.distance_function = (
            PairwiseDistance() if distance_function is None else distance_function
        )
        self.margin = _positive_margin(self, margin)
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The loss of three inputs of the same shape."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
