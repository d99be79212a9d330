"""Pools: one shape for each of their paths, and where the largest elements come from."""

import numpy as np
import pytest

import fastgrad as fg
from parity import assert_same

pytestmark = pytest.mark.core
F = fg.nn.functional

# An image, and the arguments of a pool.
PATHS = {
    "pairs, whole vectors": ((3, 4, 64, 64), (2,), {}),
    "pairs, a part of a vector": ((3, 6, 28, 28), (2,), {}),
    "pairs, odd sizes": ((2, 3, 7, 11), (2,), {"ceil_mode": True}),
    "pairs along the rows, overlapping down": ((2, 3, 9, 20), ((3, 2), (1, 2)), {}),
    "every second, overlapping": ((2, 3, 23, 41), (3, 2), {"padding": 1}),
    "neighbours": ((2, 3, 12, 37), (3, 1), {"padding": 1}),
    "every third": ((2, 3, 12, 37), (3,), {}),
    "few windows": ((2, 3, 9, 9), (3,), {}),
    "all of an image": ((2, 3, 6, 9), ((6, 9),), {}),
    "large windows": ((2, 2, 40, 40), ((17, 16), 2), {}),
}
DILATED = {
    "dilated": ((2, 3, 15, 40), (2, 2), {"dilation": 3}),
    "dilated neighbours": ((2, 3, 15, 40), (3, 1), {"dilation": 2, "padding": 1}),
}


def pooled(t, name, array, args, options):
    x = t.tensor(array, requires_grad=True)
    y = getattr(t.nn.functional, name)(x, *args, **options)
    y, indices = y if isinstance(y, tuple) else (y, None)
    upstream = np.random.default_rng(1).standard_normal(y.shape).astype(array.dtype)
    y.backward(t.tensor(upstream))
    return y.detach(), x.grad, indices


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "args", "options"), (PATHS | DILATED).values(), ids=PATHS | DILATED
)
def test_largest_elements(torch, shape, args, options, dtype):
    array = np.random.default_rng(0).integers(-9, 9, shape).astype(dtype)  # with ties
    options = options | {"return_indices": True}
    ours, theirs = (pooled(t, "max_pool2d", array, args, options) for t in (fg, torch))
    for a, b in zip(ours, theirs, strict=True):
        assert_same(a, b, exact=a is not ours[1])


@pytest.mark.parametrize(("shape", "args", "options"), PATHS.values(), ids=PATHS)
def test_averages(torch, shape, args, options):
    array = np.random.default_rng(0).standard_normal(shape).astype("float32")
    for counted in (True, False):
        given = options | {"count_include_pad": counted}
        ours, theirs = (pooled(t, "avg_pool2d", array, args, given) for t in (fg, torch))
        for a, b in zip(ours[:2], theirs[:2], strict=True):
            assert_same(a, b, exact=False)


@pytest.mark.parametrize("name", PATHS)
def test_nans_and_infinities(torch, name):
    shape, args, options = PATHS[name]
    rng = np.random.default_rng(0)
    array = rng.choice([np.nan, -np.inf, np.inf, 0.0, 1.0], shape, p=[0.1, 0.3, 0.1, 0.2, 0.3])
    options = options | {"return_indices": True}
    ours, theirs = (
        t.nn.functional.max_pool2d(t.tensor(array.astype("float32")), *args, **options)
        for t in (fg, torch)
    )
    for a, b in zip(ours, theirs, strict=True):
        assert_same(a, b)


@pytest.mark.parametrize("sizes", [(1, 1), (5, 7), (3, 20)])
def test_adaptive_pools(torch, sizes):
    array = np.random.default_rng(0).standard_normal((2, 3, 20, 35))
    for name, options in (("max", {"return_indices": True}), ("avg", {})):
        name = f"adaptive_{name}_pool2d"
        ours, theirs = (pooled(t, name, array, (sizes,), options) for t in (fg, torch))
        for a, b in zip(ours, theirs, strict=True):
            if b is not None:
                assert_same(a, b, exact=False)


@pytest.mark.parametrize("kernel", [2, 17])
def test_gradients_of_gradients(kernel):
    x = fg.randn(1, 2, 20, 20, dtype=fg.float64, requires_grad=True)
    assert fg.autograd.gradgradcheck(lambda x: F.max_pool2d(x, kernel) ** 2, x)
