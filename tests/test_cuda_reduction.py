"""Reductions and scans on a CUDA device: the geometries that decide which kernel runs."""

import math

import pytest

import fastgrad as fg
from cuda_common import assert_same, needs_cuda

pytestmark = [needs_cuda, pytest.mark.cuda]

# Rows of one thread, of a few lanes, of a warp and of a block, and in pieces; columns short, long,
# few, many, and in pieces.
SHAPES = [
    ((1000, 3), 1),
    ((70, 40), 1),
    ((9, 1000), 1),
    ((5, 3001), 1),
    ((2, 20001), 1),
    ((300001,), 0),
    ((700000,), 0),
    ((3, 5, 7), 1),
    ((300, 129), 0),
    ((3000, 3), 0),
    ((20000, 8), 0),
    ((2, 1500, 64), 1),
    ((2, 3, 40000), 1),
    ((4, 9, 5, 6), (0, 2, 3)),
    ((4, 9, 50, 6), (1, 3)),
]
DTYPES = ["float32", "float64", "int32", "uint8"]


def numbers(shape, dtype="float32", seed=0):
    generator = fg.Generator().manual_seed(seed)
    if dtype.startswith("float"):
        return fg.randn(shape, generator=generator, dtype=getattr(fg, dtype))
    return fg.randint(0, 9, shape, generator=generator).to(getattr(fg, dtype))


@pytest.mark.parametrize(("shape", "dim"), SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions(shape, dim, dtype):
    x = numbers(shape, dtype)
    on_device = x.cuda()
    scale = 10 * math.sqrt(x.numel())
    assert_same(on_device.sum(dim), x.sum(dim), scale)
    assert_same(on_device.amax(dim), x.amax(dim))
    assert_same(on_device.amin(dim), x.amin(dim))
    assert_same(fg.count_nonzero(on_device, dim), fg.count_nonzero(x, dim))
    assert_same((on_device > 0).all(dim), (x > 0).all(dim))
    assert_same((on_device > 2).any(dim), (x > 2).any(dim))


@pytest.mark.parametrize(("shape", "dim"), [s for s in SHAPES if isinstance(s[1], int)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_places_of_extremes(shape, dim, dtype):
    x = (numbers(shape, dtype) * 3).round()  # many equal ones
    on_device = x.cuda()
    for name in ("max", "min"):
        found, expected = getattr(on_device, name)(dim), getattr(x, name)(dim)
        assert_same(found.values, expected.values)
        assert_same(found.indices, expected.indices)


@pytest.mark.parametrize(
    ("shape", "dim"), [((5, 3001), 1), ((3001, 40), 0), ((20001,), 0)], ids=str
)
def test_the_first_nan_wins(shape, dim):
    x = numbers(shape)
    flat = x.view(-1)
    flat[x.numel() // 2 :: 701] = math.nan
    on_device = x.cuda()
    for name in ("max", "min"):
        found, expected = getattr(on_device, name)(dim), getattr(x, name)(dim)
        assert_same(found.indices, expected.indices)
        assert_same(found.values, expected.values)
    assert_same(on_device.amax(dim), x.amax(dim))


def test_sums_of_nothing():
    x = fg.zeros(3, 0, 2)
    assert_same(x.cuda().sum(1), x.sum(1))
    assert_same(x.cuda().prod(), x.prod())
    assert_same(x.cuda().sum(0), x.sum(0))


def test_a_long_sum_is_exact():
    x = fg.full((3_000_000,), 0.1)
    expected = 3_000_000 * float(fg.tensor(0.1))
    assert abs(x.cuda().sum().item() - expected) <= 1e-6 * expected


def test_products():
    x = numbers((7, 3001), "float64").abs() ** 1e-3
    assert_same(x.cuda().prod(1), x.prod(1), 100)
    assert_same(x.cuda().prod(0), x.prod(0), 100)


def test_transposed_and_strided():
    x = numbers((40, 50, 60))
    for view in (
        lambda t: t.transpose(0, 2),
        lambda t: t[::3, 1:, ::2],
        lambda t: t[:, :1].expand(40, 9, 60),
    ):
        assert_same(view(x.cuda()).sum(1), view(x).sum(1), 100)
        assert_same(view(x.cuda()).sum((0, 2)), view(x).sum((0, 2)), 100)
        assert_same(view(x.cuda()).max(1).indices, view(x).max(1).indices)


def test_gradients():
    x = numbers((30, 40), "float64")
    results = []
    for t in (x.cuda().requires_grad_(), x.clone().requires_grad_()):
        (t.sum(0) * t.amax(1).sum() + t.cumsum(1).prod(1).sum()).sum().backward()
        results.append(t.grad)
    assert_same(*results, 1e3)


def test_the_same_bits_each_time():
    x = numbers((3, 50001)).cuda()
    for function in (
        lambda t: t.sum(1),
        lambda t: t.sum(0),
        lambda t: t.cumsum(1),
        lambda t: t.cumsum(0),
    ):
        first = function(x).cpu().tolist()
        assert all(function(x).cpu().tolist() == first for _ in range(3))


# Short and long rows, in pieces; columns of one thread and in pieces.
SCANS = [
    ((0, 5), 1),
    ((50, 3), 1),
    ((9, 70), 1),
    ((3, 700), 1),
    ((2, 5000), 1),
    ((30001,), 0),
    ((5, 6, 7), 1),
    ((3000, 5), 0),
    ((2, 300, 90), 1),
]


@pytest.mark.parametrize(("shape", "dim"), SCANS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_scans(shape, dim, dtype):
    x = numbers(shape, dtype)
    on_device = x.cuda()
    assert_same(on_device.cumsum(dim), x.cumsum(dim), 10)
    assert_same((on_device % 2 + 1).cumprod(dim), (x % 2 + 1).cumprod(dim), 1e3)
    if x.is_floating_point():
        assert_same(on_device.logcumsumexp(dim), x.logcumsumexp(dim), 10)


@pytest.mark.parametrize(("shape", "dim"), SCANS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_running_extremes(shape, dim, dtype):
    x = (numbers(shape, dtype) * 2).round()
    if dtype == "float32" and x.numel() > 100:
        x.view(-1)[x.numel() // 2 :: 97] = math.nan
    on_device = x.cuda()
    for name in ("cummax", "cummin"):
        found, expected = getattr(on_device, name)(dim), getattr(x, name)(dim)
        assert_same(found.values, expected.values)
        assert_same(found.indices, expected.indices)


@pytest.mark.parametrize(("shape", "dim"), [((4, 60), 1), ((3, 5000), 1), ((700, 5), 0)], ids=str)
def test_gradients_of_running_products(shape, dim):
    x = numbers(shape, "float64").abs() + 0.5
    x.view(-1)[::37] = 0
    results = []
    for t in (x.cuda().requires_grad_(), x.clone().requires_grad_()):
        t.cumprod(dim).sum().backward()
        results.append(t.grad)
    assert_same(*results, 1e3)


@pytest.mark.parametrize("p", [0, 1, 2, 3, math.inf])
def test_distances(p):
    a, b = numbers((2, 19, 35)), numbers((2, 33, 35), seed=1)
    a[0, 3] = b[0, 4]
    mode = "donot_use_mm_for_euclid_dist"
    assert_same(fg.cdist(a.cuda(), b.cuda(), p, mode), fg.cdist(a, b, p, mode), 10)


def test_distances_by_a_product():
    """Rounding of their squares, of differences of numbers near 100, is all that differs."""
    a, b = numbers((2, 19, 35)), numbers((2, 33, 35), seed=1)
    a[0, 3] = b[0, 4]
    found, expected = fg.cdist(a.cuda(), b.cuda()), fg.cdist(a, b)
    assert_same(found.square(), expected.square(), 10)


@pytest.mark.parametrize("diagonal", [-3, 0, 2, 90])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint8"])
def test_triangles(diagonal, dtype):
    x = (numbers((2, 30, 41)) * 9 + 1).to(getattr(fg, dtype))
    assert_same(x.cuda().tril(diagonal), x.tril(diagonal))
    assert_same(x.cuda().triu(diagonal), x.triu(diagonal))
    assert_same(x.cuda().mT.triu(diagonal), x.mT.triu(diagonal))
