"""Boxes, regions of interest and anchors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad.autograd import gradcheck
from fastgrad.vision import ops

corners = st.lists(st.integers(0, 20), min_size=4, max_size=4).map(
    lambda v: [min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]) + 1, max(v[1], v[3]) + 1]
)
many_boxes = st.lists(corners, min_size=1, max_size=12).map(lambda rows: fg.tensor(rows).float())


def pixels(box):
    """The set of unit squares that a box with integer corners covers."""
    x1, y1, x2, y2 = map(int, box)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


@given(many_boxes, many_boxes)
def test_intersection_over_union_counts_pixels(first, second):
    got = ops.box_iou(first, second).tolist()
    for i, a in enumerate(first.tolist()):
        for j, b in enumerate(second.tolist()):
            a_pixels, b_pixels = pixels(a), pixels(b)
            expected = len(a_pixels & b_pixels) / len(a_pixels | b_pixels)
            assert got[i][j] == pytest.approx(expected)
    assert ops.box_area(first).tolist() == [len(pixels(a)) for a in first.tolist()]


@given(many_boxes, st.sampled_from(["xyxy", "xywh", "cxcywh"]), st.sampled_from(["xywh", "cxcywh"]))
def test_conversion_there_and_back(boxes, first, second):
    there = ops.box_convert(boxes, "xyxy", first)
    around = ops.box_convert(ops.box_convert(there, first, second), second, "xyxy")
    assert fg.equal(around, boxes)
    assert fg.equal(ops.box_iou(there, there, fmt=first), ops.box_iou(boxes, boxes))


@given(many_boxes, st.data(), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
def test_suppression_by_its_definition(boxes, data, threshold):
    n = len(boxes)
    scores = fg.tensor(data.draw(st.permutations(range(n)))).float()
    overlap = ops.box_iou(boxes, boxes)
    kept = []
    for i in sorted(range(n), key=lambda i: -float(scores[i])):
        if all(float(overlap[i, j]) <= threshold for j in kept):
            kept.append(i)
    assert ops.nms(boxes, scores, threshold).tolist() == kept
    assert ops.batched_nms(boxes, scores, fg.zeros(n), threshold).tolist() == kept
    apart = ops.batched_nms(boxes, scores, fg.arange(n), threshold)
    assert apart.tolist() == sorted(range(n), key=lambda i: -float(scores[i]))


def test_suppression_of_more_boxes_than_are_compared_at_once(monkeypatch):
    boxes = fg.rand(300, 4, generator=fg.Generator().manual_seed(1))
    boxes, scores = fg.cat([boxes[:, :2], boxes[:, :2] + 0.3 * boxes[:, 2:]], 1), boxes[:, 0] % 0.1
    together = ops.nms(boxes, scores, 0.2)
    assert 20 < len(together) < 250
    monkeypatch.setattr("fastgrad.vision.ops.boxes.BLOCK", 7)
    assert fg.equal(ops.nms(boxes, scores, 0.2), together)


def test_no_boxes():
    none = fg.zeros(0, 4)
    assert ops.nms(none, fg.zeros(0), 0.5).shape == (0,)
    assert ops.batched_nms(none, fg.zeros(0), fg.zeros(0), 0.5).shape == (0,)
    assert ops.box_iou(none, fg.ones(2, 4)).shape == (0, 2)
    assert ops.remove_small_boxes(none, 1).shape == (0,)


def test_generalized_overlap():
    a = fg.tensor([[0.0, 0, 2, 2]])
    assert ops.generalized_box_iou(a, a).item() == 1
    apart = ops.generalized_box_iou(a, fg.tensor([[0.0, 4, 2, 6]]))
    assert apart.item() == pytest.approx(-4 / 12)


def interpolated(plane, y, x):
    """Bilinear interpolation as roi_align defines it at the borders."""
    height, width = plane.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = max(y, 0), max(x, 0)
    low_y, low_x = min(int(y), height - 1), min(int(x), width - 1)
    high_y, high_x = min(low_y + 1, height - 1), min(low_x + 1, width - 1)
    ly = y - low_y if low_y < height - 1 else 0.0
    lx = x - low_x if low_x < width - 1 else 0.0
    top = plane[low_y, low_x] * (1 - lx) + plane[low_y, high_x] * lx
    bottom = plane[high_y, low_x] * (1 - lx) + plane[high_y, high_x] * lx
    return top * (1 - ly) + bottom * ly


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 2])
@pytest.mark.parametrize(
    "box", [[0, 0, 4, 4], [1.3, 0.2, 5.9, 3.1], [-3, -2, 1, 9], [2, 2, 2.2, 2.1]]
)
def test_roi_align_by_its_definition(aligned, ratio, box):
    plane = np.random.default_rng(0).normal(size=(5, 6))
    got = ops.roi_align(
        fg.from_numpy(plane)[None, None], [fg.tensor([box])], (2, 3), 0.9, ratio, aligned
    )
    x1, y1, x2, y2 = (float(np.float32(c)) * 0.9 - (0.5 if aligned else 0) for c in box)
    h, w = (y2 - y1, x2 - x1) if aligned else (max(y2 - y1, 1), max(x2 - x1, 1))
    ny = ratio if ratio > 0 else int(np.ceil(h / 2))
    nx = ratio if ratio > 0 else int(np.ceil(w / 3))
    for i in range(2):
        for j in range(3):
            samples = [
                interpolated(
                    plane, y1 + (i + (p + 0.5) / ny) * h / 2, x1 + (j + (q + 0.5) / nx) * w / 3
                )
                for p in range(ny)
                for q in range(nx)
            ]
            assert got[0, 0, i, j].item() == pytest.approx(np.mean(samples))


def test_regions_have_gradients():
    x = fg.randn(2, 2, 5, 5, dtype=fg.float64, requires_grad=True)
    boxes = fg.tensor([[0, 0.0, 1, 3, 4], [1, 1.2, 0.4, 4.4, 3.3]], dtype=fg.float64)
    assert gradcheck(lambda x: ops.roi_align(x, boxes, 2, 1.0, 2), x)
    assert gradcheck(lambda x: ops.roi_pool(x, boxes, 2, 1.0), x)


def test_cells_without_pixels_are_zero():
    x = fg.ones(1, 1, 4, 4)
    out = ops.roi_pool(x, fg.tensor([[0.0, 10, 10, 12, 12]]), 2)
    assert out.tolist() == [[[[0, 0], [0, 0]]]]
    assert ops.roi_pool(x, fg.zeros(0, 5), 2).shape == (0, 1, 2, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.box_area(fg.zeros(4)), ValueError, r"shape \[N, 4\], got \[4\]"),
        (lambda: ops.box_area([1, 2, 3, 4]), TypeError, "must be a Tensor, got list"),
        (lambda: ops.box_convert(fg.zeros(1, 4), "xyxy", "abc"), ValueError, "got 'abc'"),
        (lambda: ops.nms(fg.zeros(2, 4), fg.zeros(3), 0.5), ValueError, "each of 2 boxes"),
        (
            lambda: ops.roi_pool(fg.zeros(1, 1, 2, 2), fg.tensor([[3.0, 0, 0, 1, 1]]), 1),
            IndexError,
            "image 3, there are 1",
        ),
        (lambda: ops.roi_align(fg.zeros(2, 2), fg.zeros(1, 5), 1), ValueError, r"\[N, C, H, W\]"),
        (
            lambda: ops.roi_pool(fg.zeros(1, 1, 2, 2), fg.full((1, 5), float("nan")), 1),
            IndexError,
            "image nan",
        ),
        (lambda: ops.multibox_prior(fg.zeros(1, 1), [], [1]), ValueError, "at least one size"),
        (lambda: ops.multibox_target(fg.zeros(2, 4), fg.zeros(1, 5)), ValueError, r"\[N, G, 5\]"),
    ],
)
def test_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Anchors, with the numbers of the book's section 14.4


def test_the_anchors_of_the_book():
    boxes = ops.multibox_prior(
        fg.zeros(1, 3, 561, 728), sizes=[0.75, 0.5, 0.25], ratios=[1, 2, 0.5]
    )
    assert boxes.shape == (1, 2042040, 4)
    at = boxes.reshape(561, 728, 5, 4)[250, 250, 0]
    assert np.allclose(at.numpy(), [0.06, 0.07, 0.63, 0.82], atol=0.005)


def test_the_targets_of_the_book():
    truth = fg.tensor([[0, 0.1, 0.08, 0.52, 0.92], [1, 0.55, 0.2, 0.9, 0.88]])
    anchors = fg.tensor(
        [
            [0, 0.1, 0.2, 0.3],
            [0.15, 0.2, 0.4, 0.4],
            [0.63, 0.05, 0.88, 0.98],
            [0.66, 0.45, 0.8, 0.8],
            [0.57, 0.3, 0.92, 0.9],
        ]
    )
    offsets, mask, classes = ops.multibox_target(anchors[None], truth[None])
    assert classes.tolist() == [[0, 1, 2, 0, 2]]
    assert mask.reshape(5, 4)[:, 0].tolist() == [0, 1, 1, 0, 1]
    assert np.allclose(offsets.reshape(5, 4)[1].tolist(), [1.4, 10, 2.59, 7.18], atol=0.005)


def test_the_detections_of_the_book():
    anchors = fg.tensor(
        [
            [0.1, 0.08, 0.52, 0.92],
            [0.08, 0.2, 0.56, 0.95],
            [0.15, 0.3, 0.62, 0.91],
            [0.55, 0.2, 0.9, 0.88],
        ]
    )
    probs = fg.tensor([[0.0] * 4, [0.9, 0.8, 0.7, 0.1], [0.1, 0.2, 0.3, 0.9]])
    out = ops.multibox_detection(probs[None], fg.zeros(1, 16), anchors[None], nms_threshold=0.5)[0]
    assert out[:, 0].tolist() == [0, 1, -1, -1]
    assert np.allclose(out[:2, 1].tolist(), 0.9)
    assert np.allclose(out[1, 2:].tolist(), [0.55, 0.2, 0.9, 0.88])
