"""Losses of each element of an input and its target, each above its gradient."""

from __future__ import annotations

from math import log, pi

from fastgrad import _core
from fastgrad.autograd.graph import printed_as, record
from fastgrad.ops import ternary, unary
from fastgrad.ops.activation import logsigmoid
from fastgrad.ops.direct import autocast
from fastgrad.ops.distance import at_least
from fastgrad.ops.loss import checked_reduction, reduced
from fastgrad.ops.loss_fused import (
    BCE_WITH_LOGITS,
    HUBER,
    KL_DIV,
    KL_DIV_LOG,
    MSE,
    fits_kernels,
    fused,
)
from fastgrad.ops.reduction import sum as sum_
from fastgrad.ops.special import xlogy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


def _check_same_shape(op: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ValueError(
            f"{op}: Using a target size ({list(target.shape)}) that is different to the input size "
            f"({list(input.shape)}) is not allowed. Please ensure they have the same size."
        )


def _warn_if_broadcast(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        from warnings import warn

        warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=4,
        )


@autocast("float32")
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)**2, averaged, summed or as it is. Follows ``torch.nn.functional.mse_loss``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    _warn_if_broadcast(input, target)
    if weight is None and fits_kernels(input, target):
        loss = fused(MSE, input, target, 0.0, reduction)
    else:
        loss = _weighted(unary.square(input - target), weight, reduction)
    return printed_as(loss, "mse_loss")


@autocast("float32")
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """\\|input - target\\|, averaged, summed or as it is. Follows ``torch.nn.functional.l1_loss``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    _warn_if_broadcast(input, target)
    return _weighted(unary.abs(input - target), weight, reduction)


def _weighted(loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """With weights the mean is over the weights."""
    if weight is None:
        return reduced(loss, reduction)
    total = reduced(loss * weight, "sum" if reduction == "mean" else reduction)
    return total / sum_(weight.expand(loss.shape)) if reduction == "mean" else total


@autocast("refused")
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) of probabilities p, with logarithms cut at -100.

    Raises:
        RuntimeError: a probability lies outside [0, 1].
        ValueError: the shapes differ.

    Follows ``torch.nn.functional.binary_cross_entropy``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    _check_same_shape("binary_cross_entropy", input, target)
    loss = _binary_cross_entropy(input, target)
    loss = reduced(loss if weight is None else loss * weight, reduction)
    return printed_as(loss, "binary_cross_entropy")


def _binary_cross_entropy(input: Tensor, target: Tensor) -> Tensor:
    p, t = _core.detach(input), _core.detach(target)
    if not _core.is_batched(p) and not bool(((p >= 0) & (p <= 1)).all()):
        raise RuntimeError(
            "binary_cross_entropy: all elements of input should be between 0 and 1; for logits use "
            "binary_cross_entropy_with_logits"
        )
    out = -(t * unary.log(p).clamp(min=-100) + (1 - t) * unary.log1p(-p).clamp(min=-100))
    if _core.is_grad_enabled() and (input.requires_grad or target.requires_grad):
        record(out, binary_cross_entropy_vjp, _core.edges(input, target), (input, target))
    return out


def binary_cross_entropy_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    p, t = saved
    to_input = grad * (p - t) / ((1 - p) * p).clamp(min=1e-12)
    if needs[1] is None:
        return to_input, None
    return to_input, grad * (unary.log1p(-p).clamp(min=-100) - unary.log(p).clamp(min=-100))


@autocast("float32")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """:func:`binary_cross_entropy` of sigmoid(input), computed without overflow.

    `pos_weight` is a factor for the positive part, broadcast to the input.
    Follows ``torch.nn.functional.binary_cross_entropy_with_logits``.

    Raises:
        ValueError: the shapes differ.

    >>> import fastgrad as torch
    >>> logits, target = torch.tensor([0.0]), torch.tensor([1.0])
    >>> torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    tensor(0.6931)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    _check_same_shape("binary_cross_entropy_with_logits", input, target)
    if pos_weight is None and fits_kernels(input, target) and not target.requires_grad:
        unweighted = reduction if weight is None else "none"
        loss = fused(BCE_WITH_LOGITS, input, target, 0.0, unweighted)
        if weight is not None:
            loss = reduced(loss * weight, reduction)
    else:
        loss = _bce_with_logits(input, target, pos_weight)
        loss = reduced(loss if weight is None else loss * weight, reduction)
    return printed_as(loss, "binary_cross_entropy_with_logits")


def _bce_with_logits(input: Tensor, target: Tensor, pos_weight: Tensor | None) -> Tensor:
    log_p = logsigmoid(input)
    if pos_weight is not None:
        log_p = log_p * ((pos_weight - 1) * target + 1)
    return (1 - target) * input - log_p


@autocast("float32")
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """:func:`huber_loss` with delta = beta, divided by beta; :func:`l1_loss` where beta is 0.

    Raises:
        RuntimeError: beta is negative.

    Follows ``torch.nn.functional.smooth_l1_loss``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.smooth_l1_loss(torch.tensor([0.0, 3.0]), torch.tensor([1.0, 0.0]))
    tensor(1.5000)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    _warn_if_broadcast(input, target)
    if beta < 0:
        raise RuntimeError(
            f"smooth_l1_loss does not support negative values for beta, got {beta}; use beta >= 0"
        )
    if beta == 0:
        return reduced(unary.abs(input - target), reduction)
    if fits_kernels(input, target):
        loss = fused(HUBER, input, target, beta, reduction, 1 / beta)
    else:
        loss = reduced(_huber(input - target, beta) / beta, reduction)
    return printed_as(loss, "smooth_l1_loss")


@autocast("float32")
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Half the squared difference up to delta; beyond that, delta times (difference - delta / 2).

    Args:
        weight: a factor for each element, of the input's shape.

    Raises:
        RuntimeError: delta is not positive.
        ValueError: the weights have another shape, or `reduction` is none.

    Source: P. J. Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35, 1964.
    Follows ``torch.nn.functional.huber_loss``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.huber_loss(torch.tensor([0.0, 3.0]), torch.tensor([1.0, 0.0]))
    tensor(1.5000)
    """
    reduction = checked_reduction(reduction, None, None)
    _warn_if_broadcast(input, target)
    if delta <= 0:
        raise RuntimeError(
            f"huber_loss does not support non-positive values for delta, got {delta}; use delta > 0"
        )
    if weight is None:
        if fits_kernels(input, target):
            loss = fused(HUBER, input, target, delta, reduction)
        else:
            loss = reduced(_huber(input - target, delta), reduction)
        return printed_as(loss, "huber_loss")
    if weight.shape != input.shape:
        raise ValueError(
            "huber_loss: Weights and input must have the same size, got "
            f"{list(weight.shape)} and {list(input.shape)}"
        )
    return reduced(_huber(input - target, delta) * weight, reduction)


def _huber(difference: Tensor, delta: float) -> Tensor:
    """c (difference - c / 2), where c is the difference limited to delta: right on both sides."""
    limited = ternary.clamp(difference, -delta, delta)
    return limited * (difference - 0.5 * limited)


@autocast("float32")
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """The Kullback-Leibler divergence of the target from log-probabilities, t (log t - input).

    Args:
        input: log-probabilities.
        target: probabilities, or their logarithms if `log_target`.
        reduction: 'none', 'mean' (over all elements, with a warning), 'sum', or 'batchmean' (the
            sum over the first size: the mean of the divergences).

    Raises:
        RuntimeError: the input holds integers.
        ValueError: `reduction` is none of these.

    Follows ``torch.nn.functional.kl_div``.

    >>> import fastgrad as torch
    >>> log_p, target = torch.log(torch.tensor([[0.5, 0.5]])), torch.tensor([[0.25, 0.75]])
    >>> torch.nn.functional.kl_div(log_p, target, reduction="batchmean")
    tensor(0.1308)
    """
    for x in (input, target):
        if not x.dtype.is_floating_point:
            raise RuntimeError(
                f"kl_div: Integral inputs not supported, got {x.dtype}; convert with .float()"
            )
    over_batch = reduction == "batchmean" and size_average is None and reduce is None
    if over_batch:
        reduction = "sum"
    elif reduction == "mean" and size_average is None and reduce is None:
        _warn_of_mean()
    reduction = checked_reduction(reduction, size_average, reduce)
    if fits_kernels(input, target) and not target.requires_grad:
        kind = KL_DIV_LOG if log_target else KL_DIV
        total = fused(kind, input, target, 0.0, reduction)
        last = "mul" if log_target else "sub"  # PyTorch's is a composition
        total = printed_as(total, last if reduction == "none" else reduction)
    elif log_target:
        total = reduced(unary.exp(target) * (target - input), reduction)
    else:
        total = reduced(xlogy(target, target) - target * input, reduction)
    return total / input.shape[0] if over_batch and input.ndim else total


def _warn_of_mean() -> None:
    from warnings import warn

    warn(
        "kl_div: reduction='mean' divides by the number of elements; 'batchmean', which divides "
        "by the batch size only, gives the KL divergence as it is defined.",
        stacklevel=3,
    )


@autocast("float32")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of counts under Poisson distributions of given rates.

    Args:
        input: the rates, or their logarithms if `log_input`.
        full: add Stirling's approximation of log(target!) where the target is above 1.
        eps: added to rates before their logarithm is taken.

    Follows ``torch.nn.functional.poisson_nll_loss``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.poisson_nll_loss(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    tensor(0.8591)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    if log_input:
        loss = unary.exp(input) - target * input
    else:
        loss = input - target * unary.log(input + eps)
    return reduced(loss + _stirling(target) if full else loss, reduction)


def _stirling(count: Tensor) -> Tensor:
    """An approximation of log(count!); 0 up to 1."""
    small = _core.le(count, 1)
    n = ternary.where(small, 1.0, count)  # no gradient of what is thrown away is NaN
    return ternary.where(small, 0.0, n * unary.log(n) - n + 0.5 * unary.log(2 * pi * n))


@autocast("float32")
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of the target under normal distributions.

    Args:
        input: the means.
        var: the variances, taken as at least `eps`; of the input's shape, or without its last
            dimension, or with size 1 in one place.
        full: add the constant log(2 pi) / 2.

    Raises:
        ValueError: a variance is negative, or their shape does not fit.

    Follows ``torch.nn.functional.gaussian_nll_loss``.

    >>> import fastgrad as torch
    >>> mean, target, var = torch.tensor([0.0]), torch.tensor([2.0]), torch.tensor([4.0])
    >>> torch.nn.functional.gaussian_nll_loss(mean, target, var)
    tensor(1.1931)
    """
    reduction = checked_reduction(reduction, None, None)
    if not isinstance(var, _core.TensorBase):
        var = _core.full_at(input.get_device(), input.shape, var, input.dtype)
    if not _core.is_batched(var) and bool((var < 0).any()):
        raise ValueError("gaussian_nll_loss: var has negative entry/entries; give variances >= 0")
    variance = at_least(_variance_like(input, var), eps)
    loss = 0.5 * (unary.log(variance) + unary.square(input - target) / variance)
    return reduced(loss + 0.5 * log(2 * pi) if full else loss, reduction)


def _variance_like(input: Tensor, var: Tensor) -> Tensor:
    """The variances in a shape that broadcasts to the input's."""
    if var.shape == input.shape:
        return var
    if var.shape == input.shape[:-1]:
        return var.unsqueeze(-1)
    pairs = zip(input.shape, var.shape, strict=False)
    if input.ndim == var.ndim and sum(small for n, small in pairs if n != small) == 1:
        return var
    raise ValueError(
        f"gaussian_nll_loss: var is of incorrect size {list(var.shape)} for an input of shape "
        f"{list(input.shape)}; give one variance per element, or per row"
    )


@autocast("float32")
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target * input)) for targets of 1 and -1.

    Follows ``torch.nn.functional.soft_margin_loss``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.soft_margin_loss(torch.tensor([0.0, 1.0]), torch.tensor([1.0, -1.0]))
    tensor(1.0032)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    loss = reduced(unary.log1p(unary.exp(-target * input)), reduction)
    return printed_as(loss, "soft_margin_loss")
