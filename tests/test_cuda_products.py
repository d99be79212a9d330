"""Matrix products on a CUDA device: sizes that overfill tiles, strides, stacks, 16-bit floats."""

import numpy as np
import pytest

import fastgrad as fg

pytestmark = pytest.mark.skipif(not fg.cuda.is_available(), reason="needs a CUDA device")
RNG = np.random.default_rng(7)
FLOATS = {fg.float32: 1e-4, fg.float64: 1e-10, fg.float16: 2e-2, fg.bfloat16: 1e-1}
SIZES = [
    (1, 1, 1),
    (5, 7, 3),
    (64, 64, 64),
    (65, 63, 70),
    (130, 257, 33),
    (17, 20, 1000),  # few tiles, cut into slices
    (1, 300, 700),
    (300, 1, 700),
    (3, 400, 50),
    (400, 6, 2100),
    (2, 2, 5000),
]


def numbers(*shape, dtype=fg.float32):
    return fg.tensor(RNG.normal(size=shape)).to(dtype)


def close(found, expected, tolerance):
    assert found.device.type == "cuda"
    assert found.dtype == expected.dtype
    scale = max(1.0, expected.double().abs().max().item() if expected.numel() else 1.0)
    np.testing.assert_allclose(
        found.cpu().double().numpy(), expected.double().numpy(), rtol=0, atol=tolerance * scale
    )


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_layout(size, dtype):
    m, n, k = size
    for a in (numbers(m, k, dtype=dtype), numbers(k, m, dtype=dtype).T):
        for b in (numbers(k, n, dtype=dtype), numbers(n, k, dtype=dtype).T):
            close(a.cuda() @ b.cuda(), a @ b, FLOATS[dtype])


def test_strides_that_no_library_reads():
    a, b = numbers(80, 3, 90), numbers(90, 2, 150)
    x, y = a.cuda(), b.cuda()
    close(x[:, 1, ::2] @ y[::2, 1, ::3], a[:, 1, ::2] @ b[::2, 1, ::3], 1e-4)
    row = numbers(1, 90)
    close(row.cuda().expand(20, 90) @ y[:, 0], row.expand(20, 90) @ b[:, 0], 1e-4)


@pytest.mark.parametrize(
    "shapes",
    [
        ((6, 40, 30), (6, 30, 50)),
        ((5, 1, 40, 30), (7, 30, 20)),
        ((30,), (4, 30, 5)),
        ((4, 5, 30), (30,)),
        ((2, 3, 2, 9, 8), (3, 1, 8, 4)),
        ((70_000, 2, 3), (70_000, 3, 2)),  # more than a grid is high
        ((0, 3, 4), (0, 4, 5)),
        ((3, 0), (0, 4)),
        ((2, 3, 0), (2, 0, 4)),
    ],
    ids=str,
)
def test_stacks(shapes):
    a, b = (numbers(*shape) for shape in shapes)
    close(a.cuda() @ b.cuda(), a @ b, 1e-4)


def test_float32_is_rounded_to_tf32_where_that_is_allowed():
    if fg.cuda.get_device_capability() < (8, 0):
        pytest.skip("TF32 needs a device of compute capability 8.0")
    x = fg.full((64, 64), 1 + 2.0**-12, device="cuda")  # TF32 has 10 bits
    exact = (1 + 2.0**-12) ** 2 * 64
    assert (x @ x)[0, 0].item() == pytest.approx(exact, abs=1e-4)
    fg.backends.cuda.matmul.allow_tf32 = True
    try:
        assert fg.get_float32_matmul_precision() == "high"
        assert (x @ x)[0, 0].item() == pytest.approx(64, abs=1e-4)
    finally:
        fg.set_float32_matmul_precision("highest")
    assert not fg.backends.cuda.matmul.allow_tf32
    assert (x @ x)[0, 0].item() == pytest.approx(exact, abs=1e-4)


def test_heads_of_attention():
    q, k = numbers(3, 20, 4, 16), numbers(3, 20, 4, 16)  # (batch, time, head, feature)
    expected = q.permute(0, 2, 1, 3) @ k.permute(0, 2, 3, 1)
    close(q.cuda().permute(0, 2, 1, 3) @ k.cuda().permute(0, 2, 3, 1), expected, 1e-4)


@pytest.mark.parametrize("dtype", [fg.uint8, fg.int8, fg.int16, fg.int32, fg.int64], ids=str)
def test_integers_wrap_around(dtype):
    a, b = (fg.tensor(RNG.integers(0, 100, size)).to(dtype) for size in ((3, 9, 40), (40, 11)))
    found = a.cuda() @ b.cuda()
    assert found.dtype == dtype
    assert fg.equal(found.cpu(), a @ b)
    assert fg.equal(fg.nn.functional.linear(a.cuda(), b.T.cuda()).cpu(), a @ b)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("rows", [(1,), (300,), (2, 3), ()], ids=str)
def test_linear(rows, dtype):
    x, weight = numbers(*rows, 70, dtype=dtype), numbers(45, 70, dtype=dtype)
    bias = numbers(90, dtype=dtype)[::2]
    linear = fg.nn.functional.linear
    close(
        linear(x.cuda(), weight.cuda(), bias.cuda()),
        linear(x, weight, bias),
        FLOATS[dtype],
    )
    close(linear(x.cuda(), weight.cuda()), linear(x, weight), FLOATS[dtype])


def test_linear_without_features_is_its_bias():
    bias = numbers(5)
    found = fg.nn.functional.linear(fg.ones(3, 0).cuda(), fg.ones(5, 0).cuda(), bias.cuda())
    assert fg.equal(found.cpu(), bias.expand(3, 5))


def test_what_is_not_a_number_stays_that():
    a, b = numbers(70, 80), numbers(80, 90)
    a[3, 5], b[7, 11] = float("nan"), float("inf")
    expected = (a @ b).numpy()
    found = (a.cuda() @ b.cuda()).cpu().numpy()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_repeats_have_the_same_bits(dtype):
    a, b = numbers(40, 3000, dtype=dtype).cuda(), numbers(3000, 30, dtype=dtype).cuda()
    first = a @ b
    assert all(fg.equal(first, a @ b) for _ in range(3))


def test_16_bits_are_added_up_in_32():
    ones = fg.ones(20, 4096, dtype=fg.float16).cuda()
    assert (ones @ ones.T == 4096).all()
    x = fg.full((20, 5000), 0.5, dtype=fg.bfloat16).cuda()
    assert (x @ fg.ones(5000, 1, dtype=fg.bfloat16).cuda() == 2496).all()  # 2500, rounded


@pytest.mark.parametrize(
    "shapes", [((30, 40), (40, 50)), ((4, 30, 40), (40,)), ((3, 2, 5), (5, 7))]
)
def test_gradients(shapes):
    values = [numbers(*shape, dtype=fg.float64) for shape in shapes]
    gradients = []
    for device in ("cpu", "cuda"):
        a, b = (x.detach().to(device).requires_grad_() for x in values)
        (a @ b).square().sum().backward()
        gradients.append((a.grad, b.grad))
    for expected, found in zip(*gradients, strict=True):
        close(found, expected, 1e-10)
