"""Losses of class labels, each above its gradient where that is not a composition."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops import ternary
from fastgrad.ops.direct import autocast
from fastgrad.ops.indexing import one_hot
from fastgrad.ops.reduction import mean
from fastgrad.ops.reduction import sum as sum_
from fastgrad.ops.softmax import log_softmax, softmax

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


def reduction_word(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """`reduction`, unless PyTorch's older pair of flags is given: then the word for that."""
    if size_average is None and reduce is None:
        return reduction
    from warnings import warn

    old = "none" if reduce is False else "sum" if size_average is False else "mean"
    warn(
        f"size_average and reduce are deprecated, please use reduction='{old}' instead",
        stacklevel=4,
    )
    return old


def checked_reduction(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The word that says how to reduce, checked."""
    word = reduction_word(reduction, size_average, reduce)
    if word not in ("none", "mean", "sum"):
        raise ValueError(f"{word} is not a valid value for reduction; use 'none', 'mean' or 'sum'")
    return word


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The losses themselves, their mean or their sum."""
    if reduction == "none":
        return loss
    return mean(loss) if reduction == "mean" else sum_(loss)


@autocast("float32")
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross-entropy between logits and classes.

    Args:
        input: logits of shape (C), (N, C) or (N, C, d1, ...).
        target: labels in [0, C) of any integer dtype and shape (), (N) or (N, d1, ...); or class
            probabilities of the input's shape and dtype.
        weight: a factor for each class, shape (C).
        ignore_index: a label that contributes nothing.
        reduction: 'none', 'mean' (over the weights of the labels) or 'sum'.
        label_smoothing: how much of the target is spread over all classes, in [0, 1].

    Raises:
        IndexError: a label is out of range; says which row, which label and how many classes.
        RuntimeError, ValueError: shapes do not fit, or an option has a wrong value.

    Follows ``torch.nn.functional.cross_entropy``.

    >>> import fastgrad as torch
    >>> logits = torch.zeros(2, 4)
    >>> torch.nn.functional.cross_entropy(logits, torch.tensor([1, 3]))
    tensor(1.3863)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target.dtype.is_floating_point:
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    logits, labels = _rows_of_classes("cross_entropy", input, target)
    if weight is not None and weight.requires_grad:
        loss = _composed(logits, labels, weight, ignore_index, label_smoothing)
        return _of_labels(loss, target, labels, weight, ignore_index, reduction)
    loss = _cross_entropy(logits, labels, weight, ignore_index, label_smoothing, reduction)
    return loss.view(target.shape) if reduction == "none" else loss


def _rows_of_classes(op: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Logits as (rows, classes) and labels as (rows)."""
    if input.ndim == 2:
        return input, target
    if input.ndim == 1:
        if target.numel() != 1:
            raise ValueError(
                f"{op}: For 1D input, 1D target must have size 1, but got target size: "
                f"{list(target.shape)}"
            )
        return input.unsqueeze(0), target.reshape(1)
    if input.ndim == 0:
        raise RuntimeError(f"{op}: expected an input of shape (N, C) or (C), got a number")
    expected = (input.shape[0], *input.shape[2:])
    if target.shape != expected:
        raise RuntimeError(
            f"{op}: Expected target size {list(expected)} for an input of shape "
            f"{list(input.shape)}, got {list(target.shape)}"
        )
    order = (0, *range(2, input.ndim), 1)
    return input.permute(order).reshape(-1, input.shape[1]), target.reshape(-1)


def _cross_entropy(
    logits: Tensor,
    labels: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    smoothing: float,
    reduction: str,
) -> Tensor:
    """The loss of each row, or their sum or average: one node for all of it."""
    out, kept, divisor = _core.cross_entropy(
        logits, labels, weight, ignore_index, smoothing, reduction != "none", reduction == "mean"
    )
    if out.requires_grad:
        saved = (logits, labels, weight, kept, divisor, ignore_index, smoothing)
        record(out, cross_entropy_vjp, _core.edges(logits), saved)
    return out


def cross_entropy_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    logits, labels, weight, kept, divisor, ignore_index, smoothing = saved
    if not _core.is_grad_enabled():
        return (
            _core.cross_entropy_backward(
                grad, logits, kept, labels, weight, divisor, ignore_index, smoothing
            ),
        )
    classes = logits.shape[1]
    counted, safe = _kept(labels, ignore_index)
    factors = (
        _core.full_at(logits.get_device(), (classes,), 1, logits.dtype)
        if weight is None
        else weight
    )
    counts = _core.cast(counted, logits.dtype).unsqueeze(1)
    of_label = counts * (1 - smoothing) * factors[safe].unsqueeze(1)
    of_class = counts * (smoothing / classes) * factors
    hot = one_hot(safe, classes).to(logits.dtype)
    difference = softmax(logits, 1) * (of_label + of_class.sum(1, True)) - hot * of_label - of_class
    # Where nothing counts the divisor is 0, and its rows still have a gradient of 0.
    scale = ternary.where(counted, grad / divisor, 0.0).unsqueeze(1)
    return (difference * scale,)


def _kept(labels: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Which labels count, and the labels with 0 in place of the others."""
    kept = _core.ne(labels, ignore_index)
    return kept, _core.where(kept, labels, 0)


def _of_labels(
    loss: Tensor,
    target: Tensor,
    labels: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
) -> Tensor:
    """The losses of labels reduced: the mean is over the weights of the labels."""
    if reduction == "none":
        return loss.view(target.shape)
    total = sum_(loss)
    if reduction == "sum":
        return total
    if weight is None or not weight.requires_grad:
        return total / _core.label_weight(labels, weight, ignore_index)
    kept, safe = _kept(labels, ignore_index)
    return total / sum_(ternary.where(kept, weight[safe], 0.0))


def _composed(
    logits: Tensor, labels: Tensor, weight: Tensor, ignore_index: int, smoothing: float
) -> Tensor:
    """The loss of each row, differentiable with respect to the weights of the classes, too."""
    log_p = log_softmax(logits, 1)
    loss = _nll_rows(log_p, labels, weight, ignore_index)
    if smoothing == 0:
        return loss
    kept = _core.ne(labels, ignore_index)
    uniform = ternary.where(kept, -(log_p * weight).sum(1) / logits.shape[1], 0.0)
    return loss * (1 - smoothing) + uniform * smoothing


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    """The cross-entropy against class probabilities."""
    if target.shape != input.shape:
        raise RuntimeError(
            f"cross_entropy: class probabilities must have the input's shape {list(input.shape)}, "
            f"got {list(target.shape)}; for class labels convert the target with .long()"
        )
    dim = 0 if input.ndim == 1 else 1
    classes = input.shape[dim]
    if smoothing > 0:
        target = target * (1 - smoothing) + smoothing / classes
    terms = log_softmax(input, dim) * target
    if weight is not None:
        terms = terms * weight.view((-1,) + (1,) * (input.ndim - dim - 1))
    loss = -terms.sum(dim)
    if reduction == "mean":
        return sum_(loss) / (max(loss.numel(), 1))
    return reduced(loss, reduction)


@autocast("float32")
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of labels under log-probabilities (as of :func:`log_softmax`).

    Shapes, options and errors as for :func:`cross_entropy`.
    Follows ``torch.nn.functional.nll_loss``.

    >>> import fastgrad as torch
    >>> log_p = torch.log(torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    >>> torch.nn.functional.nll_loss(log_p, torch.tensor([1, 0]))
    tensor(0.4904)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    rows, labels = _rows_of_classes("nll_loss", input, target)
    if _fits_kernel(rows, labels, weight):
        found = _nll_loss(rows, labels, weight, ignore_index, reduction)
        return found.view(target.shape) if reduction == "none" else found
    loss = _nll_rows(rows, labels, weight, ignore_index)
    return _of_labels(loss, target, labels, weight, ignore_index, reduction)


def _fits_kernel(log_p: Tensor, labels: Tensor, weight: Tensor | None) -> bool:
    """Whether no ``vmap`` is at work, and the weights are constants of the input's dtype."""
    if not log_p.dtype.is_floating_point or _core.is_batched(log_p) or _core.is_batched(labels):
        return False
    if weight is None:
        return True
    return weight.dtype is log_p.dtype and not weight.requires_grad and not _core.is_batched(weight)


def _nll_loss(
    log_p: Tensor, labels: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> Tensor:
    """The loss of each row, or their sum or average: one node for all of it."""
    out, divisor = _core.nll_loss(
        log_p, labels, weight, ignore_index, reduction != "none", reduction == "mean"
    )
    if out.requires_grad:
        saved = (labels, weight, divisor, ignore_index, log_p.shape[1])
        record(out, nll_loss_vjp, _core.edges(log_p), saved)
    return out


def nll_loss_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    labels, weight, divisor, ignore_index, classes = saved
    if not _core.is_grad_enabled() and not _core.is_batched(grad):
        return (_core.nll_loss_backward(grad, labels, weight, divisor, ignore_index, classes),)
    counted, safe = _kept(labels, ignore_index)
    hot = one_hot(safe, classes).to(divisor.dtype)
    scale = ternary.where(counted, grad / divisor, 0.0).unsqueeze(1)
    return (-(hot if weight is None else hot * weight) * scale,)


def _nll_rows(log_p: Tensor, labels: Tensor, weight: Tensor | None, ignore_index: int) -> Tensor:
    if labels.ndim != 1 or labels.shape[0] != log_p.shape[0]:
        raise ValueError(
            f"nll_loss: Expected input batch_size ({log_p.shape[0]}) to match target batch_size "
            f"({list(labels.shape)})."
        )
    labels = _core.checked_labels(labels, log_p.shape[1], ignore_index)
    kept, safe = _kept(labels, ignore_index)
    picked = -log_p.gather(1, safe.unsqueeze(1)).squeeze(1)
    if weight is not None:
        picked = picked * weight[safe]
    return ternary.where(kept, picked, 0.0)
