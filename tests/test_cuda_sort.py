"""Sorting, selecting, searching and counting on a CUDA device: every place as on the CPU."""

import math

import pytest

import fastgrad as fg
from cuda_common import assert_same, needs_cuda

pytestmark = [needs_cuda, pytest.mark.cuda]

# Rows of one tile and many rows in one; runs that are merged once, twice, and unevenly; lines that
# are no rows.
SHAPES = [
    ((0, 4), 1),
    ((), 0),
    ((600, 1), 1),
    ((300, 5), 1),
    ((7, 100), 1),
    ((2, 2048), 1),
    ((2, 2049), 1),
    ((10007,), 0),
    ((50, 9), 0),
    ((2, 300, 3), 1),
    ((4100, 2), 0),
]
DTYPES = ["float32", "float64", "int64", "int16", "uint8"]


def numbers(shape, dtype, seed=0):
    generator = fg.Generator().manual_seed(seed)
    x = (fg.randn(shape, generator=generator) * 20).round()  # many equal ones
    if dtype.startswith("float") and x.numel() > 20:
        flat = x.view(-1)
        flat[3::41] = math.nan
        flat[5::43] = -math.inf
        flat[7::31] = -0.0
    return (x if dtype.startswith("float") else x.abs() if dtype == "uint8" else x).to(
        getattr(fg, dtype)
    )


def assert_both_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


@pytest.mark.parametrize(("shape", "dim"), SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sort_and_topk(shape, dim, dtype):
    x = numbers(shape, dtype)
    on_device = x.cuda()
    for descending in (False, True):
        assert_both_same(on_device.sort(dim, descending), x.sort(dim, descending))
        k = (x.shape[dim] + 2) // 3 if shape else 1
        assert_both_same(on_device.topk(k, dim, descending), x.topk(k, dim, descending))


@pytest.mark.parametrize(("shape", "dim"), SHAPES[1:], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_selecting(shape, dim, dtype):
    x = numbers(shape, dtype)
    on_device = x.cuda()
    k = (x.shape[dim] + 1) // 2 if shape else 1
    assert_both_same(on_device.kthvalue(k, dim), x.kthvalue(k, dim))
    assert_both_same(on_device.median(dim), x.median(dim))
    assert_both_same(on_device.mode(dim), x.mode(dim))
    if x.is_floating_point():
        assert_both_same(on_device.nanmedian(dim), x.nanmedian(dim))


def test_signed_zeros_stay():
    x = fg.tensor([0.0, -0.0, 1.0, -0.0])
    assert math.copysign(1, x.cuda().sort().values.cpu()[1].item()) == -1


def test_gradients():
    x = numbers((20, 300), "int64").double() + fg.arange(300.0).double() / 1000
    results = []
    for t in (x.cuda().requires_grad_(), x.clone().requires_grad_()):
        values = t.sort(1).values
        (values * values.detach().cumsum(1) + t.median(1, True).values).sum().backward()
        results.append(t.grad)
    assert_same(*results, 100)


@pytest.mark.parametrize("dim", [None, 0, 1])
def test_unique(dim):
    x = numbers((300, 3), "int64") // 12
    found = fg.unique(x.cuda(), return_inverse=True, return_counts=True, dim=dim)
    assert_both_same(found, fg.unique(x, return_inverse=True, return_counts=True, dim=dim))


@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(right):
    sequences = fg.sort(numbers((3, 5000), "float32").nan_to_num(0.0)).values
    values = numbers((3, 70), "float32", 1)
    for s, v in (
        (sequences, values),
        (sequences[0], values),
        (sequences[:, ::2], values.t().contiguous().t()),
    ):
        assert_same(
            fg.searchsorted(s.cuda(), v.cuda(), right=right), fg.searchsorted(s, v, right=right)
        )


def test_searchsorted_with_a_sorter():
    x = fg.randn(500)
    order, values = fg.argsort(x), fg.randn(40)
    found = fg.searchsorted(x.cuda(), values.cuda(), sorter=order.cuda())
    assert_same(found, fg.searchsorted(x, values, sorter=order))
    with pytest.raises(RuntimeError, match="sorter index 500 is out of range"):
        fg.searchsorted(x.cuda(), values.cuda(), sorter=order.cuda() + 1)


@pytest.mark.parametrize("bins", [1, 7, 6000])
def test_bincount(bins):
    x = fg.randint(0, bins, (5000,))
    weights = fg.randn(5000)
    on_device = x.cuda()
    assert_same(on_device.bincount(minlength=3), x.bincount(minlength=3))
    assert_same(on_device.bincount(weights.cuda()), x.bincount(weights), 1e3)
    first = on_device.bincount(weights.cuda()).cpu().tolist()
    assert on_device.bincount(weights.cuda()).cpu().tolist() == first


def test_bincount_names_what_is_wrong():
    x = fg.tensor([3, 1, -2, 4])
    with pytest.raises(RuntimeError, match="got -2 at position 2"):
        x.cuda().bincount()
    assert_same(x[:0].cuda().bincount(minlength=2), x[:0].bincount(minlength=2))
