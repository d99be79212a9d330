"""Anchor boxes for object detection with a single network.

The names and numbers are those of *Dive into Deep Learning*, section 14.4 (Anchor Boxes), after Liu
et al. 2016, "SSD: Single Shot MultiBox Detector". Boxes are (x1, y1, x2, y2) as shares of the
image's width and height.
"""

from __future__ import annotations

from collections.abc import Sequence

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.vision.ops.boxes import box_convert, box_iou, nms

# Offsets are divided by these, so that most are of the size of 1.
CENTRE_SCALE, SIDE_SCALE = 10, 5


def multibox_prior(data: Tensor, sizes: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """Anchor boxes around each pixel: all sizes with the first ratio, all ratios with one size.

    Args:
        data: a feature map [..., H, W].
        sizes: shares of the image's side, from 0 to 1.
        ratios: width over height.

    Returns:
        [1, H * W * (len(sizes) + len(ratios) - 1), 4].

    Raises:
        ValueError: no sizes, or no ratios.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import multibox_prior
    >>> multibox_prior(torch.zeros(1, 3, 1, 1), sizes=[0.5], ratios=[1, 4])
    tensor([[[0.2500, 0.2500, 0.7500, 0.7500],
             [0.0000, 0.3750, 1.0000, 0.6250]]])
    """
    if not sizes or not ratios:
        raise ValueError("multibox_prior: expected at least one size and one ratio")
    height, width = data.shape[-2:]
    pairs = [(size, ratios[0]) for size in sizes] + [(sizes[0], ratio) for ratio in ratios[1:]]
    scale = fg.tensor([size for size, _ in pairs])
    root = fg.tensor([float(ratio) for _, ratio in pairs]).sqrt()
    half_widths = scale * root * height / width / 2
    half_heights = scale / root / 2
    corners = fg.stack([-half_widths, -half_heights, half_widths, half_heights], 1)
    y = (fg.arange(height) + 0.5) / height
    x = (fg.arange(width) + 0.5) / width
    rows, columns = fg.meshgrid(y, x, indexing="ij")
    centres = fg.stack([columns, rows, columns, rows], -1).reshape(-1, 1, 4)
    return (centres + corners).reshape(1, -1, 4)


def assign_anchors(ground_truth: Tensor, anchors: Tensor, iou_threshold: float = 0.5) -> Tensor:
    """For each anchor box the number of the true box that it is to find, or -1.

    Each true box gets the anchor that fits it best; further anchors go to the true box that they
    overlap with by at least the threshold.

    Args:
        ground_truth: [G, 4].
        anchors: [A, 4].

    Returns:
        An int64 tensor [A].

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import assign_anchors
    >>> anchors = torch.tensor([[0.0, 0, 0.4, 0.4], [0.5, 0.5, 1, 1], [0, 0.6, 0.2, 1]])
    >>> assign_anchors(torch.tensor([[0.6, 0.6, 1.0, 1.0]]), anchors)
    tensor([-1,  0, -1])
    """
    overlaps = box_iou(anchors, ground_truth)
    assigned = fg.full((len(anchors),), -1)
    if not len(ground_truth):
        return assigned
    best = overlaps.max(1)
    good = best.values >= iou_threshold
    assigned[good] = best.indices[good]
    left = overlaps.clone()
    for _ in range(min(len(ground_truth), len(anchors))):
        at = int(left.argmax())
        anchor, box = divmod(at, len(ground_truth))
        assigned[anchor] = box
        left[anchor, :] = -1
        left[:, box] = -1
    return assigned


def offset_boxes(anchors: Tensor, assigned: Tensor, eps: float = 1e-6) -> Tensor:
    """What leads from anchors [A, 4] to the boxes [A, 4] that are assigned to them.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import offset_boxes, offset_inverse
    >>> anchors, boxes = torch.tensor([[0.0, 0, 0.5, 0.5]]), torch.tensor([[0.1, 0, 0.5, 0.4]])
    >>> torch.allclose(offset_inverse(anchors, offset_boxes(anchors, boxes)), boxes, atol=1e-5)
    True
    """
    a = box_convert(anchors, "xyxy", "cxcywh")
    b = box_convert(assigned, "xyxy", "cxcywh")
    centres = CENTRE_SCALE * (b[:, :2] - a[:, :2]) / a[:, 2:]
    sides = SIDE_SCALE * fg.log(eps + b[:, 2:] / a[:, 2:])
    return fg.cat([centres, sides], 1)


def offset_inverse(anchors: Tensor, offsets: Tensor) -> Tensor:
    """The boxes [A, 4] that offsets lead to from anchors; undoes :func:`offset_boxes`.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import offset_inverse
    >>> offset_inverse(torch.tensor([[0.0, 0, 0.5, 0.5]]), torch.tensor([[2.0, 0, 0, 0]]))
    tensor([[0.1000, 0.0000, 0.6000, 0.5000]])
    """
    a = box_convert(anchors, "xyxy", "cxcywh")
    centres = offsets[:, :2] * a[:, 2:] / CENTRE_SCALE + a[:, :2]
    sides = fg.exp(offsets[:, 2:] / SIDE_SCALE) * a[:, 2:]
    return box_convert(fg.cat([centres, sides], 1), "cxcywh", "xyxy")


def multibox_target(anchors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What a detector is to say of each anchor box, for a batch.

    Args:
        anchors: [1, A, 4].
        labels: [N, G, 5], rows of (class, x1, y1, x2, y2); rows of a negative class are filling.

    Returns:
        Offsets [N, A * 4], a mask [N, A * 4] that is 0 for anchors of the background, and classes
        [N, A], where 0 is the background and the classes of the labels begin at 1.

    Raises:
        ValueError: shapes that do not fit.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import multibox_target
    >>> anchors = torch.tensor([[[0.0, 0, 0.4, 0.4], [0.5, 0.5, 1, 1]]])
    >>> offsets, mask, classes = multibox_target(anchors, torch.tensor([[[2, 0.5, 0.5, 1, 1]]]))
    >>> classes, mask
    (tensor([[0, 3]]), tensor([[0., 0., 0., 0., 1., 1., 1., 1.]]))
    """
    if anchors.dim() != 3 or labels.dim() != 3 or labels.shape[2] != 5:
        raise ValueError(
            "multibox_target: expected anchors [1, A, 4] and labels [N, G, 5], got "
            f"{list(anchors.shape)} and {list(labels.shape)}"
        )
    boxes = anchors.squeeze(0)
    offsets, masks, classes = [], [], []
    for label in labels:
        truth = label[label[:, 0] >= 0]
        assigned = assign_anchors(truth[:, 1:], boxes)
        found = assigned >= 0
        mask = found.to(boxes.dtype)[:, None].expand(-1, 4)
        target = fg.zeros_like(boxes)
        kind = fg.zeros(len(boxes), dtype=fg.int64)
        target[found] = truth[assigned[found], 1:]
        kind[found] = truth[assigned[found], 0].long() + 1
        offset = fg.where(mask > 0, offset_boxes(boxes, target), fg.zeros_like(boxes))
        offsets.append(offset.reshape(-1))
        masks.append(mask.reshape(-1))
        classes.append(kind)
    return fg.stack(offsets), fg.stack(masks), fg.stack(classes)


def multibox_detection(
    cls_probs: Tensor,
    offset_preds: Tensor,
    anchors: Tensor,
    nms_threshold: float = 0.5,
    pos_threshold: float = 0.009999999,
) -> Tensor:
    """The boxes that a detector sees, without those that repeat a better one.

    Args:
        cls_probs: [N, classes + 1, A]; class 0 is the background.
        offset_preds: [N, A * 4].
        anchors: [1, A, 4].

    Returns:
        [N, A, 6], rows of (class, confidence, x1, y1, x2, y2), the kept ones first; the class is -1
        for the background and for boxes that were dropped.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import multibox_detection
    >>> anchors = torch.tensor([[[0.0, 0, 0.4, 0.4], [0.5, 0.5, 1, 1]]])
    >>> probs = torch.tensor([[[0.1, 0.9], [0.9, 0.1]]])
    >>> multibox_detection(probs, torch.zeros(1, 8), anchors)[0, 0, :2]
    tensor([0.0000, 0.9000])
    """
    boxes = anchors.squeeze(0)
    results = []
    for probs, offsets in zip(cls_probs, offset_preds, strict=True):
        confidence, kind = probs[1:].max(0)
        kind = kind.to(probs.dtype)
        predicted = offset_inverse(boxes, offsets.reshape(-1, 4))
        kept = nms(predicted, confidence, nms_threshold)
        dropped = fg.ones(len(boxes), dtype=fg.bool)
        dropped[kept] = False
        order = fg.cat([kept, dropped.nonzero()[:, 0]])
        kind[dropped] = -1
        unsure = confidence < pos_threshold
        kind = fg.where(unsure, -fg.ones_like(kind), kind)
        confidence = fg.where(unsure, 1 - confidence, confidence)
        rows = fg.cat([kind[:, None], confidence[:, None], predicted], 1)
        results.append(rows[order])
    return fg.stack(results)
