"""Random numbers: for the same seed those of PyTorch's CPU generator, bit for bit."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from parity import assert_same, same_roundings

pytestmark = pytest.mark.core
SEEDS = (0, 42, 2**40 + 7)
SIZES = (0, 1, 2, 7, 15, 16, 17, 33, 100, 623, 625, 33_000, 65_537)
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
DTYPES = (*FLOATS, *INTEGERS, "bool")


def check(torch, draw, seeds=SEEDS):
    """`draw(lib)` gives tensors; both libraries must draw the same, and then be in one state."""
    for seed in seeds:
        drawn = []
        for lib in (fg, torch):
            lib.manual_seed(seed)
            drawn.append(draw(lib))
        for ours, theirs in zip(*drawn, strict=True):
            assert_same(ours, theirs, same_roundings(torch))
        assert bytes(fg.get_rng_state().numpy()) == bytes(torch.get_rng_state().numpy())


# What PyTorch 2.13 draws from seed 42. `t` is the library.
NUMBERS = [
    (
        "t.rand(4)",
        [0.8822692632675171, 0.9150039553642273, 0.38286375999450684, 0.9593056440353394],
    ),
    ("t.rand(3, dtype=t.float64)", [0.05815448596142969, 0.06291016742457756, 0.12358607277440903]),
    ("t.randn(3)", [0.33669036626815796, 0.12880940735340118, 0.23446236550807953]),
    (
        "t.randn(18)[14:]",
        [-0.2515752911567688, 0.859858512878418, -0.3097267746925354, -0.39571049809],
    ),
    (
        "t.randn(17, dtype=t.float64)[14:]",
        [0.8651734647119074, 0.855215961472287, 0.2494118796915765],
    ),
    ("t.randint(100, (6,))", [42, 67, 76, 14, 26, 35]),
    ("t.randint(-(2**40), 2**40, (3,))", [-658003837517, 395924837646, -640896347065]),
    ("t.randperm(8)", [6, 3, 0, 7, 2, 1, 4, 5]),
    ("t.empty(2, dtype=t.int64).random_()", [6909045637428952499, 8314211556539077902]),
    ("t.empty(4, dtype=t.uint8).random_()", [102, 179, 92, 14]),
    ("t.empty(3).random_()", [14801927.0, 15351016.0, 6423145.0]),
    (
        "t.empty(2, dtype=t.int64).random_(-(2**63), None)",
        [6909045637428952499, -909160480315697906],
    ),
    ("t.empty(10).bernoulli_(0.3)", [1, 1, 1, 1, 0, 0, 0, 0, 1, 1]),
    ("t.bernoulli(t.arange(10) / 10)", [0, 0, 0, 0, 1, 0, 1, 0, 0, 1]),
    (
        "t.empty(3).exponential_(2.0)",
        [0.029957007616758347, 0.03248806297779083, 0.06595838814973831],
    ),
    ("t.empty(4).geometric_(0.2)", [13, 13, 10, 14]),
    ("t.empty(3).cauchy_()", [-5.412487506866455, -4.993700981140137, -2.4448742866516113]),
    ("t.empty(3).log_normal_(0, 0.5)", [1.1833449602127075, 1.0665239095687866, 1.124379277229309]),
    ("t.empty(3).uniform_(-2, 3)", [2.411346435546875, 2.5750198364257812, -0.08568120002746582]),
    ("t.normal(t.arange(3.0), t.arange(3.0) / 2)", [0.0, 1.0644047260284424, 2.234462261199951]),
    ("t.normal(5.0, 2.0, (3,))", [5.6733808517456055, 5.2576189041137695, 5.468924522399902]),
    ("t.multinomial(t.arange(10.0), 4)", [8, 9, 3, 1]),
    ("t.multinomial(t.arange(10.0), 1)", [8]),
    ("t.multinomial(t.arange(10.0), 6, replacement=True)", [2, 2, 3, 2, 7, 7]),
    ("t.poisson(t.arange(6.0) * 5)", [0, 1, 6, 15, 12, 19]),
    ("t.nn.functional.dropout(t.ones(8), 0.25) * 0.75", [1, 1, 1, 1, 1, 1, 0, 0]),
    ("t.zeros(1, 3).t().uniform_(1, 1).reshape(-1)", [1, 1, 1]),
    ("t.zeros(2, 2).t().uniform_()[0]", [0.8822692632675171, 0.38286375999450684]),
]

# The same, as the checksum of the bytes.
CHECKSUMS = [
    ("t.rand(70_001)", 3915011853),
    ("t.rand(5_001, dtype=t.float64)", 3340950966),
    ("t.randint(1000, (70_001,))", 1194771046),
    ("t.randint(0, 2**33, (5_001,))", 2175749603),
    ("t.randperm(70_001)", 3856107198),
    ("t.empty(70_001, dtype=t.bool).bernoulli_(0.3)", 3428592701),
    ("t.empty(5_001, dtype=t.int64).random_()", 1315265801),
    ("t.rand(70, 90).bernoulli()", 2868056840),
    ("t.nn.functional.dropout(t.ones(300, 300), 0.5)", 1914713103),
]


def drawn(lib, expression):
    lib.manual_seed(42)
    return eval(expression, {"t": lib})


@pytest.mark.parametrize(("expression", "expected"), NUMBERS)
def test_numbers_of_seed_42(expression, expected):
    assert drawn(fg, expression).tolist() == pytest.approx(expected, rel=2e-6, abs=1e-6)


@pytest.mark.parametrize(("expression", "expected"), CHECKSUMS)
def test_checksums_of_seed_42(expression, expected):
    assert zlib.crc32(drawn(fg, expression).numpy().tobytes()) == expected


def test_what_is_written_down_is_pytorchs(torch):
    for expression, expected in NUMBERS:
        found = drawn(torch, expression).tolist()
        assert found == pytest.approx(expected, rel=2e-6, abs=1e-6), expression
    for expression, checksum in CHECKSUMS:
        assert zlib.crc32(drawn(torch, expression).numpy().tobytes()) == checksum, expression


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "fill",
    [
        lambda x: x.uniform_(),
        lambda x: x.uniform_(-0.3, 0.53),
        lambda x: x.normal_(),
        lambda x: x.normal_(0.3, 1.7),
        lambda x: x.log_normal_(0.2, 0.7),
        lambda x: x.exponential_(1.3),
        lambda x: x.cauchy_(1.3, 0.7),
    ],
)
def test_fills_of_floats(torch, fill, dtype):
    check(torch, lambda t: [fill(t.empty(n, dtype=getattr(t, dtype))) for n in SIZES])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "fill",
    [
        lambda x: x.random_(),
        lambda x: x.bernoulli_(0.3),
        lambda x: x.bernoulli_(1.0),
        lambda x: x.random_(0, 2),
    ],
)
def test_fills_of_any_dtype(torch, fill, dtype):
    check(torch, lambda t: [fill(t.empty(n, dtype=getattr(t, dtype))) for n in SIZES])


@pytest.mark.parametrize("dtype", DTYPES[:-1])
def test_geometric(torch, dtype):
    check(torch, lambda t: [t.empty(n, dtype=getattr(t, dtype)).geometric_(0.3) for n in SIZES])


RANGES = [
    *((0, 1), (0, 10), (-5, 5), (3, 200), (0, 2**24), (0, 2**28 - 1), (0, 2**28), (0, 2**32 + 5)),
    *((-(2**31), 2**31), (-(2**62), 2**62), (0, 2**63 - 1), (-(2**63), 2**63 - 1), (-(2**63), 0)),
    *((2**40, 2**40 + 1), (2**25 + 1, 2**25 + 2), (-(2**25) - 1, 2**25 + 1), (-(2**53) - 3, 17)),
    *((2**53 + 1, 2**54 + 3), (0, None), (5, None), (200, None), (2**24 - 1, None), (2**30, None)),
    *((2**31 - 1, None), (-(2**40) - 1, None), (2**53 - 1, None), (-(2**63), None), (0, 300)),
]


@pytest.mark.parametrize("dtype", DTYPES[:-1])
@pytest.mark.filterwarnings("ignore:.*precision limitations")
def test_ranges_of_whole_numbers(torch, dtype):
    """Numbers where PyTorch draws some, errors where it raises."""
    for low, high in RANGES:
        results = []
        for lib in (fg, torch):
            lib.manual_seed(3)
            x = lib.empty(2000, dtype=getattr(lib, dtype))
            try:
                results.append(x.random_(low, high).tolist())
            except RuntimeError:
                results.append("RuntimeError")
        assert results[0] == results[1], (low, high)


def test_randint_and_randperm(torch):
    def draw(t):
        small = [t.randperm(n, dtype=getattr(t, d)) for d in DTYPES[:-1] for n in (0, 1, 2, 5, 128)]
        ints = [t.randint(-3, 9, (4, 5)), t.randint(high=4, size=(3,)), t.randint(7, size=(3,))]
        other = [t.randint(2, (50,), dtype=getattr(t, d)) for d in DTYPES]
        return [*[t.randperm(n) for n in SIZES], *small, *ints, *other]

    check(torch, draw)


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal(torch, dtype):
    def draw(t):
        mean = t.arange(20, dtype=getattr(t, dtype))
        std = mean / 8
        return [
            t.normal(mean, std),
            t.normal(mean, 1.5),
            t.normal(mean),
            t.normal(2.0, std),
            t.normal(mean.view(4, 5).t(), 0.5),
            t.normal(mean.view(20, 1), std[:7]),
            t.normal(1.0, 2.0, (3, 7), dtype=getattr(t, dtype)),
            t.normal(mean, t.arange(20.0) / 16),
            t.normal(mean=t.arange(3.0), std=t.arange(3, dtype=t.float64)),
        ]

    check(torch, draw)


@pytest.mark.parametrize("dtype", FLOATS)
def test_bernoulli_of_tensors(torch, dtype):
    def draw(t):
        p = t.rand(9, 13, dtype=getattr(t, dtype))
        filled = [t.zeros(9, 13, dtype=getattr(t, d)).bernoulli_(p) for d in DTYPES]
        row = t.zeros(9, 13).bernoulli_(p[0])
        return [t.bernoulli(p), p.bernoulli(), t.bernoulli(p.t()), p.bernoulli(0.2), row, *filled]

    check(torch, draw)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_multinomial(torch, dtype):
    def draw(t):
        def weights(*shape):
            return t.rand(*shape, dtype=getattr(t, dtype))

        single = [
            t.multinomial(weights(n), k, replacement)
            for n in (1, 5, 50, 1000)
            for k, replacement in (
                (1, False),
                (1, True),
                (7, True),
                (n, False),
                (1 + n // 3, False),
            )
        ]
        rows = [t.multinomial(weights(4, 9), k, r) for k, r in ((3, False), (1, True), (30, True))]
        strided = [t.multinomial(weights(9, 4).t(), k, r) for k, r in ((3, False), (30, True))]
        return [*single, *rows, *strided, weights(0, 9).multinomial(3)]

    check(torch, draw)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_multinomial_of_16_bits(torch, dtype):
    """Without replacement equal quotients are frequent, and which comes first is not specified."""
    check(torch, lambda t: [t.multinomial(t.rand(4, 9, dtype=getattr(t, dtype)), 30, True)])
    p = fg.rand(4, 9, dtype=getattr(fg, dtype))
    assert all(sorted(row) == list(range(9)) for row in fg.multinomial(p, 9).tolist())


@pytest.mark.parametrize("dtype", FLOATS)
def test_poisson(torch, dtype):
    def draw(t):
        rates = t.rand(500, dtype=getattr(t, dtype))
        return [t.poisson(rates * k) for k in (0, 1, 10, 30, 1e4)]

    check(torch, draw)


@pytest.mark.parametrize("dtype", FLOATS)
def test_dropout(torch, dtype):
    def draw(t):
        x = t.arange(100, dtype=getattr(t, dtype)) - 50
        dropped = [t.nn.functional.dropout(x[:n], p) for n in SIZES[:9] for p in (0, 0.1, 0.5, 1)]
        strided = t.nn.functional.dropout(x.view(10, 10).t()[::2], 0.3)
        return [*dropped, strided, t.nn.functional.dropout(x.clone(), 0.4, inplace=True)]

    check(torch, draw)


def test_a_mixture_consumes_the_generator_as_pytorch_does(torch):
    def draw(t):
        return [
            *(t.rand(3), t.randn(5), t.randint(9, (4,)), t.randn(1), t.randn(33), t.randperm(7)),
            *(t.randn(1), t.empty(3).log_normal_(), t.rand(2), t.randn(4, dtype=t.float64)),
        ]

    check(torch, draw)


# Any function on any layout


FILLS = {
    "uniform_": lambda t, x: x.uniform_(-1, 2),
    "normal_": lambda t, x: x.normal_(0.5, 2),
    "log_normal_": lambda t, x: x.log_normal_(0, 0.5),
    "exponential_": lambda t, x: x.exponential_(0.7),
    "cauchy_": lambda t, x: x.cauchy_(),
    "geometric_": lambda t, x: x.geometric_(0.3),
    "bernoulli_": lambda t, x: x.bernoulli_(0.4),
    "bernoulli_(tensor)": lambda t, x: x.bernoulli_(t.full((), 0.4)),
    "random_": lambda t, x: x.random_(7),
    "rand_like": lambda t, x: t.rand_like(x),
    "randn_like": lambda t, x: t.randn_like(x),
    "randint_like": lambda t, x: t.randint_like(x, 3, 9),
    "dropout": lambda t, x: t.nn.functional.dropout(x.fill_(1), 0.3),
    "multinomial": lambda t, x: t.multinomial(
        t.rand_like(x) if x.dim() in (1, 2) else t.ones(5), 1
    ),
}


@st.composite
def programs(draw):
    """A shape, how it lies in memory, and what is drawn into it."""
    shape = draw(st.lists(st.integers(1, 7), min_size=0, max_size=4))
    order = draw(st.permutations(range(len(shape))))
    steps = draw(st.lists(st.integers(1, 2), min_size=len(shape), max_size=len(shape)))
    names = draw(st.lists(st.sampled_from(sorted(FILLS)), min_size=1, max_size=4))
    return (
        shape,
        order,
        steps,
        names,
        draw(st.sampled_from(FLOATS)),
        draw(st.integers(0, 2**64 - 1)),
    )


@given(programs())
def test_any_layout(torch, program):
    shape, order, steps, names, dtype, seed = program

    def draw(t):
        results = []
        for name in names:
            x = t.zeros(shape, dtype=getattr(t, dtype)).permute(order)
            x = x[tuple(slice(None, None, step) for step in steps)]
            results.append(FILLS[name](t, x))
        return results

    check(torch, draw, (seed,))


def test_new_tensors_lie_in_the_order_of_their_model(torch):
    for make in (
        lambda t: t.zeros(2, 3).t(),
        lambda t: t.zeros(4, 5, 6).permute(1, 2, 0)[1:, ::2],
        lambda t: t.zeros(3, 1).expand(3, 4),
        lambda t: t.zeros(2, 1, 3).expand(2, 5, 3).permute(2, 1, 0),
        lambda t: t.zeros(3, 0, 2),
    ):
        for name in ("empty_like", "rand_like", "randn_like"):
            ours, theirs = (getattr(t, name)(make(t)) for t in (fg, torch))
            assert tuple(ours.stride()) == tuple(theirs.stride())


# Properties


def test_numbers_lie_in_their_range():
    x = fg.rand(100_000)
    assert x.min().item() >= 0
    assert x.max().item() < 1
    assert x.mean().item() == pytest.approx(0.5, abs=0.01)
    y = fg.randn(100_000)
    assert y.mean().item() == pytest.approx(0, abs=0.02)
    assert y.std().item() == pytest.approx(1, abs=0.02)
    assert sorted(fg.randperm(1000).tolist()) == list(range(1000))
    assert set(fg.randint(3, 6, (1000,)).tolist()) == {3, 4, 5}
    narrow = fg.empty(100_000).uniform_(1, 1 + 2**-23)
    assert set(narrow.tolist()) == {1.0}  # what rounds to the end, which does not belong
    assert fg.empty(100_000).exponential_(0.5).mean().item() == pytest.approx(2, abs=0.05)
    assert fg.poisson(fg.full((100_000,), 30.0)).mean().item() == pytest.approx(30, abs=0.1)


def test_multinomial_draws_with_the_given_probabilities():
    p = fg.tensor([0.0, 1.0, 2.0, 5.0])
    for counts in (
        fg.bincount(fg.multinomial(p, 20_000, replacement=True), minlength=4),
        fg.bincount(fg.multinomial(p.expand(20_000, 4), 1).reshape(-1), minlength=4),
    ):
        assert (counts / 20_000).tolist() == pytest.approx([0, 1 / 8, 2 / 8, 5 / 8], abs=0.02)
    pairs = fg.multinomial(p.expand(1000, 4), 2)
    assert pairs.min().item() > 0
    assert not (pairs[:, 0] == pairs[:, 1]).any()


def test_what_is_drawn_has_a_gradient_of_zero(torch):
    for draw in (
        lambda t, x: t.normal(x, 1.0),
        lambda t, x: t.normal(0.0, x),
        lambda t, x: t.normal(x, x),
        lambda t, x: t.bernoulli(x),
        lambda t, x: t.poisson(x),
        lambda t, x: (x * 2).uniform_(),
        lambda t, x: (x * 2).exponential_(),
        lambda t, x: (x * 2).bernoulli_(t.full((3,), 0.5)),
    ):
        grads = []
        for lib in (fg, torch):
            x = lib.full((3,), 0.5, requires_grad=True)
            (draw(lib, x).sum() + x.sum()).backward()
            grads.append(x.grad.tolist())
        assert grads[0] == grads[1] == [1.0, 1.0, 1.0]


def test_a_leaf_that_requires_grad_is_not_filled():
    x = fg.zeros(3, requires_grad=True)
    for name in ("uniform_", "normal_", "exponential_", "bernoulli_", "random_", "cauchy_"):
        with pytest.raises(RuntimeError, match="leaf"):
            getattr(x, name)()
    with fg.no_grad():
        x.uniform_(1, 2)
    assert x.requires_grad
    assert x.min().item() >= 1


def test_same_bits_for_any_number_of_threads():
    before, results = fg.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            fg.set_num_threads(threads)
            fg.manual_seed(1)
            x = fg.empty(300_001)
            fills = [x.uniform_, x.normal_, x.exponential_, x.bernoulli_, x.log_normal_]
            results.append([zlib.crc32(fill().numpy().tobytes()) for fill in fills])
    finally:
        fg.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_memory_between_the_elements_is_left_alone():
    x = fg.zeros(8, 6)
    x[1::2, 1:4].normal_()
    values = x.numpy()
    assert np.count_nonzero(values) == np.count_nonzero(values[1::2, 1:4]) == 12


# Errors


ERRORS = [
    (lambda t: t.randint(5, 5, (2,)), RuntimeError),
    (lambda t: t.randint(5, 2, (2,)), RuntimeError),
    (lambda t: t.randint(0, 300, (2,), dtype=t.uint8), RuntimeError),
    (lambda t: t.randint(-1, 3, (2,), dtype=t.uint8), RuntimeError),
    (lambda t: t.randint(10), TypeError),
    (lambda t: t.randint(10, 3), TypeError),
    (lambda t: t.rand(-1), RuntimeError),
    (lambda t: t.rand(3, dtype=t.int64), NotImplementedError),
    (lambda t: t.rand(3, generator=3), TypeError),
    (lambda t: t.rand_like(t.zeros(3, dtype=t.int64)), NotImplementedError),
    (lambda t: t.randn(3, dtype=t.bool), NotImplementedError),
    (lambda t: t.randperm(-2), RuntimeError),
    (lambda t: t.randperm(257, dtype=t.uint8), RuntimeError),
    (lambda t: t.randperm(2**24 + 2, dtype=t.float32), RuntimeError),
    (lambda t: t.randperm(3, dtype=t.bool), NotImplementedError),
    (lambda t: t.randperm(2.0), TypeError),
    (lambda t: t.empty(3).normal_(0, -1), RuntimeError),
    (lambda t: t.empty(3).normal_(0, float("nan")), RuntimeError),
    (lambda t: t.empty(3).uniform_(2, 1), RuntimeError),
    (lambda t: t.empty(3).uniform_(0, 1e39), RuntimeError),
    (lambda t: t.empty(3).uniform_(float("nan"), 1), RuntimeError),
    (lambda t: t.empty(3).uniform_(-3e38, 3e38), RuntimeError),
    (lambda t: t.empty(3).uniform_(0, 1, 2), TypeError),
    (lambda t: t.empty(3).uniform_(0, low=1), TypeError),
    (lambda t: t.empty(3).exponential_(0), RuntimeError),
    (lambda t: t.empty(3).exponential_(float("nan")), RuntimeError),
    (lambda t: t.empty(3, dtype=t.int64).exponential_(), RuntimeError),
    (lambda t: t.empty(3).cauchy_(0, 0), RuntimeError),
    (lambda t: t.empty(3, dtype=t.int64).cauchy_(), RuntimeError),
    (lambda t: t.empty(3).log_normal_(0, 0), RuntimeError),
    (lambda t: t.empty(3, dtype=t.int64).log_normal_(), NotImplementedError),
    (lambda t: t.empty(3).geometric_(0), RuntimeError),
    (lambda t: t.empty(3).geometric_(1), RuntimeError),
    (lambda t: t.empty(3, dtype=t.bool).geometric_(0.5), NotImplementedError),
    (lambda t: t.empty(3).bernoulli_(1.5), RuntimeError),
    (lambda t: t.empty(3).bernoulli_(float("nan")), RuntimeError),
    (lambda t: t.empty(3).bernoulli_(t.tensor([0.0, 2.0, 0.5])), RuntimeError),
    (lambda t: t.empty(3).bernoulli_(t.tensor([0, 1, 0])), NotImplementedError),
    (lambda t: t.empty(3).bernoulli_(t.zeros(4)), RuntimeError),
    (lambda t: t.bernoulli(t.tensor([2.0])), RuntimeError),
    (lambda t: t.bernoulli(t.tensor([float("nan")])), RuntimeError),
    (lambda t: t.bernoulli(t.tensor([1])), NotImplementedError),
    (lambda t: t.empty(3).random_(0), RuntimeError),
    (lambda t: t.empty(3).random_(2.5), TypeError),
    (lambda t: t.empty(3).random_(**{"from": 5}), TypeError),
    (lambda t: t.empty(3, dtype=t.bool).random_(0, 3), RuntimeError),
    (lambda t: t.normal(t.zeros(2), t.tensor([1.0, -1.0])), RuntimeError),
    (lambda t: t.normal(t.zeros(2), -1.0), RuntimeError),
    (lambda t: t.normal(t.zeros(3), t.ones(2)), RuntimeError),
    (lambda t: t.normal(0.0, 1.0), TypeError),
    (lambda t: t.normal(t.zeros(2), 1.0, (2,)), TypeError),
    (lambda t: t.normal(t.zeros(2, dtype=t.int64), 1.0), NotImplementedError),
    (lambda t: t.poisson(t.tensor([-1.0])), RuntimeError),
    (lambda t: t.poisson(t.tensor([1])), NotImplementedError),
    (lambda t: t.multinomial(t.ones(3), 4), RuntimeError),
    (lambda t: t.multinomial(t.ones(3), 0), RuntimeError),
    (lambda t: t.multinomial(t.tensor([-1.0, 2.0]), 1), RuntimeError),
    (lambda t: t.multinomial(t.tensor([-1.0, 2.0]), 3, True), RuntimeError),
    (lambda t: t.multinomial(t.zeros(3), 1), RuntimeError),
    (lambda t: t.multinomial(t.zeros(3), 3, True), RuntimeError),
    (lambda t: t.multinomial(t.tensor([[1.0, 2.0], [0.0, 0.0]]), 2), RuntimeError),
    (lambda t: t.multinomial(t.tensor([float("inf"), 1.0]), 1), RuntimeError),
    (lambda t: t.multinomial(t.tensor([float("nan"), 1.0]), 2, True), RuntimeError),
    (lambda t: t.multinomial(t.ones(2, 2, 2), 1), RuntimeError),
    (lambda t: t.multinomial(t.ones(()), 1), RuntimeError),
    (lambda t: t.multinomial(t.ones(3, dtype=t.int64), 1), RuntimeError),
    (lambda t: t.multinomial(t.ones(2, 0), 1, True), RuntimeError),
    (lambda t: t.zeros(1).expand(5).uniform_(), RuntimeError),
    (lambda t: t.nn.functional.dropout(t.ones(3), 1.5), ValueError),
]


@pytest.mark.parametrize(("call", "error"), ERRORS)
def test_wrong_arguments_raise(call, error):
    state = fg.get_rng_state()
    with pytest.raises(error) as raised:
        call(fg)
    assert len(str(raised.value)) > 20
    assert fg.equal(fg.get_rng_state(), state)


def test_errors_are_of_pytorchs_types(torch):
    for number, (call, error) in enumerate(ERRORS):
        with pytest.raises(error):
            print(number, call(torch))


@pytest.mark.parametrize("number", [2.0**70, float("inf"), float("nan")])
def test_poisson_refuses_rates_whose_counts_do_not_fit(number):
    with pytest.raises(RuntimeError, match="rates"):
        fg.poisson(fg.tensor([number], dtype=fg.float64))
