"""Reductions, extremes, norms and statistics: overloads, NaN, ties, kinks, names, errors."""

import math
import pickle

import numpy as np
import pytest

import fastgrad as fg
from parity import assert_same

pytestmark = pytest.mark.core
NAN, INF = math.nan, math.inf


def matrix(t):
    return t.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 6.0]])


def gaps(t):
    return t.tensor([[1.0, NAN, 3.0], [NAN, NAN, 2.0]])


def empty(t):
    return t.zeros(2, 0)


# What both libraries must agree on: results, or the type of the exception.
CALLS = {
    "sum of uint8": lambda t: t.tensor([200, 100], dtype=t.uint8).sum(),
    "sum as uint8": lambda t: t.tensor([200, 100], dtype=t.uint8).sum(dtype=t.uint8),
    "sum of bools as bool": lambda t: t.sum(matrix(t) > 1, dtype=t.bool),
    "sum over no dims is over all": lambda t: matrix(t).sum(()),
    "sum by NumPy's names": lambda t: matrix(t).sum(axis=1, keepdims=True),
    "mean of integers as floats": lambda t: matrix(t).long().mean(dtype=t.float64),
    "mean as integers": lambda t: matrix(t).mean(dtype=t.int64),
    "mean over an empty list": lambda t: matrix(t).mean(dim=[]),
    "prod by NumPy's names": lambda t: matrix(t).prod(axis=0, keepdims=True),
    "prod of bools as floats": lambda t: (matrix(t) > 1).prod(dtype=t.float32),
    "prod over two dims": lambda t: matrix(t).prod((0, 1)),
    "any over no dims is of each": lambda t: matrix(t).any(dim=()),
    "all over no dims is of each": lambda t: matrix(t).byte().all(dim=[]),
    "any over two dims": lambda t: t.any(matrix(t), (0, 1), keepdim=True),
    "all of uint8": lambda t: matrix(t).byte().all(0),
    "all by NumPy's names": lambda t: matrix(t).all(axis=0, keepdims=True),
    "nansum": lambda t: gaps(t).nansum(0),
    "nansum as float64": lambda t: gaps(t).nansum(dim=(0, 1), keepdim=True, dtype=t.float64),
    "nanmean": lambda t: gaps(t).nanmean(1),
    "nanmean of NaN": lambda t: gaps(t)[1, :2].nanmean(),
    "nanmean of integers": lambda t: matrix(t).long().nanmean(),
    "count_nonzero": lambda t: t.count_nonzero(gaps(t), (0, 1)),
    "logsumexp needs dim": lambda t: matrix(t).logsumexp(),
    "logsumexp of -inf": lambda t: t.tensor([[-INF, -INF], [0.0, -INF]]).logsumexp(1),
    "logsumexp of inf": lambda t: t.tensor([INF, 1.0, -INF]).logsumexp(0),
    "logsumexp of nothing": lambda t: empty(t).logsumexp(1),
    "max of both": lambda t: t.max(matrix(t), matrix(t) * -1),
    "max of other": lambda t: t.max(matrix(t), other=3 - matrix(t)),
    "min of dim": lambda t: t.min(matrix(t), dim=1, keepdim=True),
    "max by NumPy's names": lambda t: t.max(matrix(t), axis=1, keepdims=True),
    "max of NaN": lambda t: gaps(t).max(1),
    "min of NaN": lambda t: gaps(t).min(1),
    "max of bools": lambda t: t.tensor([False, True, True]).max(0),
    "max of nothing": lambda t: empty(t).max(),
    "max along nothing": lambda t: empty(t).max(1),
    "max of no lines": lambda t: empty(t).max(0),
    "max along nothing, 1-d": lambda t: t.zeros(0).max(0),
    "amax along nothing": lambda t: empty(t).amax(1),
    "amax of nothing": lambda t: empty(t).amax(),
    "amax over two dims": lambda t: matrix(t).amax((0, 1)),
    "amin by NumPy's names": lambda t: matrix(t).amin(axis=0, keepdims=True),
    "aminmax": lambda t: t.aminmax(gaps(t), dim=1, keepdim=True),
    "aminmax of all": lambda t: matrix(t).aminmax(),
    "argmax of nothing": lambda t: empty(t).argmax(),
    "argmax of bools": lambda t: t.tensor([True]).argmax(),
    "argmax of equals": lambda t: t.ones(3, 100).argmax(1),
    "argmax of NaN": lambda t: t.cat([t.zeros(99), t.tensor([NAN, 5.0, NAN])]).argmax(),
    "argmin of NaN": lambda t: t.cat([t.zeros(9), t.tensor([NAN, 5.0, NAN])]).argmin(),
    "argmax keeping dims": lambda t: matrix(t).argmax(keepdim=True),
    "argmax by NumPy's names": lambda t: matrix(t).argmax(axis=1, keepdims=True),
    "norm of columns": lambda t: matrix(t).norm(2, 0),
    "norm fro": lambda t: t.norm(matrix(t), "fro", dim=(0, 1), keepdim=True),
    "norm None": lambda t: matrix(t).norm(p=None),
    "norm 0 counts NaN": lambda t: gaps(t).norm(0),
    "norm -1 with a zero": lambda t: matrix(t).norm(-1, dim=1),
    "norm as float64": lambda t: matrix(t).norm(1.5, dtype=t.float64),
    "norm of integers": lambda t: matrix(t).long().norm(),
    "norm of an unknown name": lambda t: matrix(t).norm("max"),
    "norm of nothing": lambda t: empty(t).norm(dim=1),
    "norm inf of nothing": lambda t: empty(t).norm(INF, dim=1),
    "norm inf of no lines": lambda t: empty(t).norm(INF, dim=0),
    "norm -1 of nothing": lambda t: t.zeros(0).norm(-1),
    "dist inf": lambda t: t.dist(matrix(t), t.ones(3), INF),
    "var unbiased, by position": lambda t: matrix(t).var(0, False),
    "var unbiased alone": lambda t: matrix(t).var(False),
    "var keepdim, by position": lambda t: matrix(t).var(0, True, True),
    "var correction": lambda t: matrix(t).var(1, correction=2.5),
    "var correction None": lambda t: matrix(t).var(correction=None),
    "var with both": lambda t: matrix(t).var(0, True, correction=1),
    "var of integers": lambda t: matrix(t).long().var(),
    "var over no dims is over all": lambda t: matrix(t).var(()),
    "std by NumPy's names": lambda t: matrix(t).std(axis=0, keepdims=True),
    "std_mean": lambda t: t.std_mean(matrix(t), dim=1, keepdim=True, correction=0),
    "var_mean unbiased alone": lambda t: t.var_mean(matrix(t), False),
    "cov of one variable": lambda t: t.cov(matrix(t)[0]),
    "cov of a cube": lambda t: t.cov(t.zeros(1, 1, 1)),
    "cov of bools": lambda t: t.cov(matrix(t) > 1),
    "cov of integers": lambda t: matrix(t).long().cov(),
    "cov: negative weights": lambda t: t.cov(matrix(t), fweights=t.tensor([1, -2, 1])),
    "cov: number of weights": lambda t: t.cov(matrix(t), fweights=t.tensor([1, 2])),
    "cov: float frequencies": lambda t: t.cov(matrix(t), fweights=t.ones(3)),
    "corrcoef of a constant": lambda t: t.corrcoef(t.tensor([[1.0, 2, 3], [1, 1, 1]])),
    "quantile of NaN": lambda t: gaps(t).quantile(0.3, 1),
    "nanquantile of NaN": lambda t: gaps(t)[:, :2].nanquantile(t.tensor([0.5, 1.0]), 1),
    "quantile of infinities": lambda t: t.tensor([1.0, INF, INF]).quantile(t.tensor([0.2, 0.9])),
    "quantile: q out of range": lambda t: matrix(t).quantile(1.2),
    "quantile: dtype of q": lambda t: matrix(t).quantile(t.ones(1, dtype=t.float64)),
    "quantile: q a list": lambda t: matrix(t).quantile([0.5]),
    "quantile: q a matrix": lambda t: matrix(t).quantile(t.ones(1, 1)),
    "quantile of integers": lambda t: matrix(t).long().quantile(0.5),
    "quantile of nothing": lambda t: empty(t).quantile(0.5),
    "quantile: interpolation": lambda t: matrix(t).quantile(0.5, interpolation="up"),
    "quantile: dim": lambda t: matrix(t).quantile(0.5, 2),
    "quantile keeping dims": lambda t: matrix(t).quantile(t.tensor([0.5, 0.1]), 1, keepdim=True),
    "histc of its own limits": lambda t: t.histc(matrix(t), 4),
    "histc of one number": lambda t: t.histc(t.ones(3), 4),
    "histc of NaN": lambda t: gaps(t).histc(4, 0, 3),
    "histc of NaN without limits": lambda t: gaps(t).histc(4),
    "histc: limits": lambda t: matrix(t).histc(4, 3, 2),
    "histc: bins": lambda t: matrix(t).histc(0),
    "histc of integers": lambda t: matrix(t).long().histc(4),
    "histogram density": lambda t: t.histogram(matrix(t), 4, weight=matrix(t), density=True),
    "histogram of nothing": lambda t: t.histogram(t.zeros(0), 4),
    "histogram: edges and range": lambda t: t.histogram(
        matrix(t), t.tensor([0.0, 1, 5]), range=(0.0, 1.0)
    ),
    "bincount of bools": lambda t: t.bincount(t.tensor([True])),
    "bincount: integer weights": lambda t: t.bincount(t.tensor([1, 1]), t.tensor([1, 2])),
    "trapezoid: points": lambda t: t.trapezoid(matrix(t), t.ones(2)),
    "trapezoid of a number": lambda t: t.trapezoid(t.tensor(1.0)),
    "trapezoid: x and dx": lambda t: t.trapezoid(matrix(t), t.ones(3), dx=2),
    "trapz": lambda t: t.trapz(matrix(t).long(), dim=0),
    "cumulative_trapezoid": lambda t: t.cumulative_trapezoid(matrix(t), t.tensor([0.0, 1, 3])),
    "diff of bools": lambda t: (matrix(t) > 1).diff(),
    "diff more often than elements": lambda t: matrix(t).diff(n=5),
    "diff of a number": lambda t: t.tensor(1.0).diff(),
    "diff: negative": lambda t: matrix(t).diff(-1),
    "gradient of integers": lambda t: t.gradient(matrix(t).long(), dim=1),
    "gradient: too short": lambda t: t.gradient(t.ones(1)),
    "gradient: edge_order": lambda t: t.gradient(matrix(t), edge_order=3),
    "gradient: spacing": lambda t: t.gradient(matrix(t), spacing=[1.0, 2.0, 3.0]),
}


def outcome(call, lib):
    """What a call gives, as a tuple, or the type of the exception that it raises."""
    try:
        value = call(lib)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        kind = type(error)
        return RuntimeError if kind is NotImplementedError else kind
    return value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_results_and_errors_are_those_of_torch(torch, name):
    ours, theirs = outcome(CALLS[name], fg), outcome(CALLS[name], torch)
    if isinstance(theirs, type):
        assert ours is theirs
        return
    assert not isinstance(ours, type), ours
    for x, expected in zip(ours, theirs, strict=True):
        assert_same(x, expected, exact=False)


def slope(function, numbers, dtype=fg.float64):
    x = fg.tensor(numbers, dtype=dtype, requires_grad=True)
    y = function(x)
    (y if isinstance(y, fg.Tensor) else y[0]).sum().backward()
    return x.grad.tolist()


@pytest.mark.parametrize(
    ("function", "numbers", "expected"),
    [
        (lambda x: x.max(), [3.0, 3.0, 1.0], [0.5, 0.5, 0.0]),
        (lambda x: x.min(), [3.0, 1.0, 1.0], [0.0, 0.5, 0.5]),
        (lambda x: x.max(), [NAN, 3.0, 1.0], [1.0, 0.0, 0.0]),
        (lambda x: x.amax(0), [3.0, 3.0, 1.0], [0.5, 0.5, 0.0]),
        (lambda x: x.max(0), [3.0, 3.0, 1.0], [1.0, 0.0, 0.0]),
        (lambda x: x.aminmax(dim=0), [3.0, 1.0, 1.0], [0.0, 0.5, 0.5]),
        (lambda x: x.prod(), [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        (lambda x: x.prod(0), [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]),
        (lambda x: x.norm(), [0.0, 0.0], [0.0, 0.0]),
        (lambda x: x.norm(), [0.0, 3.0, 4.0], [0.0, 0.6, 0.8]),
        (lambda x: x.norm(1), [0.0, -3.0], [0.0, -1.0]),
        (lambda x: x.norm(INF), [3.0, -3.0, 1.0], [0.5, -0.5, 0.0]),
        (lambda x: x.norm(INF), [0.0, 0.0], [0.0, 0.0]),
        (lambda x: x.norm(0.5), [0.0, 3.0, -3.0], [0.0, 2.0, -2.0]),
        (lambda x: x.norm(-1), [0.0, 3.0], [0.0, 0.0]),
        (lambda x: x.norm(3), [0.0, 2.0], [0.0, 1.0]),
        (lambda x: fg.dist(x, fg.zeros(2, dtype=fg.float64)), [0.0, 0.0], [0.0, 0.0]),
        (lambda x: x.std(), [3.0, 3.0, 3.0], [0.0, 0.0, 0.0]),
        (lambda x: x.logsumexp(0), [-INF, 1.0], [0.0, 1.0]),
        (lambda x: x.nansum(), [3.0, NAN], [1.0, 0.0]),
        (lambda x: x.nanmean(), [3.0, NAN], [1.0, 0.0]),
        (lambda x: x.quantile(0.75), [1.0, 3.0, 2.0], [0.0, 0.5, 0.5]),
    ],
)
def test_gradient_where_the_function_has_a_kink(function, numbers, expected):
    assert slope(function, numbers) == pytest.approx(expected, abs=1e-12)


def test_second_gradient_of_a_product_with_zeros():
    x = fg.tensor([0.0, 2.0, 0.0], dtype=fg.float64, requires_grad=True)
    (grad,) = fg.autograd.grad(x.prod(), x, create_graph=True)
    (second,) = fg.autograd.grad(grad.sum(), x)
    assert second.tolist() == [2.0, 0.0, 2.0]


def test_variance_of_numbers_far_from_zero():
    x = fg.tensor([1e4 + k for k in range(100)])
    assert x.var().item() == pytest.approx(np.var(np.arange(100.0), ddof=1), rel=1e-6)
    assert (x + 1e6).std().item() == pytest.approx(np.std(np.arange(100.0), ddof=1), rel=1e-3)


@pytest.mark.parametrize("number", [2**63 - 1, 2**62, 2**50])
def test_numbers_that_no_machine_can_count_to(number):
    with pytest.raises(RuntimeError, match=r"bincount|elements|bytes"):
        fg.bincount(fg.tensor([1, number]))


def test_results_with_names():
    pair = fg.tensor([[1.0, 5.0], [7.0, 3.0]]).max(dim=1)
    values, indices = pair
    assert values is pair.values
    assert indices is pair.indices
    assert pair[1] is indices
    assert isinstance(pair, tuple)
    again = pickle.loads(pickle.dumps(pair))
    assert type(again) is type(pair)
    assert repr(again) == repr(pair)
    assert repr(pair) == (
        "torch.return_types.max(\nvalues=tensor([5., 7.]),\nindices=tensor([1, 0]))"
    )


def test_results_print_as_those_of_torch(torch):
    for call in (
        lambda t: t.ones(2, 2, requires_grad=True).min(1),
        lambda t: t.tensor([3, 1]).aminmax(),
        lambda t: t.tensor(3.0).sort(),
        lambda t: t.tensor([[3.0, 1], [2, 4]]).median(0, True),
    ):
        assert repr(call(fg)) == repr(call(torch))
