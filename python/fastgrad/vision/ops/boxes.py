"""Boxes as corners (x1, y1, x2, y2). Follows torchvision.ops.

Source: https://docs.pytorch.org/vision/stable/ops.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import fastgrad as fg
from fastgrad import Tensor

Of: TypeAlias = Callable[[Tensor, Tensor], Tensor]

FORMATS = ("xyxy", "xywh", "cxcywh")
BLOCK = 1000  # boxes that suppression compares with each other at once, which bounds its memory


def checked_boxes(op: str, boxes: Tensor, columns: int = 4) -> Tensor:
    """`boxes`, if it is a tensor of N rows.

    Raises:
        TypeError, ValueError: it is something else; the message says what was expected.
    """
    if not isinstance(boxes, Tensor):
        raise TypeError(f"{op}: boxes must be a Tensor, got {type(boxes).__name__}")
    if boxes.dim() != 2 or boxes.shape[1] != columns:
        raise ValueError(
            f"{op}: boxes must have the shape [N, {columns}], got {list(boxes.shape)}; a single "
            "box is boxes[None]"
        )
    return boxes


def box_area(boxes: Tensor) -> Tensor:
    """The areas [N] of boxes [N, 4] given as (x1, y1, x2, y2). Follows torchvision.ops.box_area.

    Raises:
        TypeError, ValueError: `boxes` is no tensor of that shape.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import box_area
    >>> box_area(torch.tensor([[0.0, 0.0, 2.0, 3.0]]))
    tensor([6.])
    """
    x1, y1, x2, y2 = _wide(checked_boxes("box_area", boxes)).unbind(1)
    return (x2 - x1) * (y2 - y1)


def _wide(boxes: Tensor) -> Tensor:
    """Numbers wide enough for areas."""
    if boxes.is_floating_point():
        return boxes.float() if boxes.dtype in (fg.float16, fg.bfloat16) else boxes
    return boxes if boxes.dtype in (fg.int32, fg.int64) else boxes.int()


def _overlaps(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """The areas [N, M] of intersections and of unions."""
    areas = box_area(boxes1)[:, None] + box_area(boxes2)
    widths, heights = _sides(boxes1, boxes2, fg.maximum, fg.minimum)
    intersections = widths.clamp(min=0) * heights.clamp(min=0)
    return intersections, areas - intersections


def _sides(boxes1: Tensor, boxes2: Tensor, low: Of, high: Of) -> tuple[Tensor, Tensor]:
    """The widths and heights [N, M] between the `low` of lower corners and `high` of upper ones.

    Coordinates lie one after the other, so that each operation goes along a row of M.
    """
    x1, y1, x2, y2 = boxes1.t().contiguous()[:, :, None].unbind(0)
    u1, v1, u2, v2 = boxes2.t().contiguous().unbind(0)
    return _wide(high(x2, u2) - low(x1, u1)), _wide(high(y2, v2) - low(y1, v1))


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Intersection over union (the Jaccard index) of each pair of boxes.

    Args:
        boxes1, boxes2: [N, 4] and [M, 4].
        fmt: "xyxy", "xywh" or "cxcywh"; see :func:`box_convert`.

    Returns:
        A tensor [N, M] with values from 0 to 1.

    Raises:
        TypeError, ValueError: boxes of another shape, or an unknown format.

    Follows torchvision.ops.box_iou.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import box_iou
    >>> box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2], [5, 5, 6, 6]]))
    tensor([[0.3333, 0.0000]])
    """
    if fmt != "xyxy":
        boxes1 = box_convert(boxes1, fmt, "xyxy")
        boxes2 = box_convert(boxes2, fmt, "xyxy")
    intersections, unions = _overlaps(
        checked_boxes("box_iou", boxes1), checked_boxes("box_iou", boxes2)
    )
    return intersections / unions


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersection over union minus the share of the smallest box around both that is empty.

    Returns:
        A tensor [N, M] with values above -1, up to 1.

    Raises:
        TypeError, ValueError: boxes of another shape than [N, 4].

    Source: Rezatofighi et al. 2019, "Generalized Intersection over Union". Follows
    torchvision.ops.generalized_box_iou.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import generalized_box_iou
    >>> generalized_box_iou(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[2.0, 0, 3, 1]]))
    tensor([[-0.3333]])
    """
    intersections, unions = _overlaps(
        checked_boxes("generalized_box_iou", boxes1), checked_boxes("generalized_box_iou", boxes2)
    )
    widths, heights = _sides(boxes1, boxes2, fg.minimum, fg.maximum)
    around = widths.clamp(min=0) * heights.clamp(min=0)
    return intersections / unions - (around - unions) / around


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes [N, 4] in another format.

    Args:
        in_fmt, out_fmt: "xyxy" (two corners), "xywh" (a corner, width and height), or "cxcywh"
            (the centre, width and height).

    Raises:
        TypeError, ValueError: boxes of another shape, or an unknown format.

    Follows torchvision.ops.box_convert.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import box_convert
    >>> box_convert(torch.tensor([[1.0, 2.0, 3.0, 6.0]]), "xyxy", "cxcywh")
    tensor([[2., 4., 2., 4.]])
    """
    checked_boxes("box_convert", boxes)
    for fmt in (in_fmt, out_fmt):
        if fmt not in FORMATS:
            raise ValueError(f"box_convert: expected one of {', '.join(FORMATS)}, got {fmt!r}")
    if in_fmt == out_fmt:
        return boxes.clone()
    first, second = boxes[:, :2], boxes[:, 2:]
    if in_fmt == "cxcywh":
        first, second = first - 0.5 * second, first + 0.5 * second
    elif in_fmt == "xywh":
        second = first + second
    if out_fmt == "cxcywh":
        first, second = (first + second) / 2, second - first
    elif out_fmt == "xywh":
        second = second - first
    return fg.cat([first, second], 1)


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes [..., 4] cut to the inside of an image of a height and a width.

    Follows torchvision.ops.clip_boxes_to_image.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import clip_boxes_to_image
    >>> clip_boxes_to_image(torch.tensor([[-1.0, 2.0, 9.0, 5.0]]), (4, 8))
    tensor([[0., 2., 8., 4.]])
    """
    height, width = size
    x = boxes[..., 0::2].clamp(0, width)
    y = boxes[..., 1::2].clamp(0, height)
    return fg.stack([x, y], -1).reshape(boxes.shape)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The positions of the boxes [N, 4] whose sides are both at least `min_size` long.

    Raises:
        TypeError, ValueError: boxes of another shape than [N, 4].

    Follows torchvision.ops.remove_small_boxes.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import remove_small_boxes
    >>> remove_small_boxes(torch.tensor([[0.0, 0, 1, 5], [0, 0, 3, 3]]), 2)
    tensor([1])
    """
    checked_boxes("remove_small_boxes", boxes)
    sides = boxes[:, 2:] - boxes[:, :2]
    return (sides >= min_size).all(1).nonzero()[:, 0]


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Non-maximum suppression: drop boxes that overlap with one of a higher score.

    Args:
        boxes: [N, 4] as (x1, y1, x2, y2).
        scores: [N].
        iou_threshold: a box is dropped when its intersection over union with a kept one is larger.

    Returns:
        The positions of the boxes that are kept, from the highest score to the lowest.

    Raises:
        TypeError, ValueError: the shapes do not fit.

    Follows torchvision.ops.nms.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import nms
    >>> boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2.2], [3, 3, 4, 4]])
    >>> nms(boxes, torch.tensor([0.5, 0.9, 0.7]), 0.5)
    tensor([1, 2])
    """
    checked_boxes("nms", boxes)
    if scores.shape != boxes.shape[:1]:
        raise ValueError(
            f"nms: expected one score for each of {len(boxes)} boxes, got {list(scores.shape)}"
        )
    with fg.no_grad():
        kept: list[Tensor] = []
        for best in scores.argsort(descending=True, stable=True).split(BLOCK):
            for earlier in kept:
                overlap = box_iou(boxes[earlier], boxes[best]) > iou_threshold
                best = best[~overlap.any(0)]
            kept.append(best[_survivors(box_iou(boxes[best], boxes[best]) > iou_threshold)])
        return fg.cat(kept)


def _survivors(overlap: Tensor) -> Tensor:
    """Which of some boxes, best first, overlap with no better one that survives.

    From the best one on, each round settles at least one more; a few rounds usually settle all.
    """
    with_better = overlap.triu(1)
    left = fg.ones(len(overlap), dtype=fg.bool)
    while True:
        still_left = ~(with_better & left[:, None]).any(0)
        if fg.equal(still_left, left):
            return left
        left = still_left


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """:func:`nms` among the boxes of each category apart.

    Args:
        idxs: [N], the category of each box.

    Raises:
        TypeError, ValueError: the shapes do not fit.

    Follows torchvision.ops.batched_nms.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import batched_nms
    >>> boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2.2]])
    >>> batched_nms(boxes, torch.tensor([0.5, 0.9]), torch.tensor([0, 1]), 0.5)
    tensor([1, 0])
    """
    checked_boxes("batched_nms", boxes)
    if not len(boxes):
        return fg.empty(0, dtype=fg.int64)
    kept = []
    for category in idxs.unique():
        of_it = (idxs == category).nonzero()[:, 0]
        kept.append(of_it[nms(boxes[of_it], scores[of_it], iou_threshold)])
    all_kept = fg.cat(kept)
    return all_kept[scores[all_kept].argsort(descending=True, stable=True)]
