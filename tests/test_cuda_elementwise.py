"""Elementwise functions, copies and ranges on a CUDA device: what the op table does not show."""

import math

import numpy as np
import pytest

import fastgrad as fg
from cuda_common import assert_same, needs_cuda, on_cuda

pytestmark = [needs_cuda, pytest.mark.cuda]

F = fg.nn.functional

UNARY = [
    "neg abs sign floor ceil round trunc square frac exp exp2 expm1 log log2 log10 log1p sqrt",
    "rsqrt reciprocal sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf sigmoid",
    "erfc erfinv lgamma digamma i0 relu logical_not isnan isinf isfinite signbit",
]
BINARY = [
    "add sub mul div floor_divide remainder fmod pow maximum minimum atan2 fmax fmin copysign",
    "hypot nextafter heaviside logaddexp logaddexp2 ldexp xlogy eq ne lt le gt ge",
    "logical_and logical_or logical_xor",
]
WHOLE = [
    "add sub mul floor_divide remainder fmod maximum minimum bitwise_and bitwise_or bitwise_xor",
    "bitwise_left_shift bitwise_right_shift gcd lcm heaviside eq lt logical_xor",
]
ACTIVATIONS = [
    "gelu silu mish softplus logsigmoid softsign tanhshrink elu celu leaky_relu hardtanh hardswish",
    "hardsigmoid hardshrink softshrink relu6 selu",
]
INTEGERS = [fg.uint8, fg.int8, fg.int16, fg.int32, fg.int64]
EDGES = [0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0, 0.5, 2.5, -2.5, 1e-30, 1e30, -104.0]


def words(lines):
    return " ".join(lines).split()


def numbers(*shape, dtype=fg.float32, seed=0):
    return fg.tensor(np.random.default_rng(seed).normal(size=shape) * 3).to(dtype)


def agrees(function, *args, scale=1.0):
    """The function of tensors on the device is that on the CPU."""
    found = function(*(a.to("cuda") for a in args))
    assert_same(found, function(*args), scale)


@pytest.mark.parametrize("dtype", [fg.float32, fg.float64])
@pytest.mark.parametrize("name", words(UNARY))
def test_unary_functions_of_special_numbers(name, dtype):
    agrees(getattr(fg, name), fg.cat([fg.tensor(EDGES).to(dtype), numbers(301, dtype=dtype)]))


@pytest.mark.parametrize("dtype", [fg.float32, fg.float64])
@pytest.mark.parametrize("name", words(BINARY))
def test_binary_functions_of_special_numbers(name, dtype):
    edges = fg.tensor(EDGES).to(dtype)
    agrees(getattr(fg, name), edges[:, None], edges)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", words(WHOLE))
def test_binary_functions_of_integers_wrap_around(name, dtype):
    limits = fg.iinfo(dtype)
    edges = fg.tensor([limits.min, limits.max, 1, 2, 3, 5, 7, limits.max - 1], dtype=dtype)
    divisors = edges[edges != 0]
    agrees(getattr(fg, name), edges[:, None], divisors)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_powers_of_integers(dtype):
    bases = fg.tensor([0, 1, 2, 3, 100, fg.iinfo(dtype).min], dtype=dtype)
    agrees(fg.pow, bases[:, None], fg.arange(9).to(dtype))


GEOMETRIES = {
    "many blocks": lambda: (numbers(70001), numbers(70001, seed=1)),
    "a row": lambda: (numbers(300, 64), numbers(64)),
    "a row that no pack fits": lambda: (numbers(301, 63), numbers(63)),
    "a column": lambda: (numbers(300, 64), numbers(300, 1)),
    "an outer product": lambda: (numbers(70, 1), numbers(1, 90)),
    "one transposed": lambda: (numbers(70, 90), numbers(90, 70).t()),
    "both transposed": lambda: (numbers(90, 70).t(), numbers(90, 70, seed=1).t()),
    "odd addresses": lambda: (numbers(1000)[1:], numbers(1000)[:-1]),
    "parts of rows": lambda: (numbers(30, 41)[:, 1:18], numbers(30, 41)[:, 4:21]),
    "every second": lambda: (numbers(30, 41)[:, ::2], numbers(30, 1)),
    "narrow": lambda: (numbers(1000, 3), numbers(3)),
    "many dimensions": lambda: (
        numbers(2, 3, 2, 3, 2, 3, 2).permute(6, 4, 2, 0, 1, 3, 5),
        numbers(2, 2, 2, 2, 3, 1, 3),
    ),
    "nothing": lambda: (numbers(0, 3), numbers(3)),
}


@pytest.mark.parametrize("function", [fg.mul, fg.lt, lambda a, b: fg.where(a > 0, a, b)])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_geometries(name, function):
    agrees(function, *GEOMETRIES[name]())


def test_writing_into_parts():
    def changed(x):
        y = x.clone()
        y.t().add_(1)
        y[:, 1::2].mul_(3)
        y[1:3, 2:].exp_()
        y[:, :0].zero_()
        y[0].zero_()
        y[:, 1].fill_(7)
        return y

    agrees(changed, numbers(33, 47))


@pytest.mark.parametrize("dtype", [fg.uint8, fg.float16, fg.float32, fg.float64])
@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((70, 90), (1, 0)),
        ((3, 129, 65), (0, 2, 1)),
        ((3, 129, 65), (2, 0, 1)),
        ((5, 17, 20, 33), (3, 1, 0, 2)),
        ((2, 20, 4, 16, 5), (0, 3, 2, 1, 4)),
        ((16, 15), (1, 0)),
    ],
)
def test_copies_that_transpose(shape, order, dtype):
    x = fg.arange(math.prod(shape)).reshape(shape).remainder(251).to(dtype)
    agrees(lambda t: t.permute(order).contiguous(), x)

    def inside(t):
        t = t.permute(order)
        frame = fg.zeros([n + 3 for n in t.shape], dtype=dtype, device=t.device)
        frame[tuple(slice(1, n + 1) for n in t.shape)].copy_(t)
        return frame

    agrees(inside, x)


@pytest.mark.parametrize("dtype", [fg.float32, fg.float64])
@pytest.mark.parametrize("name", words(ACTIVATIONS))
def test_activations_and_their_gradients(name, dtype):
    x = fg.cat([fg.tensor([0.0, 1.0, -1.0, 0.5, -0.5, 3.0, -3.0, 6.0, -90.0, 90.0]), numbers(501)])
    agrees(getattr(F, name), x.to(dtype), scale=4)

    def gradient(t):
        t = t.clone().requires_grad_()
        getattr(F, name)(t).backward(fg.full_like(t, 1.5))
        return t.grad

    agrees(gradient, x.to(dtype), scale=4)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(
    "loss", [F.mse_loss, F.huber_loss, F.kl_div, F.binary_cross_entropy_with_logits]
)
@pytest.mark.parametrize("shape", [(170, 130), (0, 3)])
@pytest.mark.filterwarnings("ignore:kl_div")
def test_losses_and_their_gradients(loss, reduction, shape):
    x, target = numbers(*shape), numbers(*shape, seed=1).sigmoid()

    def value(a, b):
        return loss(a, b, reduction=reduction)

    def gradient(a, b):
        a = a.clone().requires_grad_()
        result = value(a, b)
        result.backward(fg.full_like(result, 1.5))
        return a.grad

    agrees(value, x, target)
    agrees(value, x.t(), target.t())
    agrees(gradient, x, target)


def test_sums_of_losses_are_the_same_each_time():
    x, target = numbers(100003).to("cuda"), numbers(100003, seed=1).to("cuda")
    assert len({F.mse_loss(x, target).item() for _ in range(3)}) == 1


RANGES = [
    lambda: fg.arange(1000, -1000, -7),
    lambda: fg.arange(-1.5, 1000.1, 0.1),
    lambda: fg.arange(0, 0),
    lambda: fg.linspace(0, 97, 10001),
    lambda: fg.linspace(3, 97, 10001, dtype=fg.int64),
    lambda: fg.linspace(3, 5, 1, dtype=fg.float16),
    lambda: fg.linspace(0, 1, 77, dtype=fg.float64),
    lambda: fg.tril_indices(300, 257, 3),
    lambda: fg.triu_indices(30, 257, -3, dtype=fg.int32),
    lambda: fg.full((1001,), -0.0).reciprocal(),
]


@pytest.mark.parametrize("make", RANGES)
def test_ranges_are_exactly_those_of_the_cpu(make):
    found, expected = on_cuda(make), make()
    assert found.device.type == "cuda"
    assert found.dtype is expected.dtype
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("make", [fg.tril_indices, fg.triu_indices])
@pytest.mark.parametrize("offset", [-9, -3, -1, 0, 1, 2, 6, 10])
def test_triangles_of_all_shapes(make, offset):
    for rows in (0, 1, 4, 7):
        for columns in (0, 1, 5, 9):
            assert (
                on_cuda(make, rows, columns, offset).tolist()
                == make(rows, columns, offset).tolist()
            )
