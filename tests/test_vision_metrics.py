"""Average precision and intersection over union, by their definitions."""

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad.vision.metrics import (
    average_precision,
    class_iou,
    mean_average_precision,
    mean_iou,
)


def true(*rows):
    """Rows of (label, x, y), each a box of ten by ten."""
    table = fg.tensor(rows, dtype=fg.float32).reshape(-1, 3)
    return {"boxes": fg.cat([table[:, 1:], table[:, 1:] + 10], 1), "labels": table[:, 0].long()}


def said(*rows):
    """The same with a score at the end of each row."""
    return true(*[row[:3] for row in rows]) | {"scores": fg.tensor([float(row[3]) for row in rows])}


def test_a_case_counted_by_hand():
    """Hit, miss, hit of three: precision is 1 up to a recall of 1/3, then 2/3 up to 2/3."""
    preds = [said((0, 0, 0, 0.9), (0, 50, 50, 0.8)), said((0, 1, 0, 0.7))]
    target = [true((0, 0, 0)), true((0, 0, 0), (0, 30, 30))]
    assert average_precision(preds, target)[0] == pytest.approx((34 + 33 * 2 / 3) / 101)


def test_a_true_box_is_hit_once():
    target = [true((0, 0, 0), (0, 80, 80))]
    twice = [said((0, 0, 0, 0.9), (0, 1, 0, 0.8), (0, 80, 80, 0.7))]
    assert average_precision(twice, target)[0] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_a_box_goes_to_the_nearest_true_one_that_is_left():
    target = [true((0, 0, 0), (0, 2, 0))]
    assert average_precision([said((0, 1, 0, 0.9), (0, 0, 0, 0.8))], target)[0] == 1
    assert average_precision([said((0, 2, 0, 0.9), (0, 0, 0, 0.8))], target)[0] == 1


def test_classes_and_images_are_kept_apart():
    target = [true((0, 0, 0), (1, 50, 50)), true((2, 0, 0))]
    preds = [said((1, 0, 0, 0.9), (1, 50, 50, 0.5)), said((0, 0, 0, 0.8))]
    assert average_precision(preds, target) == {0: 0, 1: 0.5, 2: 0}
    assert mean_average_precision(preds, target, [0.5]) == pytest.approx(1 / 6)


def test_a_hundred_boxes_of_a_class_count():
    target = [true((0, 0, 0))]
    early = [(0, 50, 50, 1 - i / 1000) for i in range(100)]
    assert average_precision([said(*early[:99], (0, 0, 0, 0.1))], target)[0] == pytest.approx(0.01)
    assert average_precision([said(*early, (0, 0, 0, 0.1))], target)[0] == 0


def test_the_overlap_that_a_threshold_asks_for():
    """A shift by one of ten is an intersection over union of 9/11."""
    preds, target = [said((0, 1, 0, 0.9))], [true((0, 0, 0))]
    hits = [average_precision(preds, target, t)[0] for t in (0.5, 0.8, 9 / 11 - 1e-6, 0.82)]
    assert hits == [1, 1, 1, 0]
    assert mean_average_precision(preds, target) == pytest.approx(0.7)


def test_nothing_said_and_nothing_to_be_found():
    assert average_precision([said()], [true((4, 0, 0))]) == {4: 0}
    assert average_precision([said((4, 0, 0, 0.9))], [true()]) == {}
    assert isnan(mean_average_precision([], []))


@given(st.data())
def test_the_order_of_images_and_boxes_changes_nothing(data):
    rows = st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(0, 20))
    target = [data.draw(st.lists(rows, max_size=4)) for _ in range(3)]
    preds = [data.draw(st.lists(rows, max_size=6)) for _ in range(3)]
    scores = iter(data.draw(st.permutations(range(18))))
    preds = [[(*row, next(scores)) for row in image] for image in preds]
    value = average_precision([said(*p) for p in preds], [true(*t) for t in target], 0.4)
    turned = average_precision(
        [said(*p[::-1]) for p in preds[::-1]], [true(*t) for t in target[::-1]], 0.4
    )
    assert turned == pytest.approx(value)


def test_errors_of_average_precision():
    with pytest.raises(ValueError, match="the same images, got 1 and 0"):
        average_precision([said()], [])
    bad = said((0, 0, 0, 0.5)) | {"scores": fg.zeros(2)}
    with pytest.raises(ValueError, match=r"scores \[N\] of image 0, got \[1, 4\] and \[2\]"):
        average_precision([bad], [true()])
    with pytest.raises(KeyError, match="scores"):
        average_precision([true()], [true()])
    with pytest.raises(ValueError, match=r"above 0, up to 1, got \[0\]"):
        average_precision([], [], 0)
    with pytest.raises(ValueError, match="at least one threshold"):
        mean_average_precision([], [], [])


@given(st.data())
def test_intersection_over_union_is_scikit_learns(data):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    high = data.draw(st.integers(1, 4))
    first, second = rng.integers(0, high, (2, 2, 3, 5))
    found = class_iou(fg.tensor(first), fg.tensor(second), 5)
    present = sorted({*first.ravel(), *second.ravel()})
    expected = metrics.jaccard_score(second.ravel(), first.ravel(), labels=present, average=None)
    np.testing.assert_allclose(found.numpy()[present], expected, rtol=1e-6)
    assert found.isnan().sum() == 5 - len(present)
    mean = mean_iou(fg.tensor(first), fg.tensor(second), 5)
    assert mean == pytest.approx(expected.mean(), rel=1e-6)


def test_ignored_pixels_do_not_count():
    preds, target = fg.tensor([0, 1, 1, 0]), fg.tensor([0, 1, 255, 255])
    assert class_iou(preds, target, 2, ignore_index=255).tolist() == [1, 1]


def test_errors_of_intersection_over_union():
    with pytest.raises(ValueError, match=r"one shape, got \[2\] and \[3\]"):
        class_iou(fg.zeros(2), fg.zeros(3), 2)
    with pytest.raises(ValueError, match="from 0 to 1, got a truth of 0 to 255"):
        class_iou(fg.tensor([0, 0]), fg.tensor([0, 255]), 2)
    with pytest.raises(ValueError, match="got a prediction of -1 to 0"):
        mean_iou(fg.tensor([0, -1]), fg.tensor([0, 1]), 2)
