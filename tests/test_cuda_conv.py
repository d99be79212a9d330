"""Convolutions and pools on a CUDA device: geometries, groups, large windows, parts of images."""

import numpy as np
import pytest

import fastgrad as fg
import fastgrad.nn.functional as F

pytestmark = pytest.mark.skipif(not fg.cuda.is_available(), reason="needs a CUDA device")
RNG = np.random.default_rng(11)
CONVOLUTIONS = [F.conv1d, F.conv2d, F.conv3d]
TRANSPOSED = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d]
MAX_POOLS = [F.max_pool1d, F.max_pool2d, F.max_pool3d]
AVG_POOLS = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d]


def numbers(*shape, dtype=fg.float64):
    return fg.tensor(RNG.normal(size=shape)).to(dtype)


def compare(function, *tensors, tolerance=1e-11):
    """The values and the gradients of both devices."""
    results = []
    for device in ("cpu", "cuda"):
        inputs = [x.detach().to(device).requires_grad_() for x in tensors]
        out = function(*inputs)
        assert out.device.type == device
        (out * out.detach().cos()).sum().backward()
        results.append([out.detach(), *(x.grad for x in inputs)])
    for expected, found in zip(*results, strict=True):
        assert found.shape == expected.shape
        scale = max(1.0, expected.abs().max().item()) if expected.numel() else 1.0
        np.testing.assert_allclose(
            found.cpu().numpy(), expected.numpy(), rtol=0, atol=tolerance * scale
        )


GEOMETRIES = {
    "plain": {"x": (2, 3, 9, 10), "w": (4, 3, 3, 3)},
    "padded": {"x": (2, 3, 7, 8), "w": (4, 3, 3, 2), "padding": (1, 2)},
    "strided": {"x": (2, 3, 11, 10), "w": (4, 3, 3, 3), "stride": (2, 3), "padding": 1},
    "dilated": {"x": (1, 2, 12, 9), "w": (3, 2, 3, 2), "dilation": (2, 3), "padding": 2},
    "groups": {"x": (3, 6, 8, 8), "w": (4, 3, 3, 3), "groups": 2},
    "one element": {"x": (3, 5, 6, 7), "w": (4, 5, 1, 1)},
    "one element, groups": {"x": (3, 6, 6, 7), "w": (4, 3, 1, 1), "groups": 2},
    "one element, strided": {"x": (3, 5, 6, 7), "w": (4, 5, 1, 1), "stride": 2},
    "depthwise": {"x": (2, 4, 9, 8), "w": (4, 1, 3, 3), "groups": 4, "padding": 1},
    "depthwise, two each": {"x": (2, 3, 9, 8), "w": (6, 1, 3, 2), "groups": 3, "stride": 2},
    "depthwise, dilated": {"x": (2, 3, 9, 8), "w": (3, 1, 2, 2), "groups": 3, "dilation": 2},
    "line": {"x": (2, 3, 50), "w": (4, 3, 5), "stride": 2, "padding": 2},
    "space": {"x": (2, 2, 5, 6, 4), "w": (3, 2, 3, 2, 2), "padding": 1, "stride": (1, 2, 1)},
    "space, depthwise": {"x": (2, 2, 5, 6, 4), "w": (2, 1, 3, 2, 2), "groups": 2},
    "wide": {"x": (2, 20, 20, 30), "w": (70, 20, 3, 3), "padding": 1},
}


@pytest.mark.parametrize("dtype", [fg.float32, fg.float64], ids=str)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_convolution(name, dtype):
    options = dict(GEOMETRIES[name])
    x, w = numbers(*options.pop("x"), dtype=dtype), numbers(*options.pop("w"), dtype=dtype)
    b = numbers(w.shape[0], dtype=dtype)
    function = CONVOLUTIONS[x.ndim - 3]
    tolerance = 1e-11 if dtype == fg.float64 else 1e-4
    compare(lambda x, w, b: function(x, w, b, **options), x, w, b, tolerance=tolerance)
    compare(lambda x, w: function(x, w, **options), x, w, tolerance=tolerance)


@pytest.mark.parametrize("name", ["strided", "groups", "one element", "line", "space", "dilated"])
def test_transposed_convolution(name):
    options = dict(GEOMETRIES[name])
    x, w = options.pop("x"), numbers(*options.pop("w"))
    x = numbers(x[0], w.shape[0], *x[2:])
    function = TRANSPOSED[x.ndim - 3]
    compare(lambda x, w: function(x, w, **options), x, w)


def test_integers():
    x, w = (fg.tensor(RNG.integers(-9, 9, size)) for size in ((2, 4, 7, 7), (6, 2, 3, 3)))
    b = fg.arange(6)
    expected = F.conv2d(x, w, b, padding=1, groups=2)
    assert fg.equal(F.conv2d(x.cuda(), w.cuda(), b.cuda(), padding=1, groups=2).cpu(), expected)


@pytest.mark.parametrize("dtype", [fg.float16, fg.bfloat16], ids=str)
def test_16_bits(dtype):
    x, w = numbers(2, 8, 9, 9, dtype=dtype), numbers(12, 8, 3, 3, dtype=dtype)
    found = F.conv2d(x.cuda(), w.cuda(), padding=1)
    assert found.dtype == dtype
    np.testing.assert_allclose(
        found.cpu().float().numpy(), F.conv2d(x, w, padding=1).float().numpy(), rtol=0.02, atol=0.02
    )


def test_strided_images_and_no_images():
    x, w = numbers(3, 9, 8, 4), numbers(5, 4, 3, 3)
    compare(lambda x, w: F.conv2d(x.permute(0, 3, 1, 2), w), x, w)
    compare(lambda x, w: F.conv2d(x, w), numbers(0, 4, 9, 9), w)


def test_gradients_of_gradients():
    x, w = numbers(2, 2, 5, 5), numbers(3, 2, 3, 3)

    def slope(x, w):
        (g,) = fg.autograd.grad(F.conv2d(x, w, padding=1).square().sum(), x, create_graph=True)
        return g * w.sum()

    compare(slope, x, w)


def test_columns_that_do_not_fit_at_once():
    """More columns than there is memory for them: an image is cut into parts."""
    x, w = numbers(2, 16, 90, 90, dtype=fg.float32), numbers(1, 16, 21, 21, dtype=fg.float32)
    compare(lambda x, w: F.conv2d(x, w, padding=10), x, w, tolerance=1e-3)


def test_repeats_have_the_same_bits():
    x, w = numbers(4, 6, 20, 20).cuda(), numbers(6, 1, 3, 3).cuda()

    def gradients(x, w):
        w = w.requires_grad_()
        return fg.autograd.grad(F.conv2d(x, w, groups=x.shape[1] // w.shape[1]).square().sum(), w)

    for weight in (w, numbers(8, 6, 3, 3).cuda()):
        first = gradients(x, weight)
        assert fg.equal(first[0], gradients(x, weight)[0])


@pytest.mark.parametrize("dtype", [fg.float64, fg.int32, fg.uint8, fg.bool], ids=str)
def test_columns(dtype):
    x = (numbers(2, 3, 8, 9) * 5).to(dtype)
    options = {"kernel_size": (3, 2), "dilation": (1, 2), "padding": 1, "stride": (2, 1)}
    expected = F.unfold(x, **options)
    columns = F.unfold(x.cuda(), **options)
    assert fg.equal(columns.cpu(), expected)
    assert fg.equal(F.fold(columns, (8, 9), **options).cpu(), F.fold(expected, (8, 9), **options))


POOLS = {
    "halves": ((2, 3, 8, 9), {"kernel_size": 2}),
    "overlapping": ((2, 3, 9, 9), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "ceil": ((2, 3, 8, 10), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    "large": ((2, 2, 30, 31), {"kernel_size": (9, 11), "stride": (5, 7), "padding": (4, 3)}),
    "all": ((3, 5, 20, 19), {"kernel_size": (20, 19)}),
    "line": ((2, 3, 70), {"kernel_size": 5, "stride": 3}),
    "space": ((2, 2, 6, 7, 8), {"kernel_size": (2, 3, 2), "stride": 2, "padding": (1, 1, 0)}),
    "no batch": ((4, 9, 9), {"kernel_size": (3, 2), "stride": (1, 2)}),
}


def pool_of(functions, shape, options):
    dims = 2 if len(shape) == 3 and not isinstance(options["kernel_size"], int) else len(shape) - 2
    return functions[dims - 1]


@pytest.mark.parametrize("dtype", [fg.float32, fg.float64], ids=str)
@pytest.mark.parametrize("name", POOLS)
def test_max_pool(name, dtype):
    shape, options = POOLS[name]
    pool = pool_of(MAX_POOLS, shape, options)
    x = numbers(*shape, dtype=dtype).round()  # with many equals
    tolerance = 1e-11 if dtype == fg.float64 else 1e-6  # of sums of cosines of the results
    compare(lambda x: pool(x, **options), x, tolerance=tolerance)
    _, places = pool(x.cuda(), **options, return_indices=True)
    assert fg.equal(places.cpu(), pool(x, **options, return_indices=True)[1])


@pytest.mark.parametrize("dilation", [2, (3, 2)], ids=str)
def test_dilated_max_pool(dilation):
    x = numbers(2, 3, 14, 13)
    for ceil_mode in (False, True):
        for stride in (1, 3):
            options = {"stride": stride, "dilation": dilation, "ceil_mode": ceil_mode}
            compare(lambda x, o=options: F.max_pool2d(x, 3, padding=1, **o), x)


def test_windows_beside_the_image():
    x = numbers(1, 1, 1, 6)
    options = {"kernel_size": 2, "padding": 1, "dilation": 2, "stride": 1}
    expected, places = F.max_pool2d(x, **options, return_indices=True)
    found = F.max_pool2d(x.cuda(), **options, return_indices=True)
    assert fg.equal(found[0].cpu(), expected)
    assert fg.equal(found[1].cpu(), places)
    compare(lambda x: F.max_pool2d(x, **options).clamp(min=-9), x)


@pytest.mark.parametrize("size", [3, 12], ids=str)
def test_max_pool_of_what_is_not_a_number(size):
    x = numbers(1, 2, 24, 24, dtype=fg.float32)
    x[0, 0, 3, 4] = x[0, 0, 3, 5] = x[0, 0, 20, 1] = float("nan")
    x[0, 1] = float("-inf")
    expected, places = F.max_pool2d(x, size, return_indices=True)
    found, found_places = F.max_pool2d(x.cuda(), size, return_indices=True)
    np.testing.assert_array_equal(found.cpu().numpy(), expected.numpy())
    assert fg.equal(found_places.cpu(), places)


def test_max_pool_of_integers():
    x = fg.tensor(RNG.integers(-99, 99, (2, 3, 20, 20)))
    for dtype in (fg.int64, fg.int32, fg.int16, fg.int8):
        y = x.to(dtype)
        assert fg.equal(F.max_pool2d(y.cuda(), 3, 2).cpu(), F.max_pool2d(y, 3, 2))


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("name", POOLS)
def test_avg_pool(name, count_include_pad):
    shape, options = POOLS[name]
    pool = pool_of(AVG_POOLS, shape, options)
    options = {**options, "count_include_pad": count_include_pad}
    compare(lambda x: pool(x, **options), numbers(*shape))


def test_avg_pool_with_a_divisor():
    x = numbers(2, 3, 9, 9)
    compare(lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, divisor_override=-7), x)


@pytest.mark.parametrize("sizes", [(1, 1), (3, 4), (13, 20), (1, 17)], ids=str)
def test_adaptive_pools(sizes):
    x = numbers(2, 3, 13, 17)
    compare(lambda x: F.adaptive_avg_pool2d(x, sizes), x)
    compare(lambda x: F.adaptive_max_pool2d(x, sizes), x)
    _, places = F.adaptive_max_pool2d(x.cuda(), sizes, return_indices=True)
    assert fg.equal(places.cpu(), F.adaptive_max_pool2d(x, sizes, return_indices=True)[1])


def test_adaptive_pools_of_lines_and_spaces():
    compare(lambda x: F.adaptive_avg_pool1d(x, 4), numbers(2, 3, 11))
    compare(lambda x: F.adaptive_max_pool3d(x, (2, 3, 2)), numbers(2, 2, 5, 6, 7))
