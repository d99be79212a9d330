"""Losses that compare each element with its target."""

from __future__ import annotations

from .. import functional as F
from .loss import Loss, WeightedLoss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ... import Tensor

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
]


class L1Loss(Loss):
    """The absolute difference |input - target|.

    Follows torch.nn.L1Loss.

    >>> import fastgrad as torch
    >>> torch.nn.L1Loss()(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(1.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of an input and a target of the same shape."""
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(Loss):
    """The squared difference (input - target)².

    Follows torch.nn.MSELoss.

    >>> import fastgrad as torch
    >>> torch.nn.MSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(2.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of an input and a target of the same shape."""
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """Half the square of the difference over beta where that is small, elsewhere its size.

    Args:
        beta: from which difference on the loss is |input - target| - beta / 2.

    Source: R. Girshick, "Fast R-CNN", ICCV 2015. Follows torch.nn.SmoothL1Loss.

    >>> import fastgrad as torch
    >>> torch.nn.SmoothL1Loss()(torch.tensor([1.0, 4.0]), torch.tensor([0.5, 2.0]))
    tensor(0.8125)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of an input and a target of the same shape."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """Half the square of the difference where that is small, elsewhere linear.

    Args:
        delta: from which difference on the loss is delta * (|input - target| - delta / 2).

    Source: P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical
    Statistics 35, 1964. Follows torch.nn.HuberLoss.

    >>> import fastgrad as torch
    >>> torch.nn.HuberLoss(delta=2.0)(torch.tensor([1.0, 5.0]), torch.tensor([0.0, 2.0]))
    tensor(2.2500)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of an input and a target of the same shape."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class BCELoss(WeightedLoss):
    """The cross-entropy between probabilities and targets from 0 to 1.

    Args:
        weight: a factor for each element, broadcast to the input.

    Follows torch.nn.BCELoss.

    >>> import fastgrad as torch
    >>> torch.nn.BCELoss()(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of probabilities and a target of the same shape."""
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """`BCELoss` of the sigmoid of the input, computed without overflow.

    Args:
        weight: a factor for each element, broadcast to the input.
        pos_weight: a factor for the positive part of each class, broadcast to the input.

    Follows torch.nn.BCEWithLogitsLoss.

    >>> import fastgrad as torch
    >>> torch.nn.BCEWithLogitsLoss()(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of logits and a target of the same shape."""
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            self.weight,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence target * (log(target) - input), input a log-probability.

    Args:
        reduction: as everywhere, or "batchmean": the sum divided by the size of the batch, which
            is the divergence itself.
        log_target: whether the target is a log-probability too.

    Follows torch.nn.KLDivLoss.

    >>> import fastgrad as torch
    >>> p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.25, 0.75]])
    >>> torch.nn.KLDivLoss(reduction="batchmean")(q.log(), p)
    tensor(0.1438)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of log-probabilities and a target of the same shape."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(Loss):
    """The negative log-likelihood of counts that are Poisson distributed.

    Args:
        log_input: whether the input is the logarithm of the rate, or the rate.
        full: whether to add Stirling's approximation of the term that depends on the target only.
        eps: keeps the logarithm finite where `log_input` is False.

    Follows torch.nn.PoissonNLLLoss.

    >>> import fastgrad as torch
    >>> torch.nn.PoissonNLLLoss()(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(1.)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of rates (or their logarithms) and counts of the same shape."""
        return F.poisson_nll_loss(
            input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class GaussianNLLLoss(Loss):
    """The negative log-likelihood of targets that are normally distributed.

    Args:
        full: whether to add the constant term.
        eps: the least variance.

    Follows torch.nn.GaussianNLLLoss.

    >>> import fastgrad as torch
    >>> mean, target, variance = torch.tensor([1.0]), torch.tensor([3.0]), torch.ones(1)
    >>> torch.nn.GaussianNLLLoss()(mean, target, variance)
    tensor(2.)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """The loss of means, targets and variances, which broadcast."""
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class SoftMarginLoss(Loss):
    """The logistic loss log(1 + exp(-target * input)) of targets 1 and -1.

    Follows torch.nn.SoftMarginLoss.

    >>> import fastgrad as torch
    >>> torch.nn.SoftMarginLoss()(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of an input and targets of the same shape."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)
