"""The CTC loss, above its gradient."""

from __future__ import annotations

from math import inf

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops import formula, ternary
from fastgrad.ops.direct import autocast
from fastgrad.ops.joining import cat, stack
from fastgrad.ops.loss import checked_reduction, reduced
from fastgrad.ops.reduction import logsumexp
from fastgrad.ops.unary import exp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


@autocast("float32")
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int] | int,
    target_lengths: Tensor | Sequence[int] | int,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """How improbable targets are that are read off sequences without knowing where they lie.

    Each step of a sequence emits a label or a blank; repeated labels count once, and blanks
    nothing. The loss is minus the logarithm of the probability of all ways to emit a target.

    Args:
        log_probs: (T, N, C), or (T, C) for one sample: log-probabilities, as of `log_softmax`.
        targets: (N, S), or all targets one behind the other; integers in [0, C), not `blank`.
        input_lengths: of the N sequences, at most T.
        target_lengths: of the N targets.
        blank: the class that stands for nothing.
        reduction: 'none', 'mean' (of the losses divided by their targets' lengths) or 'sum'.
        zero_infinity: whether targets that cannot be emitted, being too long, count 0.

    Raises:
        RuntimeError: shapes, lengths or labels do not fit, or there are no log-probabilities.
        ValueError: the reduction is unknown.

    The gradient is that of logits of which `log_probs` are the log-softmax, as in PyTorch.

    Source: A. Graves et al., "Connectionist temporal classification", ICML 2006.
    Follows ``torch.nn.functional.ctc_loss``.

    >>> import fastgrad as torch
    >>> log_probs = torch.log(torch.full((2, 1, 2), 0.5))
    >>> torch.nn.functional.ctc_loss(log_probs, torch.tensor([[1]]), (2,), (1,))
    tensor(0.2877)
    """
    checked_reduction(reduction, None, None)
    if not log_probs.numel():
        raise RuntimeError(
            f"ctc_loss: log_probs tensor must not be empty, got shape {list(log_probs.shape)}"
        )
    lengths = _lengths(input_lengths), _lengths(target_lengths)
    is_single = log_probs.dim() == 2
    if is_single:
        log_probs = log_probs.unsqueeze(1)
    losses = _losses(log_probs, targets, *lengths, blank, zero_infinity)
    if is_single and reduction == "none":
        return losses.squeeze(0)
    if reduction == "mean":
        losses = losses / lengths[1].clamp(min=1).to(losses.dtype)
    return reduced(losses, reduction)


def _lengths(given: Tensor | Sequence[int] | int) -> Tensor:
    if isinstance(given, _core.TensorBase):
        return given.reshape(-1)
    numbers = [given] if isinstance(given, int) else list(given)
    from fastgrad.ops.creation import tensor

    return tensor(numbers, dtype=_core.int64)


def _losses(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int,
    zero_infinity: bool,
) -> Tensor:
    """The loss of each sample."""
    arguments = (targets, input_lengths, target_lengths)
    found, alpha = _core.ctc_loss(log_probs, *arguments, blank)
    out: Tensor = found
    if zero_infinity:
        out = _core.where(_core.eq(_core.detach(found), inf), 0.0, found)
    if out.requires_grad:
        kept = (_core.detach(found), alpha)
        saved = (log_probs, *arguments, *kept, blank, zero_infinity)
        record(out, ctc_loss_vjp, _core.edges(log_probs), saved)
    return out


def ctc_loss_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    log_probs, targets, input_lengths, target_lengths, losses, _alpha, blank, zero_infinity = saved
    if not _core.is_grad_enabled():
        return (_core.ctc_loss_backward(grad, *saved),)
    rows = [_target_of(targets, target_lengths, n) for n in range(log_probs.shape[1])]
    lengths = input_lengths.tolist()

    def surrogate(own: Tensor) -> tuple[Tensor, ...]:
        """The losses and what makes their gradient that of logits: the sum of probabilities."""
        made = []
        for n, (length, row) in enumerate(zip(lengths, rows, strict=True)):
            possible = losses[n].item() != inf
            one = own[:length, n]
            made.append(
                _loss_in_plain_operations(one, row, blank) + exp(one).sum()
                if possible
                else one.sum() * (0.0 if zero_infinity else float("nan"))
            )
        return (stack(made),)

    return formula.gradients(surrogate, (log_probs,), (grad,), needs)


def _target_of(targets: Tensor, lengths: Tensor, n: int) -> list[int]:
    numbers = lengths.tolist()
    begin = 0 if targets.dim() == 2 else sum(numbers[:n])
    row = targets[n] if targets.dim() == 2 else targets
    labels: list[int] = row[begin : begin + numbers[n]].tolist()
    return labels


def _loss_in_plain_operations(log_probs: Tensor, labels: list[int], blank: int) -> Tensor:
    """The loss of one sample (T, C)."""
    from fastgrad.ops.creation import tensor

    if not log_probs.shape[0]:
        return log_probs.sum()
    states = [blank, *(state for label in labels for state in (label, blank))]
    emitted = log_probs[:, tensor(states, dtype=_core.int64)]
    skips = [i > 1 and x != blank and x != states[i - 2] for i, x in enumerate(states)]
    may_skip = tensor(skips, dtype=_core.bool)
    lowest = _core.full_at(log_probs.get_device(), (len(states) + 2,), -1e30, log_probs.dtype)
    alpha = cat((emitted[0, :2], lowest[: len(states) - 2])) if labels else emitted[0]
    for t in range(1, log_probs.shape[0]):
        before = cat((lowest[:2], alpha))
        skipped = ternary.where(may_skip, before[:-2], lowest[:-2])
        ways = stack((alpha, before[1:-1], skipped))
        alpha = logsumexp(ways, 0) + emitted[t]
    return -logsumexp(alpha[-2:], 0)
