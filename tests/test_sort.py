"""Sorting, selecting and searching: ties, NaN, zeros, lengths, named results, errors."""

import math

import numpy as np
import pytest

import fastgrad as fg
from parity import assert_same
from test_reduction import outcome, slope

pytestmark = pytest.mark.core
NAN, INF = math.nan, math.inf
TIES = [2.0, NAN, 1.0, 2.0, -INF, 1.0, NAN, -0.0, 0.0]


def test_equal_elements_keep_their_order():
    x = fg.tensor(TIES)
    assert x.sort().indices.tolist() == [4, 7, 8, 2, 5, 0, 3, 1, 6]
    assert x.sort(descending=True).indices.tolist() == [1, 6, 0, 3, 2, 5, 7, 8, 4]
    assert x.argsort().tolist() == x.sort().indices.tolist()
    assert str(x.sort().values.tolist()) == str([-INF, -0.0, 0.0, 1.0, 1.0, 2.0, 2.0, NAN, NAN])
    assert fg.tensor(TIES[:-2]).topk(4).indices.tolist() == [1, 6, 0, 3]
    assert x.topk(3, largest=False).indices.tolist() == [4, 7, 8]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "int16", "uint8"])
@pytest.mark.parametrize("n", [1, 2, 199, 200, 201, 5000])
@pytest.mark.parametrize("descending", [False, True])
def test_long_lines_with_ties(dtype, n, descending):
    numbers = np.random.default_rng(n).integers(0, 100, (3, n)).astype(dtype)
    if dtype not in ("uint8",):
        numbers -= 50
    values, indices = fg.tensor(numbers).sort(1, descending)
    signed = numbers.astype("float64") * (-1 if descending else 1)
    order = np.argsort(signed, 1, kind="stable")
    np.testing.assert_array_equal(indices.numpy(), order)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(numbers, order, 1))


def test_numbers_at_the_ends_of_a_dtype():
    for dtype in (fg.int64, fg.int32, fg.float32, fg.float64):
        low, high = (-INF, INF) if dtype.is_floating_point else _limits(dtype)
        x = fg.tensor([0, high, low, -1, 1] * 60, dtype=dtype)
        assert x.sort().values[::60].tolist() == [low, -1, 0, 1, high]
        assert x[:5].sort(descending=True).values.tolist() == [high, 1, 0, -1, low]


def _limits(dtype):
    bits = {fg.int64: 63, fg.int32: 31}[dtype]
    return -(2**bits), 2**bits - 1


def test_topk_of_few_and_of_many():
    numbers = np.random.default_rng(0).permutation(1000)
    x = fg.tensor(numbers)
    for k in (0, 1, 15, 16, 500, 999, 1000):
        values, indices = x.topk(k)
        assert values.tolist() == list(range(999, 999 - k, -1))
        assert numbers[indices.numpy()].tolist() == values.tolist()
        assert sorted(x.topk(k, sorted=False).values.tolist()) == sorted(values.tolist())


def test_medians_of_nan():
    x = fg.tensor([[3.0, 1.0, 2.0, 2.0], [NAN, 1.0, NAN, 2.0], [NAN] * 4])
    assert str(x.median(1).values.tolist()) == str([2.0, NAN, NAN])
    assert x.median(1).indices.tolist()[1:] == [0, 0]
    assert str(x.nanmedian(1).values.tolist()) == str([2.0, 1.0, NAN])
    assert math.isnan(x.median().item())
    assert x.nanmedian().item() == 2.0
    assert math.isnan(fg.zeros(0).median().item())


def test_mode_of_equal_frequencies_is_the_smallest():
    assert fg.tensor([3, 1, 1, 3, 2]).mode() == (fg.tensor(1), fg.tensor(2))
    assert fg.tensor([3.0, NAN, NAN, NAN, 2.0]).mode().indices.item() == 4
    assert fg.tensor([[3, 1, 1], [2, 2, 0]]).mode(0, True).values.tolist() == [[2, 1, 0]]


@pytest.mark.parametrize(
    ("function", "numbers", "expected"),
    [
        (lambda x: x.sort(), [2.0, 1.0], [1.0, 1.0]),
        (lambda x: x.topk(2), [1.0, 2.0, 2.0, 0.0], [0.0, 1.0, 1.0, 0.0]),
        (lambda x: x.kthvalue(2), [3.0, 1.0, 2.0], [0.0, 0.0, 1.0]),
        (lambda x: x.median(0), [3.0, 1.0, 2.0], [0.0, 0.0, 1.0]),
        (lambda x: x.median(), [3.0, 3.0, 1.0, 4.0], [0.5, 0.5, 0.0, 0.0]),
        (lambda x: x.median(), [3.0, NAN, NAN], [0.0, 0.5, 0.5]),
        (lambda x: x.nanmedian(), [3.0, NAN, NAN], [1.0, 0.0, 0.0]),
        (lambda x: x.mode(), [1.0, 2.0, 1.0], [0.0, 0.0, 1.0]),
    ],
)
def test_gradient_goes_to_the_chosen(function, numbers, expected):
    assert slope(function, numbers) == expected


def test_unique_of_nan_and_of_zeros():
    assert str(fg.unique(fg.tensor([3.0, NAN, NAN])).tolist()) == str([3.0, NAN, NAN])
    assert str(fg.unique(fg.tensor([-0.0, 0.0])).tolist()) == "[-0.0]"
    values, inverse, counts = fg.unique(fg.zeros(0), return_inverse=True, return_counts=True)
    assert values.shape == inverse.shape == counts.shape == (0,)


def test_unique_keeps_no_link_to_the_graph():
    assert not fg.unique(fg.ones(2, requires_grad=True)).requires_grad


def test_searching_for_nan():
    sequence = fg.tensor([1.0, 3.0, NAN])
    assert fg.searchsorted(sequence, fg.tensor([NAN, 3.0, 4.0])).tolist() == [3, 1, 3]


def test_searching_where_a_sorter_says_the_order():
    sequence = fg.tensor([[5, 3, 1], [2, 4, 0]])
    found = fg.searchsorted(sequence, fg.tensor([[3, 9], [0, 3]]), sorter=sequence.argsort())
    assert found.tolist() == [[1, 3], [0, 2]]


def line(t):
    return t.tensor([1, 3, 5])


CALLS = {
    "sort of a number": lambda t: t.tensor(3.0).sort(-1),
    "sort of a number: dim": lambda t: t.tensor(3.0).sort(1),
    "sort of bools": lambda t: t.tensor([True, False]).sort(),
    "sort stable None": lambda t: line(t).sort(stable=None, descending=True),
    "argsort by name": lambda t: line(t).argsort(dim=0, descending=True, stable=True),
    "topk: too many": lambda t: line(t).topk(4),
    "topk: negative": lambda t: line(t).topk(-1),
    "topk of a number": lambda t: t.tensor(3.0).topk(1),
    "topk of bools": lambda t: t.tensor([True]).topk(1),
    "topk of nothing": lambda t: t.zeros(2, 0).topk(0),
    "kthvalue: 0": lambda t: line(t).kthvalue(0),
    "kthvalue: too many": lambda t: line(t).kthvalue(4),
    "kthvalue of a number": lambda t: t.tensor(3.0).kthvalue(1),
    "kthvalue of NaN": lambda t: t.tensor([3.0, NAN, 1]).kthvalue(3, keepdim=True),
    "kthvalue of bools": lambda t: t.tensor([True]).kthvalue(1),
    "kthvalue of nothing": lambda t: t.zeros(2, 0).kthvalue(1),
    "kthvalue of no lines": lambda t: t.zeros(0, 2).kthvalue(1),
    "median along nothing": lambda t: t.zeros(2, 0).median(1),
    "median of no lines": lambda t: t.zeros(0, 2).median(1),
    "median of bools": lambda t: t.tensor([True]).median(),
    "median by NumPy's names": lambda t: t.ones(2, 2).median(axis=1, keepdims=True),
    "mode of nothing": lambda t: t.zeros(2, 0).mode(),
    "mode of bools": lambda t: t.tensor([True, False, True]).mode(),
    "unique: sorted": lambda t: t.unique(line(t), 1),
    "unique of a number": lambda t: t.unique(t.tensor(5)),
    "unique of a number: dim": lambda t: t.unique(t.tensor(5), dim=0),
    "unique: dim": lambda t: t.unique(line(t), dim=1),
    "unique of empty slices": lambda t: t.unique(t.zeros(3, 0), dim=0),
    "unique of no slices": lambda t: t.unique(t.zeros(0, 3), dim=0),
    "unique_consecutive of nothing": lambda t: t.unique_consecutive(t.zeros(0)),
    "searchsorted a number": lambda t: t.searchsorted(line(t), 3.5),
    "searchsorted of floats": lambda t: t.searchsorted(line(t), t.tensor([3.5])),
    "searchsorted: side": lambda t: t.searchsorted(line(t), line(t), side="right"),
    "searchsorted: wrong side": lambda t: t.searchsorted(line(t), line(t), side="up"),
    "searchsorted: both sides": lambda t: t.searchsorted(line(t), line(t), side="left", right=True),
    "searchsorted: int32": lambda t: t.searchsorted(line(t), line(t), out_int32=True),
    "searchsorted: sequences": lambda t: t.searchsorted(t.ones(2, 3), t.ones(3)),
    "searchsorted: a number": lambda t: t.searchsorted(t.ones(2, 3), 1.0),
    "searchsorted in a number": lambda t: t.searchsorted(t.tensor(1), line(t)),
    "searchsorted: bools": lambda t: t.searchsorted(t.tensor([True]), t.tensor([True])),
    "searchsorted: sorter": lambda t: t.searchsorted(line(t), 3, sorter=t.tensor([0, 1, 9])),
    "searchsorted: sorter shape": lambda t: t.searchsorted(line(t), 3, sorter=t.tensor([0, 1])),
    "searchsorted: sorter dtype": lambda t: t.searchsorted(line(t), 3, sorter=t.ones(3)),
    "searchsorted of NaN": lambda t: t.searchsorted(
        t.tensor([1.0, 3.0, NAN]), t.tensor([NAN, 3.0, 4.0]), right=True
    ),
    "bucketize a number": lambda t: t.bucketize(3, line(t), right=True),
    "bucketize: boundaries": lambda t: t.bucketize(3, t.ones(1, 3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_results_and_errors_are_those_of_torch(torch, name):
    ours, theirs = outcome(CALLS[name], fg), outcome(CALLS[name], torch)
    if isinstance(theirs, type):
        assert ours is theirs
        return
    assert not isinstance(ours, type), ours
    for x, expected in zip(ours, theirs, strict=True):
        assert_same(x, expected)
