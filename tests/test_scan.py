"""Scans: NaN, ties, zeros, infinities, in-place forms, numbers of lines."""

import math

import numpy as np
import pytest

import fastgrad as fg
from test_reduction import slope

pytestmark = pytest.mark.core
NAN, INF = math.nan, math.inf


def test_running_extremes_name_the_last_of_equals_and_keep_nan():
    values, indices = fg.cummax(fg.tensor([1.0, 3.0, 3.0, NAN, 5.0, NAN, 3.0]), 0)
    assert str(values.tolist()) == str([1.0, 3.0, 3.0, NAN, NAN, NAN, NAN])
    assert indices.tolist() == [0, 1, 2, 3, 3, 5, 5]
    values, indices = fg.cummin(fg.tensor([3, 3, 1, 4, 1]), dim=0)
    assert values.tolist() == [3, 3, 1, 1, 1]
    assert indices.tolist() == [0, 1, 2, 2, 4]


def test_logcumsumexp_of_infinities():
    found = fg.logcumsumexp(fg.tensor([-INF, -INF, 0.0, INF, 1.0]), 0)
    assert found.tolist() == [-INF, -INF, 0.0, INF, INF]
    with pytest.raises(NotImplementedError, match=r"int64.*float"):
        fg.logcumsumexp(fg.tensor([1]), 0)


@pytest.mark.parametrize(
    ("function", "numbers", "expected"),
    [
        (lambda x: x.cumprod(0), [0.0, 2.0, 3.0], [9.0, 0.0, 0.0]),
        (lambda x: x.cumprod(0), [2.0, 0.0, 3.0, 0.0, 5.0], [1.0, 8.0, 0.0, 0.0, 0.0]),
        (lambda x: x.cumsum(0), [2.0, 0.0, 3.0], [3.0, 2.0, 1.0]),
        (lambda x: x.cummax(0), [1.0, 2.0, 2.0, 1.0], [1.0, 1.0, 2.0, 0.0]),
        (lambda x: x.cummin(0), [1.0, 2.0], [2.0, 0.0]),
        (lambda x: x.logcumsumexp(0)[2:], [-INF, -INF, 1.0], [0.0, 0.0, 1.0]),
        (lambda x: x.logcumsumexp(0)[1:], [0.0, -INF, 0.0], [1.5, 0.0, 0.5]),
    ],
)
def test_gradient_at_zeros_ties_and_infinities(function, numbers, expected):
    assert slope(function, numbers) == pytest.approx(expected, abs=1e-12)


def test_second_gradient_of_running_products_with_zeros():
    x = fg.tensor([2.0, 0.0, 3.0], dtype=fg.float64, requires_grad=True)
    (grad,) = fg.autograd.grad(x.cumprod(0)[2], x, create_graph=True)
    assert grad.tolist() == [0.0, 6.0, 0.0]
    (second,) = fg.autograd.grad(grad.sum(), x)
    assert second.tolist() == [3.0, 5.0, 2.0]


def test_dtypes_of_the_results():
    x = fg.tensor([100, 100], dtype=fg.uint8)
    assert x.cumsum(0).tolist() == [100, 200]
    assert x.cumsum(0).dtype is fg.int64
    assert x.cumsum(0, dtype=fg.int32).dtype is fg.int32
    assert x.cumprod(0, dtype=fg.uint8).tolist() == [100, 10000 % 256]
    assert fg.tensor([True, True]).cumsum(axis=0).tolist() == [1, 2]


def test_in_place_forms():
    x = fg.tensor([2, 3, 4], dtype=fg.int32)
    assert x.cumsum_(0) is x
    assert x.tolist() == [2, 5, 9]
    assert x.dtype is fg.int32
    leaf = fg.ones(3, requires_grad=True)
    y = leaf * 2
    y.cumprod_(0)
    y.sum().backward()
    assert leaf.grad.tolist() == [14.0, 12.0, 8.0]
    with pytest.raises(RuntimeError, match="bool"):
        fg.tensor([True]).cumsum_(0)


def test_a_dimension_must_be_named():
    with pytest.raises(TypeError, match="dim"):
        fg.ones(3).cumsum()
    with pytest.raises(IndexError, match="2"):
        fg.ones(3).cumprod(2)


def test_sums_of_floats_are_accumulated_in_double():
    x = np.full(1_000_000, 0.1, "float32")
    assert fg.tensor(x).cumsum(0)[-1].item() == pytest.approx(0.1 * 1e6, rel=1e-6)


def test_lines_side_by_side():
    x = np.random.default_rng(0).standard_normal((3, 50, 130))
    np.testing.assert_allclose(fg.tensor(x).cumsum(1).numpy(), x.cumsum(1), atol=1e-12)
    np.testing.assert_array_equal(fg.tensor(x).cummax(1)[0].numpy(), np.maximum.accumulate(x, 1))
