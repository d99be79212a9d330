"""Convolutions and pools: what their rows cannot say."""

import numpy as np
import pytest

import fastgrad as fg
from parity import assert_same

F = fg.nn.functional
pytestmark = pytest.mark.core
IMAGE = fg.zeros(1, 2, 3, 4)

ERRORS = {
    "channels": (r"conv2d.*groups=1.*\[1, 3, 2, 2\].*3 channels.*2 channels", (1, 3, 2, 2), {}),
    "size": (r"conv2d.*Kernel size.*\[3, 4\].*\[5, 5\]", (1, 2, 5, 5), {}),
    "dimensions": (r"conv2d.*\[1, 2, 3\]", (1, 2, 3), {}),
    "groups": (r"conv2d.*groups", (1, 1, 2, 2), {"groups": 2}),
    "no groups": (r"conv2d.*groups = 0", (1, 2, 2, 2), {"groups": 0}),
    "bias": (r"bias of shape \[1\].*\[2\]", (1, 2, 2, 2), {"bias": fg.zeros(2)}),
    "padding": (r"padding.*-1", (1, 2, 2, 2), {"padding": -1}),
    "stride": (r"stride.*0", (1, 2, 2, 2), {"stride": 0}),
    "numbers": (r"stride.*2 numbers.*\[1, 1, 1\]", (1, 2, 2, 2), {"stride": (1, 1, 1)}),
    "word": (r"padding string: 'full'.*'same'", (1, 2, 2, 2), {"padding": "full"}),
    "strided same": (r"same.*strided.*2", (1, 2, 2, 2), {"padding": "same", "stride": 2}),
}


@pytest.mark.parametrize(("message", "shape", "options"), ERRORS.values(), ids=ERRORS)
def test_conv2d_says_what_does_not_fit(message, shape, options):
    with pytest.raises(RuntimeError, match=message):
        F.conv2d(IMAGE, fg.zeros(shape), **options)


def test_dtypes_must_be_the_same():
    with pytest.raises(RuntimeError, match=r"conv2d.*float32.*float64.*\.to"):
        F.conv2d(IMAGE, fg.zeros(1, 2, 2, 2, dtype=fg.float64))
    with pytest.raises(RuntimeError, match="bool"):
        F.conv2d(IMAGE.bool(), fg.zeros(1, 2, 2, 2).bool())


MESSAGES = {
    "output_padding": (r"output_padding 1", lambda: F.conv_transpose2d(*pair(), output_padding=1)),
    "negative size": (r"too small", lambda: F.conv_transpose2d(*pair(), padding=4)),
    "transposed channels": (
        r"conv_transpose2d.*to have 3 channels",
        lambda: F.conv_transpose2d(IMAGE, fg.zeros(3, 1, 2, 2)),
    ),
    "fold": (r"fold.*6 windows.*5", lambda: F.fold(fg.zeros(1, 4, 5), (3, 4), 2)),
    "fold rows": (r"fold.*channels \* 4", lambda: F.fold(fg.zeros(1, 3, 6), (3, 4), 2)),
    "pool padding": (r"max_pool2d.*at most half", lambda: F.max_pool2d(IMAGE, 2, padding=2)),
    "pool size": (r"max_pool2d.*\[3, 4\].*too small", lambda: F.max_pool2d(IMAGE, 5)),
    "pool dimensions": (r"max_pool2d.*3D or 4D.*\[2, 4\]", lambda: F.max_pool2d(IMAGE[0, :, 0], 1)),
    "pool numbers": (r"avg_pool2d.*2 ints", lambda: F.avg_pool2d(IMAGE, (2, 2, 2))),
    "divisor": (r"divisor", lambda: F.avg_pool2d(IMAGE, 2, divisor_override=0)),
    "no channels": (r"non-zero", lambda: F.max_pool2d(IMAGE[:, :0], 2)),
    "target": (r"adaptive_avg_pool2d.*2 sizes", lambda: F.adaptive_avg_pool2d(IMAGE, (1,))),
}


def pair():
    return IMAGE, fg.zeros(2, 1, 3, 3)


@pytest.mark.parametrize(("message", "call"), MESSAGES.values(), ids=MESSAGES)
def test_messages(message, call):
    with pytest.raises(RuntimeError, match=message):
        call()


def test_sizes_that_would_overflow_are_refused():
    for huge in (2**31, 2**62):
        for options in ({"stride": huge}, {"padding": huge}, {"dilation": huge}):
            with pytest.raises(RuntimeError, match=r"2\*\*30"):
                F.conv2d(IMAGE, fg.zeros(1, 2, 2, 2), **options)
        with pytest.raises(RuntimeError, match=r"2\*\*30"):
            F.max_pool2d(IMAGE, huge)


def test_integers(torch):
    rng = np.random.default_rng(0)
    x, weight = rng.integers(-9, 9, (2, 4, 5, 6)), rng.integers(-9, 9, (6, 2, 3, 2))
    bias = rng.integers(-9, 9, 6)
    ours, theirs = (
        t.nn.functional.conv2d(*map(t.tensor, (x, weight, bias)), stride=2, padding=1, groups=2)
        for t in (fg, torch)
    )
    assert_same(ours, theirs)


@pytest.mark.parametrize(
    ("shape", "weight", "options"),
    [
        ((70, 3, 9, 9), (4, 3, 3, 3), {"padding": 1}),
        ((3, 8, 40, 40), (8, 1, 3, 3), {"groups": 8}),
        ((5, 16, 30, 30), (24, 16, 1, 1), {}),
        ((2, 4, 60, 50), (8, 4, 5, 5), {"stride": 2, "dilation": 2}),
        ((1, 2, 300), (70, 2, 3), {}),
    ],
)
def test_large_images(torch, shape, weight, options):
    """Several parts of a batch, several partial gradients, and kernels of one element."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in (shape, weight, weight[:1])]
    name = "conv2d" if len(shape) == 4 else "conv1d"
    found = []
    for t in (fg, torch):
        leaves = [t.tensor(a, requires_grad=True) for a in arrays]
        y = getattr(t.nn.functional, name)(*leaves, **options)
        (y * y).sum().backward()
        found.append([y.detach(), *(leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("dtype", [fg.float32, fg.float64], ids=str)
@pytest.mark.parametrize(
    ("images", "filters", "side", "groups"),
    [((2, 70), 300, 30, 1), ((3, 6), 8, 5, 2), ((1, 600), 3, 9, 1), ((40, 4), 4, 1, 1)],
)
def test_kernels_of_one_pixel_with_a_bias(images, filters, side, groups, dtype):
    """Matrix products, whose blocks add a row's bias as they are done."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((*images, side, side))
    w, b = rng.standard_normal((filters, images[1] // groups)), rng.standard_normal(filters)
    grouped = x.reshape(images[0], groups, -1, side, side)
    expected = np.einsum("ngchw,gfc->ngfhw", grouped, w.reshape(groups, -1, w.shape[1]))
    expected = expected.reshape(images[0], filters, side, side) + b[:, None, None]
    given = [fg.tensor(a, dtype=dtype) for a in (x, w[:, :, None, None], b)]
    tolerance = (
        {"rtol": 1e-4, "atol": 1e-4} if dtype is fg.float32 else {"rtol": 1e-11, "atol": 1e-11}
    )
    np.testing.assert_allclose(F.conv2d(*given, groups=groups).numpy(), expected, **tolerance)


def test_more_output_padding_than_stride(torch):
    x, weight = np.random.default_rng(0).standard_normal((2, 1, 2, 3, 3))
    for padding in (0, 1, 2):
        ours, theirs = (
            t.nn.functional.conv_transpose2d(
                *(t.tensor(a) for a in (x, weight.reshape(2, 1, 3, 3))),
                padding=padding,
                output_padding=1,
                dilation=2,
            )
            for t in (fg, torch)
        )
        assert_same(ours, theirs, exact=False)


@pytest.mark.parametrize("numbers", [[1.0, 1.0], [np.nan, 1.0, np.nan, 2.0], [-np.inf, -np.inf]])
def test_ties_and_nans_of_max_pools(torch, numbers):
    ours, theirs = (
        t.nn.functional.max_pool1d(
            t.tensor([numbers], dtype=t.float64), len(numbers), return_indices=True
        )
        for t in (fg, torch)
    )
    for a, b in zip(ours, theirs, strict=True):
        assert_same(a, b)


def test_a_window_without_elements():
    y, place = F.max_pool1d(fg.ones(1, 1), 2, 3, 1, 2, ceil_mode=True, return_indices=True)
    assert y.tolist() == [[-np.inf]]
    assert place.tolist() == [[0]]
    y, place = F.max_pool1d(fg.ones(1, 1).long(), 2, 3, 1, 2, ceil_mode=True, return_indices=True)
    assert y.tolist() == [[-(2**63)]]


def test_a_batch_of_none():
    y = F.conv2d(fg.zeros(0, 2, 3, 3, requires_grad=True), fg.ones(4, 2, 2, 2, requires_grad=True))
    assert y.shape == (0, 4, 2, 2)
    y.sum().backward()
    assert F.max_pool2d(fg.zeros(0, 2, 4, 4), 2).shape == (0, 2, 2, 2)
    assert F.adaptive_avg_pool2d(fg.zeros(1, 2, 4, 4), 0).shape == (1, 2, 0, 0)


def test_sizes_of_none_are_those_of_the_image():
    assert F.adaptive_avg_pool2d(IMAGE, (None, 2)).shape == (1, 2, 3, 2)


def test_output_size_of_max_unpool2d():
    x, places = F.max_pool2d(fg.arange(15.0).view(1, 3, 5), 2, return_indices=True)
    assert F.max_unpool2d(x, places, 2, output_size=(1, 3, 5)).shape == (1, 3, 5)
    with pytest.raises(ValueError, match="output_size"):
        F.max_unpool2d(x, places, 2, output_size=(9, 9))
    with pytest.raises(RuntimeError, match="index"):
        F.max_unpool2d(x, places + 99, 2)
