"""Convolutions of float32 that go over the images directly: one shape for each of their paths."""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastgrad as fg

pytestmark = pytest.mark.core
ISAS = fg._core.build_info()["isas"]

# An image, a weight, options. "many" and "few" filters (of a group) have kernels of their own, in
# the forward and in the gradient of the weight; the gradient of the image, where the stride is 1,
# is a forward from filters to channels.
PATHS = {
    "many: whole tiles": ((2, 64, 14, 14), (64, 64, 3, 3), {"padding": 1}),
    "many: tails of everything": (
        (2, 33, 17, 19),
        (45, 33, 3, 3),
        {"padding": 1},
    ),
    "many: in place": ((3, 6, 14, 14), (16, 6, 5, 5), {}),
    "many: every second element": ((2, 33, 17, 19), (45, 33, 3, 3), {"padding": 1, "stride": 2}),
    "many: every third element": ((2, 3, 23, 23), (20, 3, 7, 7), {"padding": 3, "stride": 3}),
    "many: one vector of filters": ((2, 5, 30, 30), (12, 5, 3, 3), {"padding": 4, "dilation": 2}),
    "many: groups": ((2, 34, 17, 19), (40, 17, 3, 3), {"groups": 2, "padding": 1, "dilation": 2}),
    "many: several images at once": ((41, 300, 4, 4), (130, 300, 3, 3), {"padding": 1}),
    "many: several blocks of rows": ((2, 5, 60, 60), (30, 5, 3, 3), {"padding": 1}),
    "many: wide panels of narrow images": ((2, 8, 5, 5), (100, 8, 3, 3), {"padding": 1}),
    "many: one dimension": ((2, 5, 300), (40, 5, 3), {"padding": 2}),
    "many: three dimensions": (
        (2, 4, 5, 9, 8),
        (20, 4, 3, 3, 2),
        {"padding": (1, 2, 0), "stride": (2, 1, 1)},
    ),
    "tiles: whole": ((2, 64, 32, 32), (64, 64, 3, 3), {"padding": 1}),
    "tiles: odd sizes, tails of everything": ((3, 33, 31, 37), (45, 33, 3, 3), {"padding": 1}),
    "tiles: several images at once": ((20, 64, 8, 8), (130, 64, 3, 3), {"padding": 1}),
    "tiles: several blocks of channels": ((9, 400, 8, 8), (140, 400, 3, 3), {"padding": 1}),
    "tiles: long rows": ((2, 32, 9, 301), (33, 32, 3, 3), {"padding": 1}),
    "tiles: no padding": ((2, 32, 40, 35), (40, 32, 3, 3), {}),
    "tiles: paddings of two and none": ((2, 32, 40, 35), (40, 32, 3, 3), {"padding": (2, 0)}),
    "few": ((2, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    "few: rows of four, two and one": ((2, 3, 11, 35), (5, 3, 3, 3), {"padding": 1}),
    "few: more filters than a tile": ((2, 3, 9, 18), (8, 3, 3, 3), {"padding": 1}),
    "few: depthwise": ((2, 24, 17, 30), (24, 1, 3, 3), {"groups": 24, "padding": 1}),
    "few: depthwise, every second": (
        (2, 8, 30, 17),
        (16, 1, 3, 3),
        {"groups": 8, "padding": 1, "stride": 2},
    ),
    "few: one dimension": ((2, 5, 150), (3, 5, 4), {"padding": 3}),
    "few: three dimensions": ((2, 3, 4, 5, 20), (4, 3, 2, 2, 3), {"padding": 1}),
    "pixels behind the last window": ((2, 8, 8), (20, 8, 3), {"stride": 2}),
    "pixels behind the last window, few": ((2, 8, 8), (2, 8, 3), {"stride": 2}),
    "pixels behind the last window, two dimensions": (
        (2, 8, 7, 6),
        (17, 8, 4, 3),
        {"stride": (3, 2), "padding": (1, 0)},
    ),
    "padding larger than the image": ((2, 20, 3, 2), (12, 20, 3, 3), {"padding": 5}),
    "padding larger than the kernel": ((2, 3, 9, 9), (20, 3, 2, 2), {"padding": 4}),
    "one window": ((3, 20, 5, 5), (24, 20, 5, 5), {}),
    "columns instead: huge dilation": (
        (1, 2, 3, 3),
        (3, 2, 2, 2),
        {"padding": 40000, "dilation": 80000},
    ),
}


def gradients(t, arrays, options, dtype):
    leaves = [t.tensor(a, dtype=dtype, requires_grad=True) for a in arrays]
    y = getattr(t.nn.functional, f"conv{arrays[0].ndim - 2}d")(*leaves, **options)
    upstream = np.random.default_rng(1).standard_normal(y.shape)
    y.backward(t.tensor(upstream, dtype=dtype))
    return [y.detach(), *(leaf.grad for leaf in leaves)]


def check(found, expected):
    for ours, exact in zip(found, expected, strict=True):
        scale = exact.abs().max().item()
        np.testing.assert_allclose(ours.numpy(), exact.numpy(), rtol=0, atol=2e-6 * scale)


def arrays_of(shape, weight):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s) for s in (shape, weight, weight[:1])]


@pytest.mark.parametrize(("shape", "weight", "options"), PATHS.values(), ids=PATHS)
def test_every_path(torch, shape, weight, options):
    arrays = arrays_of(shape, weight)
    check(
        gradients(fg, arrays, options, fg.float32), gradients(torch, arrays, options, torch.float64)
    )


@pytest.mark.parametrize(("shape", "weight", "options"), PATHS.values(), ids=PATHS)
def test_every_path_against_columns_of_float64(shape, weight, options):
    arrays = arrays_of(shape, weight)
    check(gradients(fg, arrays, options, fg.float32), gradients(fg, arrays, options, fg.float64))


@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa != fg._core.build_info()["isa"]])
def test_every_path_with_every_instruction_set(isa):
    if os.environ.get("FASTGRAD_ISA"):
        pytest.skip("an instruction set is forced already")
    command = [sys.executable, "-m", "pytest", "-q", "-x", __file__, "-k", "columns_of_float64"]
    environment = os.environ | {"FASTGRAD_ISA": isa}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.parametrize(("shape", "weight", "options"), PATHS.values(), ids=PATHS)
def test_the_same_bits_for_any_number_of_threads(shape, weight, options):
    arrays, before, found = arrays_of(shape, weight), fg.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 8):
            fg.set_num_threads(threads)
            found.append(gradients(fg, arrays, options, fg.float32))
    finally:
        fg.set_num_threads(before)
    for other in found[1:]:
        assert all(fg.equal(x, y) for x, y in zip(found[0], other, strict=True))


@pytest.mark.parametrize("name", ["many: in place", "tiles: whole", "few", "few: depthwise"])
def test_images_that_are_not_contiguous(name):
    shape, weight, options = PATHS[name]
    x, w = fg.randn(*shape[::-1]).permute(3, 2, 1, 0), fg.randn(*weight)
    found = fg.nn.functional.conv2d(x, w, **options)
    assert (found == fg.nn.functional.conv2d(x.contiguous(), w, **options)).all()


@pytest.mark.parametrize(
    "name", ["many: whole tiles", "tiles: whole", "few", "few: depthwise, every second"]
)
def test_what_lies_beside_an_image_does_not_matter(name):
    """NaN in one image, or behind the last one, stays out of the others."""
    shape, weight, options = PATHS[name]
    big = fg.full((shape[0] + 1, *shape[1:]), float("nan"))
    big[: shape[0]] = fg.randn(*shape)
    w = fg.randn(*weight, requires_grad=True)
    y = fg.nn.functional.conv2d(big[: shape[0]], w, **options)
    y.sum().backward()
    assert y.isfinite().all()
    assert w.grad.isfinite().all()
    assert fg.nn.functional.conv2d(big, w, **options)[: shape[0]].isfinite().all()


def test_gradients_of_none_for_images_that_need_none():
    x, w = fg.randn(2, 1, 8, 8), fg.randn(6, 1, 3, 3, requires_grad=True)
    fg.nn.functional.conv2d(x, w).sum().backward()
    assert x.grad is None
    assert w.grad.shape == w.shape
