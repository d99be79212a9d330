"""Boxes and anchors, by the book's names; fastgrad.vision.ops has them."""

from __future__ import annotations

from fastgrad import Tensor
from fastgrad.vision import ops

box_iou = ops.box_iou
multibox_prior = ops.multibox_prior
multibox_target = ops.multibox_target
multibox_detection = ops.multibox_detection
offset_boxes = ops.offset_boxes
offset_inverse = ops.offset_inverse


def assign_anchor_to_bbox(
    ground_truth: Tensor, anchors: Tensor, device: object = None, iou_threshold: float = 0.5
) -> Tensor:
    """For each anchor box the number of the true box that it is to find, or -1."""
    return ops.assign_anchors(ground_truth, anchors, iou_threshold)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The numbers of the boxes to keep, the best first."""
    return ops.nms(boxes, scores, iou_threshold)


def box_corner_to_center(boxes: Tensor) -> Tensor:
    """(left, top, right, bottom) to (centre x, centre y, width, height)."""
    return ops.box_convert(boxes, "xyxy", "cxcywh")


def box_center_to_corner(boxes: Tensor) -> Tensor:
    """(centre x, centre y, width, height) to (left, top, right, bottom)."""
    return ops.box_convert(boxes, "cxcywh", "xyxy")
