"""Losses with a margin: of scores, of pairs and triplets of vectors. Compositions."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.ops import ternary, unary
from fastgrad.ops.activation import logsigmoid
from fastgrad.ops.binary import minimum
from fastgrad.ops.direct import autocast
from fastgrad.ops.distance import pairwise_distance
from fastgrad.ops.indexing import gather
from fastgrad.ops.loss import checked_reduction, reduced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgrad.tensor import Tensor


@autocast("float32")
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The input where the target is 1, and max(0, margin - input) where it is -1.

    Follows ``torch.nn.functional.hinge_embedding_loss``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.hinge_embedding_loss(torch.tensor([0.5, 0.2]), torch.tensor([1, -1]))
    tensor(0.6500)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    gap = ternary.clamp(margin - input, min=0).to(input.dtype)
    far = ternary.where(_core.ne(target, 1), gap, 0)
    return reduced(far + ternary.where(_core.ne(target, -1), input, 0), reduction)


@autocast("float32")
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target * (input1 - input2)), for targets of 1 and -1.

    Raises:
        RuntimeError: the numbers of dimensions differ.

    Follows ``torch.nn.functional.margin_ranking_loss``.

    >>> import fastgrad as torch
    >>> a, b = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 3.0])
    >>> torch.nn.functional.margin_ranking_loss(a, b, torch.tensor([1.0, 1.0]))
    tensor(0.5000)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss: All input tensors should have same dimension but got sizes: "
            f"input1: {list(input1.shape)}, input2: {list(input2.shape)}, target: "
            f"{list(target.shape)}"
        )
    return reduced(ternary.clamp(-target * (input1 - input2) + float(margin), min=0), reduction)


@autocast("float32")
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos of the vectors where the target is 1, and max(0, cos - margin) where it is -1.

    Args:
        input1, input2: of shape (N, D), or (D).
        target: of shape (N), or ().

    Raises:
        RuntimeError: shapes do not fit.

    Follows ``torch.nn.functional.cosine_embedding_loss``.

    >>> import fastgrad as torch
    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    >>> torch.nn.functional.cosine_embedding_loss(a, b, torch.tensor([1]))
    tensor(0.4000)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    if target.ndim > 1 or not input1.ndim == input2.ndim == target.ndim + 1:
        raise RuntimeError(
            "cosine_embedding_loss: expected inputs of shape (N, D) and a target of shape (N), or "
            f"(D) and (), but found {list(input1.shape)}, {list(input2.shape)} and "
            f"{list(target.shape)}"
        )
    squares = [(x * x).sum(-1) + 1e-12 for x in (input1, input2)]
    cos = (input1 * input2).sum(-1) / unary.sqrt(squares[0] * squares[1])
    near = ternary.where(_core.eq(target, 1), 1 - cos, 0.0)
    far = ternary.where(_core.eq(target, -1), ternary.clamp(cos - margin, min=0), 0.0)
    return reduced(near + far, reduction)


@autocast("float32")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + distance to positive - distance to negative), of vectors.

    Args:
        anchor, positive, negative: of shape (N, D), or (D).
        p, eps: of :func:`pairwise_distance`.
        swap: take the distance of positive and negative where that is the smaller one.

    Raises:
        RuntimeError: the numbers of dimensions differ.
        ValueError: the margin is not positive.

    Follows ``torch.nn.functional.triplet_margin_loss``.

    >>> import fastgrad as torch
    >>> a, b, c = torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[1.5]])
    >>> torch.nn.functional.triplet_margin_loss(a, b, c)
    tensor(0.5000)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
        margin=margin,
        swap=swap,
        reduction=reduction,
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """:func:`triplet_margin_loss` with any distance, by default :func:`pairwise_distance`.

    Raises:
        RuntimeError: the numbers of dimensions differ.
        ValueError: the margin is not positive.

    Follows ``torch.nn.functional.triplet_margin_with_distance_loss``.

    >>> import fastgrad as torch
    >>> a, b, c = torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[1.5]])
    >>> torch.nn.functional.triplet_margin_with_distance_loss(a, b, c, margin=2.0)
    tensor(1.5000)
    """
    reduction = checked_reduction(reduction, None, None)
    if margin <= 0:
        raise ValueError(f"triplet_margin_loss: margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "triplet_margin_loss: The anchor, positive, and negative tensors are expected to have "
            f"the same number of dimensions, but got: anchor {anchor.ndim}D, positive "
            f"{positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(ternary.clamp(margin + near - far, min=0), reduction)


@autocast("float32")
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum over wrong classes i of max(0, margin - x[label] + x[i])**p, over all classes.

    Args:
        input: scores of shape (N, C) or (C).
        target: labels (int64) of shape (N) or ().
        p: 1 or 2.
        weight: a factor for each class, shape (C).

    Raises:
        IndexError: a label is out of range; says which row.
        RuntimeError, ValueError: shapes or options do not fit.

    Follows ``torch.nn.functional.multi_margin_loss``.

    >>> import fastgrad as torch
    >>> scores = torch.tensor([[0.1, 0.2, 0.9]])
    >>> torch.nn.functional.multi_margin_loss(scores, torch.tensor([2]))
    tensor(0.1667)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: only p == 1 and p == 2 supported, got {p}")
    rows, labels = _scores_and_labels(input, target)
    classes = rows.shape[1]
    if weight is not None and weight.shape != (classes,):
        raise (ValueError if weight.ndim != 1 else RuntimeError)(
            f"multi_margin_loss: weight must be one-dimensional with {classes} numbers, one for "
            f"each class, got {list(weight.shape)}"
        )
    places = labels.unsqueeze(1)
    terms = ternary.clamp(margin - gather(rows, 1, places) + rows, min=0)
    if p == 2:
        terms = unary.square(terms)
    if weight is not None:
        terms = terms * weight[places]
    every_class = _core.arange_at(places.get_device(), 0, 1, classes, _core.int64)
    is_label = _core.eq(places, every_class)
    loss = ternary.where(is_label, 0.0, terms).sum(1) / classes
    return reduced(loss if input.ndim == 2 else loss.reshape(()), reduction)


def _scores_and_labels(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Scores as (rows, classes) and checked labels as (rows)."""
    if input.ndim not in (1, 2) or not input.shape[-1] or not input.dtype.is_floating_point:
        raise RuntimeError(
            "multi_margin_loss: Expected a non-empty vector or matrix of floats with optional "
            f"0-dim batch size, but got {list(input.shape)} and {input.dtype}"
        )
    rows = input if input.ndim == 2 else input.unsqueeze(0)
    if target.ndim > 1 or target.numel() != rows.shape[0]:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples. Expected target size [{rows.shape[0]}], but got {list(target.shape)}"
        )
    return rows, _core.checked_labels(target.reshape(-1), rows.shape[1], -1 - rows.shape[1])


@autocast("float32")
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum over labels and over other classes of max(0, 1 - x[label] + x[other]), over C.

    Args:
        input: scores of shape (N, C) or (C).
        target: labels (int64) of the same shape; what follows the first -1 of a row is ignored.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or a label is out of range.

    Follows ``torch.nn.functional.multilabel_margin_loss``.

    >>> import fastgrad as torch
    >>> scores, labels = torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([[3, 0, -1, 1]])
    >>> torch.nn.functional.multilabel_margin_loss(scores, labels)
    tensor(0.8500)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    if input.shape != target.shape or input.ndim not in (1, 2) or target.dtype is not _core.int64:
        raise RuntimeError(
            "multilabel_margin_loss: expected scores of shape (N, C) or (C) and an int64 target of "
            f"the same shape, got {list(input.shape)} and {target.dtype} of {list(target.shape)}"
        )
    classes = input.shape[-1]
    if bool(((target < -1) | (target >= classes)).any()):
        raise RuntimeError(
            f"multilabel_margin_loss: target is out of range: labels go from 0 to {classes - 1}, "
            "and -1 ends them"
        )
    listed = (target >= 0).long().cumprod(-1)  # 1 up to the first -1
    labels = target * listed
    counts = _core.full_at(target.get_device(), target.shape, 0, _core.int64)
    is_label = _core.gt(_core.scatter_add_(counts, -1, labels, listed), 0)
    gaps = 1 - gather(input, -1, labels).unsqueeze(-1) + input.unsqueeze(-2)
    used = _core.gt(listed, 0).unsqueeze(-1) & ~is_label.unsqueeze(-2)
    terms = ternary.where(used, ternary.clamp(gaps, min=0), 0.0)
    return reduced(terms.sum((-2, -1)) / max(classes, 1), reduction)


@autocast("float32")
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """:func:`binary_cross_entropy_with_logits` averaged over the classes, the last dimension.

    `weight` is a factor for each class. Follows
    ``torch.nn.functional.multilabel_soft_margin_loss``.

    >>> import fastgrad as torch
    >>> scores, target = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    >>> torch.nn.functional.multilabel_soft_margin_loss(scores, target)
    tensor(1.0032)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduced(loss.sum(-1) / input.shape[-1], reduction)
