"""The loss of sequences of which it is not known where their labels lie."""

from __future__ import annotations

from .. import functional as F
from .loss import Loss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ... import Tensor

__all__ = ["CTCLoss"]


class CTCLoss(Loss):
    """Minus the logarithm of the probability of all alignments of a target with a sequence.

    Args:
        blank: the class that stands for nothing.
        reduction: "mean" (of the losses divided by their targets' lengths), "sum" or "none".
        zero_infinity: whether targets that cannot be emitted, being too long, count 0.

    Shapes: log-probabilities (T, N, C), targets (N, S) or all one behind the other, lengths (N).

    Source: A. Graves et al., "Connectionist temporal classification", ICML 2006.
    Follows torch.nn.CTCLoss.

    >>> import fastgrad as torch
    >>> log_probs = torch.log(torch.full((2, 1, 2), 0.5))
    >>> torch.nn.CTCLoss()(log_probs, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1]))
    tensor(0.2877)
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        """Compare log-probabilities with targets."""
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )
