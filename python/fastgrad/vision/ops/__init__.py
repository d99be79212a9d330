"""Boxes, regions of interest and anchors. The first two follow torchvision.ops."""

from fastgrad.vision.ops.anchors import (
    assign_anchors,
    multibox_detection,
    multibox_prior,
    multibox_target,
    offset_boxes,
    offset_inverse,
)
from fastgrad.vision.ops.boxes import (
    batched_nms,
    box_area,
    box_convert,
    box_iou,
    clip_boxes_to_image,
    generalized_box_iou,
    nms,
    remove_small_boxes,
)
from fastgrad.vision.ops.roi import RoIAlign, RoIPool, roi_align, roi_pool

__all__ = [
    "RoIAlign",
    "RoIPool",
    "assign_anchors",
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "generalized_box_iou",
    "multibox_detection",
    "multibox_prior",
    "multibox_target",
    "nms",
    "offset_boxes",
    "offset_inverse",
    "remove_small_boxes",
    "roi_align",
    "roi_pool",
]
