"""What detectors and segmentations are judged by: average precision, intersection over union."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TypeAlias

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.vision.ops import box_iou

__all__ = ["average_precision", "class_iou", "mean_average_precision", "mean_iou"]

# What is said of one image, or true of it: its boxes [N, 4] and labels [N]; said, scores [N], too.
Boxes: TypeAlias = Mapping[str, Tensor]

# A box that was said: its label, its score, and how it overlaps with which true boxes of its class.
Candidate: TypeAlias = tuple[int, float, list[tuple[float, int]]]

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
MOST = 100  # boxes of a class in an image that count


def average_precision(
    preds: Sequence[Boxes], target: Sequence[Boxes], iou_threshold: float = 0.5
) -> dict[int, float]:
    """The average precision of a detector for each class: the area under precision by recall.

    In the order of their scores, boxes are hits where they overlap with a true box of their class,
    in the same image, that no earlier box has hit. Precision, the share of hits so far, is made to
    fall and averaged over 101 values of recall, the share of true boxes that were hit so far.

    Args:
        preds: for each image ``boxes`` [N, 4] as (x1, y1, x2, y2), ``scores`` [N], ``labels`` [N];
            of each class the 100 of the highest scores count.
        target: for each image ``boxes`` [M, 4] and ``labels`` [M].
        iou_threshold: the least intersection over union of a hit, above 0, up to 1.

    Returns:
        A value from 0 to 1 for each class that occurs in `target`.

    Raises:
        ValueError: numbers of images or shapes that do not fit each other; another threshold.
        KeyError: boxes, scores or labels are missing.

    Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context". Follows COCO's own tools.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.metrics import average_precision
    >>> boxes = torch.tensor([[0.0, 0, 2, 2], [5, 5, 6, 6]])
    >>> true = {"boxes": boxes, "labels": torch.tensor([3, 3])}
    >>> said = {"boxes": boxes[:1], "labels": torch.tensor([3]), "scores": torch.tensor([0.9])}
    >>> {label: round(ap, 3) for label, ap in average_precision([said], [true]).items()}
    {3: 0.505}
    """
    return _precisions(preds, target, [iou_threshold])[0]


def _precisions(
    preds: Sequence[Boxes], target: Sequence[Boxes], thresholds: Sequence[float]
) -> list[dict[int, float]]:
    """The average precision of each class, for each threshold."""
    if len(preds) != len(target):
        raise ValueError(
            "average_precision: expected predictions and truth for the same images, got "
            f"{len(preds)} and {len(target)}"
        )
    if not all(0 < threshold <= 1 for threshold in thresholds):
        raise ValueError(
            "average_precision: expected thresholds of intersection over union above 0, up to 1, "
            f"got {list(thresholds)}"
        )
    found: list[defaultdict[int, list[tuple[float, bool]]]]
    found = [defaultdict(list) for _ in thresholds]
    wanted: defaultdict[int, int] = defaultdict(int)
    for image, (said, true) in enumerate(zip(preds, target, strict=True)):
        _check(image, said, "labels", "scores")
        _check(image, true, "labels")
        for label in true["labels"].tolist():
            wanted[label] += 1
        candidates = _candidates(said, true)
        for judged, threshold in zip(found, thresholds, strict=True):
            for label, score, hit in _judged(candidates, threshold):
                judged[label].append((score, hit))
    return [
        {label: _area(judged[label], wanted[label]) for label in sorted(wanted)} for judged in found
    ]


def _check(image: int, given: Boxes, *columns: str) -> None:
    boxes = given["boxes"]
    for name in columns:
        if boxes.ndim != 2 or boxes.shape[1] != 4 or given[name].shape != boxes.shape[:1]:
            raise ValueError(
                f"average_precision: expected boxes [N, 4] and {name} [N] of image {image}, got "
                f"{list(boxes.shape)} and {list(given[name].shape)}"
            )


def _candidates(said: Boxes, true: Boxes) -> list[Candidate]:
    """An image's boxes that count, best first, with their overlaps."""
    order = said["scores"].argsort(descending=True, stable=True)
    overlaps = box_iou(said["boxes"][order], true["boxes"]).tolist()
    labels, scores = said["labels"][order].tolist(), said["scores"][order].tolist()
    kinds = true["labels"].tolist()
    seen: defaultdict[int, int] = defaultdict(int)
    counted = []
    for label, score, row in zip(labels, scores, overlaps, strict=True):
        seen[label] += 1
        if seen[label] <= MOST:
            own = [(iou, k) for k, iou in enumerate(row) if kinds[k] == label and iou > 0]
            counted.append((label, score, own))
    return counted


def _judged(candidates: list[Candidate], threshold: float) -> Iterator[tuple[int, float, bool]]:
    """Label and score of an image's boxes, and whether they hit a true box that was left."""
    taken: set[int] = set()
    for label, score, overlaps in candidates:
        fitting = [(iou, k) for iou, k in overlaps if iou >= threshold and k not in taken]
        if fitting:
            taken.add(max(fitting)[1])
        yield label, score, bool(fitting)


def _area(found: list[tuple[float, bool]], wanted: int) -> float:
    """The mean of precision over 101 values of recall."""
    found = sorted(found, key=lambda pair: -pair[0])
    hits = list(accumulate(int(hit) for _, hit in found))
    recall = [count / wanted for count in hits]
    precision = [count / seen for seen, count in enumerate(hits, 1)]
    falling = list(accumulate(reversed(precision), max))[::-1]
    places = [bisect_left(recall, 0.01 * i) for i in range(101)]
    return sum(falling[at] for at in places if at < len(falling)) / 101


def mean_average_precision(
    preds: Sequence[Boxes],
    target: Sequence[Boxes],
    iou_thresholds: Sequence[float] = THRESHOLDS,
) -> float:
    """The mean of :func:`average_precision` over thresholds and the classes that occur in `target`.

    Args:
        preds: what a detector says; see :func:`average_precision`.
        target: what is true.
        iou_thresholds: by default COCO's, from 0.5 to 0.95; ``[0.5]`` for that of Pascal VOC.

    Returns:
        A value from 0 to 1; nan where nothing is to be found.

    Raises:
        ValueError, KeyError: as :func:`average_precision`; or no thresholds.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.metrics import mean_average_precision
    >>> true = {"boxes": torch.tensor([[0.0, 0, 10, 10]]), "labels": torch.tensor([0])}
    >>> said = {**true, "boxes": torch.tensor([[0.0, 0, 10, 8]]), "scores": torch.tensor([0.9])}
    >>> round(mean_average_precision([said], [true]), 3)
    0.7
    """
    if not iou_thresholds:
        raise ValueError("mean_average_precision: expected at least one threshold")
    each = _precisions(preds, target, iou_thresholds)
    values = [value for precisions in each for value in precisions.values()]
    return sum(values) / len(values) if values else float("nan")


def class_iou(
    preds: Tensor, target: Tensor, num_classes: int, ignore_index: int | None = None
) -> Tensor:
    """Intersection over union of each class's pixels, in all images together.

    Args:
        preds: the predicted class of each pixel, integers of any shape.
        target: the true classes, of the same shape.
        num_classes: how many classes there are.
        ignore_index: pixels of this true class do not count.

    Returns:
        A float32 tensor [num_classes]; nan for a class that neither has.

    Raises:
        ValueError: shapes that differ, or classes outside 0..num_classes - 1.

    Also known as the Jaccard index.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.metrics import class_iou
    >>> class_iou(torch.tensor([[0, 1], [1, 1]]), torch.tensor([[0, 0], [1, 1]]), num_classes=3)
    tensor([0.5000, 0.6667,    nan])
    """
    if preds.shape != target.shape:
        raise ValueError(
            "class_iou: expected predictions and truth of one shape, got "
            f"{list(preds.shape)} and {list(target.shape)}"
        )
    preds, target = preds.long().flatten(), target.long().flatten()
    if ignore_index is not None:
        counted = target != ignore_index
        preds, target = preds[counted], target[counted]
    for name, labels in (("prediction", preds), ("truth", target)):
        if ((labels < 0) | (labels >= num_classes)).any():
            raise ValueError(
                f"class_iou: expected classes from 0 to {num_classes - 1}, got a {name} of "
                f"{labels.min().item()} to {labels.max().item()}"
            )
    counts = fg.bincount(target * num_classes + preds, minlength=num_classes**2)
    matrix = counts.reshape(num_classes, num_classes).double()
    both = matrix.diagonal()
    return (both / (matrix.sum(0) + matrix.sum(1) - both)).float()


def mean_iou(
    preds: Tensor, target: Tensor, num_classes: int, ignore_index: int | None = None
) -> float:
    """The mean of :func:`class_iou` over the classes that occur; arguments and errors are its own.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.metrics import mean_iou
    >>> round(mean_iou(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 0, 1, 1]), num_classes=3), 4)
    0.5833
    """
    return float(class_iou(preds, target, num_classes, ignore_index).nanmean())
