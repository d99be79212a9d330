"""Elementwise functions: ties, edges, NaN, in-place forms, and what no row of the table says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from parity import assert_same, outcome

pytestmark = pytest.mark.core
NAN, INF = math.nan, math.inf


# Gradients at kinks and edges, as PyTorch gives them

LEFT = [0.0, 1.0, 1.0, 2.0, NAN, 1.0, NAN, -1.0, INF, 0.0]
RIGHT = [0.0, 1.0, 2.0, 1.0, 1.0, NAN, NAN, 2.0, INF, -1.0]
PAIRS = {
    name: (lambda t, a, b, name=name: getattr(t, name)(a, b))
    for name in (
        *("maximum", "minimum", "fmax", "fmin", "hypot", "atan2", "copysign", "nextafter"),
        *("logaddexp", "logaddexp2", "fmod", "remainder", "xlogy", "ldexp", "div", "pow"),
        *("clamp_min", "clamp_max", "float_power"),
    )
}
PAIRS |= {
    "xlog1py": lambda t, a, b: t.special.xlog1py(a, b - 1),
    "clamp within one point": lambda t, a, b: t.clamp(a, b, b),
    "clamp, limits exchanged": lambda t, a, b: t.clamp(a, b, b - 1),
    "div floor": lambda t, a, b: t.div(a, b, rounding_mode="floor"),
    "div trunc": lambda t, a, b: t.div(a, b, rounding_mode="trunc"),
    "lerp": lambda t, a, b: t.lerp(a, b, 0.75),
    "addcmul": lambda t, a, b: t.addcmul(a, b, b, value=2),
    "addcdiv": lambda t, a, b: t.addcdiv(a, a, b, value=2),
    "where": lambda t, a, b: t.where(a > b, a, b * b),
}


def with_gradients(t, function, *numbers):
    leaves = [t.tensor(x, dtype=t.float64, requires_grad=True) for x in numbers]
    out = function(t, *leaves)
    return [out, *t.autograd.grad(out.sum(), leaves)]


@pytest.mark.parametrize("function", PAIRS.values(), ids=PAIRS)
def test_edges_of_functions_of_two(torch, function):
    results = zip(
        with_gradients(fg, function, LEFT, RIGHT),
        with_gradients(torch, function, LEFT, RIGHT),
        strict=True,
    )
    for ours, theirs in results:
        assert_same(ours, theirs, exact=False)


NUMBERS = [-1.5, -1.0, -0.0, 0.0, 0.05, 0.1, 0.5, 0.9, 1.0, 1.5, NAN, INF, -INF]
SINGLE = {
    name: (lambda t, x, name=name: getattr(t, name)(x))
    for name in (
        *("abs", "sign", "frac", "trunc", "floor", "angle", "nan_to_num", "sinc", "logit"),
        *("erf", "erfc", "erfinv", "deg2rad", "sqrt", "rsqrt", "square", "relu", "exp2", "log1p"),
        *("acosh", "asinh", "atanh", "i0", "reciprocal", "asin", "acos"),
    )
}
SINGLE |= {
    f"special.{name}": (lambda t, x, name=name: getattr(t.special, name)(x))
    for name in ("entr", "i0e", "ndtr", "ndtri", "erfcx")
}
SINGLE |= {
    "clamp": lambda t, x: t.clamp(x, 0.1, 0.9),
    "clamp, limits exchanged": lambda t, x: t.clamp(x, 1, 0),
    "clamp at NaN": lambda t, x: t.clamp(x, NAN),
    "logit eps": lambda t, x: t.logit(x, 0.1),
    "nan_to_num": lambda t, x: t.nan_to_num(x, 1.0, 2.0, 3.0),
    "round": lambda t, x: t.round(x, decimals=1),
    "frexp": lambda t, x: t.frexp(x)[0],
    "fill": lambda t, x: t.fill(x, 2),
    "x ** 0": lambda t, x: x**0,
    "x ** 2": lambda t, x: x**2,
    "x ** 0.5": lambda t, x: x**0.5,
    "0 ** x": lambda t, x: 0**x,
    "2 ** x": lambda t, x: 2**x,
    "1 / x": lambda t, x: x.__rdiv__(1),
}


@pytest.mark.parametrize("function", SINGLE.values(), ids=SINGLE)
def test_edges_of_functions_of_one(torch, function):
    ours, theirs = (with_gradients(t, function, NUMBERS) for t in (fg, torch))
    for found, expected in zip(ours, theirs, strict=True):
        assert_same(found, expected, exact=False)


SMOOTH_POINTS = [0.5, 1.0, 1.5, 4.0, 30.0, -0.5, -1.5, NAN]


@pytest.mark.parametrize("name", ["lgamma", "digamma", "i1", "i1e", "log_ndtr"])
def test_special_functions(torch, name):
    def call(t, x):
        return getattr(t if hasattr(t, name) else t.special, name)(x)

    points = SMOOTH_POINTS if "1" not in name else SMOOTH_POINTS[:-1]  # PyTorch has 0.5 at NaN
    ours, theirs = (with_gradients(t, call, points) for t in (fg, torch))
    for found, expected in zip(ours, theirs, strict=True):  # PyTorch's trigamma has ten digits
        assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-12, nan_ok=True)


def test_poles_and_limits():
    numbers = [0.0, -0.0, -1.0, INF, -INF]
    assert fg.lgamma(fg.tensor(numbers)).tolist() == [INF, INF, INF, INF, INF]
    found = fg.digamma(fg.tensor(numbers)).tolist()
    assert found[:2] == [-INF, INF]
    assert found[3] == INF
    assert math.isnan(found[2])
    assert math.isnan(found[4])
    assert fg.polygamma(1, fg.tensor([0.0, -2.0])).tolist() == [INF, INF]
    assert fg.special.erfcx(fg.tensor([-INF, INF, -30.0])).tolist() == [INF, 0.0, INF]
    s, q = [1.0, 0.5, 2.5, 2.0, 3.0], [2.0, 2.0, -1.5, 0.0, INF]
    zeta = fg.special.zeta(fg.tensor(s), fg.tensor(q))
    assert zeta.tolist()[0] == INF
    assert zeta.tolist()[3:] == [INF, 0.0]
    assert zeta.isnan().tolist() == [False, True, True, False, False]


def test_zeta_of_large_arguments_ends():
    s = fg.tensor([2.0, 1e15, 1e6, 2.0, 60.0], dtype=fg.float64)
    q = fg.tensor([-1e15 - 0.5, 1e14, 1e6, 1e300, 1e-300], dtype=fg.float64)
    values = fg.special.zeta(s, q).tolist()
    assert values[0] == pytest.approx(math.pi**2, rel=1e-12)  # the sum from -infinity to infinity
    assert values[1] == 0.0
    assert values[4] == INF


def test_polygamma_of_negative_numbers(torch):
    x = [-0.5, -1.25, -7.5, 3.0]
    for n in (1, 2, 3):
        ours, theirs = (t.polygamma(n, t.tensor(x, dtype=t.float64)) for t in (fg, torch))
        assert ours.tolist() == pytest.approx(theirs.tolist(), rel=1e-9)
    assert fg.polygamma(200, fg.tensor([1.0])).isinf().item()


# Accuracy where a naive formula has none


def test_accuracy_of_small_and_large_arguments():
    x = fg.tensor([1e-12, 1e-5, 1e5, 1e30], dtype=fg.float64)
    assert fg.asinh(x).tolist() == pytest.approx(np.arcsinh(x.numpy()).tolist(), rel=1e-15)
    assert fg.asinh(x.float()).tolist() == pytest.approx(
        np.arcsinh(x.float().numpy().astype(float)).tolist(), rel=1e-7
    )
    assert fg.acosh(1 + x.float()).tolist()[2:] == pytest.approx(np.arccosh([1e5, 1e30]), rel=1e-6)
    assert fg.atanh(x.float()[:2]).tolist() == pytest.approx([1e-12, 1e-5], rel=1e-6)
    deep = fg.special.log_ndtr(fg.tensor([-1e5, -40.0], dtype=fg.float64)).tolist()
    assert deep == pytest.approx([-5e9 - math.log(1e5 * math.sqrt(2 * math.pi)), -804.60844201])
    assert fg.logaddexp(fg.tensor([1e4, -INF]), fg.tensor([1e4, -INF])).tolist() == pytest.approx(
        [1e4 + math.log(2), -INF]
    )
    assert fg.erfc(fg.tensor([10.0], dtype=fg.float64)).item() == pytest.approx(math.erfc(10))
    assert fg.hypot(fg.tensor([3e38]), fg.tensor([3e37])).isfinite().item()


def test_nextafter_in_its_own_precision():
    for dtype, name in ((fg.float32, np.float32), (fg.float64, np.float64)):
        x, y = [1.0, 0.0, -1.0, INF, 1.0], [2.0, -1.0, -1.0, 0.0, NAN]
        found = fg.nextafter(fg.tensor(x, dtype=dtype), fg.tensor(y, dtype=dtype)).numpy()
        np.testing.assert_array_equal(found, np.nextafter(np.array(x, name), np.array(y, name)))


def test_round_to_decimals(torch):
    numbers = [1234.567, 15.0, 25.0, 0.125, -1.25, INF, NAN]
    for decimals in (-2, -1, 0, 1, 2, 400, -400):
        ours, theirs = (t.round(t.tensor(numbers), decimals=decimals) for t in (fg, torch))
        assert_same(ours, theirs)


# Integers


def test_shifts_of_any_size(torch):
    for name in ("uint8", "int32", "int64"):
        for bits in (0, 1, 7, 8, 31, 32, 63, 64, 200):
            for shift in ("bitwise_left_shift", "bitwise_right_shift"):

                def call(t, bits=bits, shift=shift, name=name):
                    x = t.tensor([1, 3, 100, 0], dtype=getattr(t, name))
                    return getattr(t, shift)(x, bits)

                assert_same(call(fg), call(torch))
    x = fg.tensor([5, -5])
    assert (x << -1).tolist() == [0, 0]
    assert (x >> -1).tolist() == [0, -1]
    assert (x >> 64).tolist() == [0, -1]
    assert (2 << fg.tensor([1, 3])).tolist() == [4, 16]
    assert (-16 >> fg.tensor([1, 3])).tolist() == [-8, -2]


def test_divisors_of_the_smallest_integer():
    smallest = fg.tensor([-(2**63), 0])
    assert fg.gcd(smallest, fg.tensor([6, 0])).tolist() == [2, 0]
    assert fg.lcm(smallest, fg.tensor([1, 5])).tolist() == [-(2**63), 0]
    fg.gcd(smallest, smallest)  # 2**63 has no int64; it must not crash


def test_addcmul_of_integers_wraps_around(torch):
    def compute(t):
        x = t.tensor([2**31 - 1, -5], dtype=t.int32)
        return t.addcmul(x, x, x, value=3)

    assert_same(compute(fg), compute(torch))


# Other results than tensors, and tensors themselves


def test_frexp_is_a_named_tuple(torch):
    ours, theirs = (t.frexp(t.tensor([10.0, -0.375, 0.0, INF])) for t in (fg, torch))
    assert repr(ours) == repr(theirs)
    assert_same(ours.exponent, theirs.exponent)


def test_functions_that_return_their_argument():
    x = fg.tensor([1.0, -2.0], requires_grad=True)
    for name in ("positive", "conj", "conj_physical", "real", "resolve_conj", "resolve_neg"):
        assert getattr(fg, name)(x) is x
    assert +x is x
    assert x.real is x
    with pytest.raises(RuntimeError, match="imag"):
        x.imag  # noqa: B018
    with pytest.raises(RuntimeError, match="bool"):
        +fg.tensor(True)


def test_questions():
    x = fg.tensor([1.0])
    assert [fg.is_complex(x), x.is_conj(), fg.is_neg(x), x.is_complex()] == [False] * 4
    assert [fg.is_signed(x), x.byte().is_signed(), x.long().is_signed()] == [True, False, True]
    assert [fg.is_nonzero(x), fg.tensor([[0]]).is_nonzero()] == [True, False]
    assert [fg.is_same_size(x, x + 1), x.is_same_size(fg.tensor(1))] == [True, False]
    with pytest.raises(RuntimeError, match="ambiguous"):
        fg.is_nonzero(fg.ones(2))


@given(
    elements=st.lists(st.integers(-5, 5), max_size=8),
    listed=st.lists(st.integers(-5, 5), max_size=8),
    invert=st.booleans(),
)
def test_isin(elements, listed, invert):
    for kind in (fg.int64, fg.float32, fg.int8):
        x, y = fg.tensor(elements, dtype=kind), fg.tensor(listed, dtype=fg.int64)
        expected = np.isin(elements, listed, invert=invert).tolist()
        assert fg.isin(x, y, invert=invert).tolist() == expected


def test_isin_of_numbers_nan_and_shapes(torch):
    calls = [
        lambda t: t.isin(4, t.tensor([4, 5])),
        lambda t: t.isin(t.tensor([[4], [6]]), 4),
        lambda t: t.isin(t.tensor([4, 6]), t.tensor([[4.0, 7.5]]), assume_unique=True),
        lambda t: t.isin(t.tensor([NAN, 1.0, INF]), t.tensor([NAN, INF, -INF])),
        lambda t: t.isin(t.zeros(2, 0), t.ones(3)),
        lambda t: t.isin(4, 4),
        lambda t: t.isin(t.tensor([True]), t.tensor([True])),
    ]
    for call in calls:
        ours, theirs = outcome(call, fg), outcome(call, torch)
        if isinstance(theirs, type):
            assert ours is theirs
        else:
            assert_same(ours, theirs)


def test_nextafter_of_16_bits(torch):
    numbers = [0.0, 1.0, -1.0, 1.5, 1e-7, -3e-5, 60000.0, INF, -INF, 2.0**-14, 3e38, 1e-40, NAN]
    for name in ("float16", "bfloat16"):
        for target in (0.0, INF, -INF, 1.0, NAN):

            def step(t, name=name, target=target):
                x = t.tensor(numbers, dtype=getattr(t, name))
                return t.nextafter(x, t.full_like(x, target)).double()

            assert_same(step(fg), step(torch))


def test_nan_to_num_gives_the_largest_number_of_each_dtype(torch):
    for name in ("float16", "bfloat16", "float32", "float64"):
        ours, theirs = (
            t.nan_to_num(t.tensor([NAN, INF, -INF], dtype=getattr(t, name))).double()
            for t in (fg, torch)
        )
        assert_same(ours, theirs)


def test_logarithms_of_whole_powers_are_whole():
    tens = fg.tensor([10.0**i for i in range(23)], dtype=fg.float64)
    assert tens.log10().tolist() == list(range(23))
    assert tens[:11].float().log10().tolist() == list(range(11))
    twos = fg.tensor([2.0**i for i in range(-1074, 1024)], dtype=fg.float64)
    assert twos.log2().tolist() == list(range(-1074, 1024))
    assert twos[1074 - 149 : 1074 + 128].float().log2().tolist() == list(range(-149, 128))


def test_angles_near_multiples_of_a_right_one():
    """Where the range reduction cancels most; the reference has 64 bits of mantissa."""
    turns = np.concatenate([np.arange(-2000, 2000), np.arange(600_000, 670_000, 17)])
    angles = np.concatenate([turns * (np.pi / 2), [1e22, -1e300, 0.0]])
    for name in ("sin", "cos"):
        expected = getattr(np, name)(angles.astype(np.longdouble)).astype(float)
        found = getattr(fg, name)(fg.tensor(angles)).numpy()
        np.testing.assert_allclose(found, expected, rtol=4e-16)
        single = angles[:-2].astype(np.float32)
        expected = getattr(np, name)(single.astype(float))
        found = getattr(fg, name)(fg.tensor(single)).numpy()
        np.testing.assert_allclose(found, expected, rtol=1.8e-7)


@pytest.mark.parametrize("name", ["sin", "tan", "asin", "atan", "sinh", "asinh", "atanh", "log1p"])
def test_minus_zero_stays(name):
    for dtype in (fg.float32, fg.float64):
        assert getattr(fg, name)(fg.full((9,), -0.0, dtype=dtype)).signbit().all()


# In-place forms

ONE = (
    *("abs", "absolute", "acos", "arccos", "acosh", "arccosh", "asin", "arcsin", "asinh"),
    *("arcsinh", "atan", "arctan", "atanh", "arctanh", "ceil", "cos", "cosh", "deg2rad"),
    *("digamma", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "fix", "floor", "frac", "i0"),
    *("lgamma", "log", "log10", "log1p", "log2", "logical_not", "logit", "nan_to_num", "neg"),
    *("negative", "rad2deg", "reciprocal", "relu", "round", "rsqrt", "sgn", "sigmoid", "sign"),
    *("sin", "sinc", "sinh", "sqrt", "square", "tan", "tanh", "trunc", "conj_physical"),
)
TWO = (
    *("add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide"),
    *("floor_divide", "remainder", "fmod", "pow", "float_power", "atan2", "arctan2", "clamp"),
    *("clip", "clamp_min", "clamp_max", "xlogy", "copysign", "hypot", "ldexp", "nextafter"),
    *("heaviside", "eq", "ne", "not_equal", "lt", "less", "le", "less_equal", "gt", "greater"),
    *("ge", "greater_equal", "logical_and", "logical_or", "logical_xor"),
)
INTEGER = ("gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift")


@pytest.mark.parametrize("name", [*ONE, *TWO, *INTEGER, "bitwise_not", "bitwise_right_shift"])
def test_in_place_forms(torch, name):
    dtype = "int64" if name in INTEGER or name.startswith("bitwise") else "float64"
    count = 2 if name in TWO or (dtype == "int64" and name != "bitwise_not") else 1

    def compute(t):
        arguments = [t.tensor(x, dtype=getattr(t, dtype)) for x in ([0.25, 0.5], [0.75, 2])]
        x = arguments[0]
        assert getattr(x, f"{name}_")(*arguments[1:count]) is x
        return x

    assert_same(compute(fg), compute(torch), exact=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda t, x, y: x.lerp_(y, 0.5),
        lambda t, x, y: x.lerp_(y, weight=y),
        lambda t, x, y: x.addcmul_(y, y, value=2),
        lambda t, x, y: x.addcdiv_(y, y + 3, value=2),
        lambda t, x, y: x.clamp_(min=y),
        lambda t, x, y: x.fill_(y[0]),
        lambda t, x, y: x.polygamma_(2),
        lambda t, x, y: x.mvlgamma_(1),
        lambda t, x, y: x.float_power_(2),
    ],
)
def test_in_place_forms_in_the_graph(torch, change):
    def compute(t):
        leaf = t.tensor([0.25, 2.0], dtype=t.float64, requires_grad=True)
        x = change(t, leaf * 1, leaf * leaf)
        return [x, *t.autograd.grad((x * x).sum(), leaf)]

    for ours, theirs in zip(compute(fg), compute(torch), strict=True):
        assert_same(ours, theirs, exact=False)


def test_an_argument_given_by_name_is_recorded():
    limit = fg.tensor([1.0, 1.0], requires_grad=True)
    x = fg.tensor([0.0, 2.0])
    x.clamp_(min=limit)
    assert x.requires_grad
    x.sum().backward()
    assert limit.grad.tolist() == [1.0, 0.0]


# Promotion of three operands, and of numbers

THREE = {
    "clamp int to floats": lambda t: t.clamp(t.tensor([1, 5]), 0.5, 2),
    "clamp int by a 0-d float": lambda t: t.clamp(t.tensor([1, 5]), t.tensor(1.5)),
    "clamp by number and tensor": lambda t: t.clamp(t.tensor([1.0, 5.0]), 2.0, t.tensor(3.0)),
    "clamp of bool": lambda t: t.clamp(t.tensor([True, False]), 0, 1),
    "clamp of uint8 by a negative number": lambda t: t.clamp(t.tensor([1, 9]).byte(), -1, 5),
    "clamp by int64": lambda t: t.clamp(t.tensor([1]).int(), t.tensor([2]), t.tensor([3])),
    "addcmul mixed": lambda t: t.addcmul(t.tensor([1.0]), t.tensor([2]), t.tensor([3])),
    "addcmul of integers by 2.5": lambda t: t.addcmul(*[t.tensor([4])] * 3, value=2.5),
    "addcmul of bools": lambda t: t.addcmul(*[t.tensor([True])] * 3),
    "addcdiv of integers": lambda t: t.addcdiv(t.tensor([1.0]), t.tensor([2]), t.tensor([3])),
    "lerp of integers": lambda t: t.lerp(t.tensor([1]), t.tensor([2]), 0.5),
    "lerp of two dtypes": lambda t: t.lerp(t.tensor([1.0]), t.tensor([2.0]).double(), 0.5),
    "lerp by a 0-d weight": lambda t: t.lerp(
        t.tensor([1.0]), t.tensor([2.0]), t.tensor(0.5, dtype=t.float64)
    ),
    "lerp by another dtype": lambda t: t.lerp(*[t.tensor([1.0])] * 2, t.ones(1).double()),
    "where of integers": lambda t: t.where(t.tensor([True, False]), 1, 2),
    "where of numbers": lambda t: t.where(t.tensor([True, False]), 1.5, 2),
    "where of tensor and number": lambda t: t.where(t.tensor([True, False]), t.tensor([1, 2]), 2.5),
    "where of two dtypes": lambda t: t.where(t.tensor([True]), t.tensor([1]), t.tensor([2.5])),
    "where by name": lambda t: t.where(condition=t.tensor([True]), input=t.ones(1), other=0),
    "where of integers as condition": lambda t: t.where(t.tensor([1]), 1, 2),
    "where of a number as condition": lambda t: t.where(True, t.ones(1), 2),
    "heaviside of two dtypes": lambda t: t.heaviside(t.tensor([1.0]), t.tensor([1])),
    "frexp of integers": lambda t: t.frexp(t.tensor([1])),
    "round of integers": lambda t: t.round(t.tensor([15]), decimals=-1),
    "frac of integers": lambda t: t.frac(t.tensor([1])),
    "fill with a 0-d tensor": lambda t: t.fill(t.tensor([1, 2]), t.tensor(3.7)),
    "fill with a vector": lambda t: t.fill(t.tensor([1, 2]), t.tensor([3])),
    "fill_ with a vector": lambda t: t.zeros(2).fill_(t.tensor([3])),
    "float_power_ of float32": lambda t: t.ones(2).float_power_(2),
    "float_power of a number": lambda t: t.float_power(2, t.tensor([1, 2])),
    "xlogy of a number": lambda t: t.xlogy(2, t.tensor([1.0, 3.0])),
    "xlogy with a number": lambda t: t.xlogy(t.tensor([1, 3]), 2),
    "copysign with a number": lambda t: t.copysign(t.tensor([1, 3]), -0.0),
    "polygamma of -1": lambda t: t.polygamma(-1, t.ones(1)),
    "mvlgamma of 0": lambda t: t.mvlgamma(t.ones(1), 0),
    "rsub of bool": lambda t: t.rsub(t.tensor([True]), 1),
    "rsub": lambda t: t.rsub(t.tensor([1, 2]), t.tensor([0.5, 1]), alpha=2),
    "isclose of two dtypes": lambda t: t.isclose(t.tensor([1]), t.tensor([1.0])),
    "isclose with a negative tolerance": lambda t: t.isclose(t.ones(1), t.ones(1), rtol=-1.0),
    "isclose of integers": lambda t: t.isclose(t.tensor([4, 6]), t.tensor([5, 9]), rtol=0.3),
    "isclose of NaN": lambda t: t.isclose(*[t.tensor([NAN, INF])] * 2, equal_nan=True),
}


@pytest.mark.parametrize("function", THREE.values(), ids=THREE)
def test_dtypes_and_errors(torch, function):
    ours, theirs = outcome(function, fg), outcome(function, torch)
    if isinstance(theirs, type):
        assert ours is theirs
    else:
        assert not isinstance(ours, type)
        assert_same(ours, theirs, exact=False)
