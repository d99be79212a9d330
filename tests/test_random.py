"""Random numbers: those that PyTorch draws from the same seed, and the state they come from."""

import pytest

import fastgrad as fg
from parity import assert_same

pytestmark = pytest.mark.core
SEEDS = (0, 42, 2**40 + 7)
SIZES = (0, 1, 7, 15, 16, 17, 31, 100, 1000, 65_537)
FLOATS = ("float32", "float64")


def check(torch, draw, exact=True):
    """`draw(lib)` gives a list of tensors; both libraries must draw the same from every seed."""
    for seed in SEEDS:
        drawn = []
        for lib in (fg, torch):
            lib.manual_seed(seed)
            drawn.append(draw(lib))
        for ours, theirs in zip(*drawn, strict=True):
            assert_same(ours, theirs, exact)


@pytest.mark.parametrize("dtype", FLOATS)
def test_rand(torch, dtype):
    check(torch, lambda t: [t.rand(n, dtype=getattr(t, dtype)) for n in SIZES])


@pytest.mark.parametrize("dtype", FLOATS)
def test_randn(torch, dtype):
    check(torch, lambda t: [t.randn(n, dtype=getattr(t, dtype)) for n in SIZES], exact=False)


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_and_uniform_in_place(torch, dtype):
    def draw(t):
        x = t.empty(9, 5, dtype=getattr(t, dtype))
        return [x.normal_(2, 3).clone(), x.uniform_(-1, 4).clone(), x[:2, :3].normal_().clone()]

    check(torch, draw, exact=False)


def test_in_place_on_strided_views(torch):
    def draw(t):
        x = t.zeros(8, 6)
        x[1::2, 1:4].normal_()
        x[::2, 1:4].uniform_()
        return [x]

    check(torch, draw, exact=False)


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 10), (-5, 5), (0, 1), (0, 2**31), (0, 2**32 + 5), (-(2**62), 2**62), (0, 2**63 - 1)],
)
def test_randint(torch, low, high):
    check(torch, lambda t: [t.randint(low, high, (n,)) for n in SIZES[:8]])


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32", "bool"])
def test_randint_of_other_dtypes(torch, dtype):
    check(torch, lambda t: [t.randint(2, (50,), dtype=getattr(t, dtype))])


def test_random_in_place(torch):
    def draw(t):
        whole = [
            t.empty(20, dtype=getattr(t, d)).random_()
            for d in ("int64", "int32", "uint8", "float32", "float64")
        ]
        return [*whole, t.empty(20).random_(7), t.empty(20, dtype=t.int64).random_(-3, 9)]

    check(torch, draw)


def test_randperm(torch):
    check(torch, lambda t: [t.randperm(n) for n in (*SIZES, 5000)])


def test_bernoulli(torch):
    def draw(t):
        return [t.bernoulli(t.full((40,), 0.3)), t.empty(40).bernoulli_(0.7)]

    check(torch, draw)


def test_normal(torch):
    def draw(t):
        mean, std = t.arange(20.0), t.linspace(0.1, 2, 20)
        return [
            t.normal(mean, std),
            t.normal(mean, 1.5),
            t.normal(2.0, std),
            t.normal(1.0, 2.0, (3, 7)),
        ]

    check(torch, draw, exact=False)


def test_like_functions(torch):
    def draw(t):
        x = t.zeros(3, 5, dtype=t.float64)
        return [
            t.rand_like(x),
            t.randint_like(x, 9),
            t.randint_like(x, -4, 4),
            t.rand_like(x, dtype=t.float32),
        ]

    check(torch, draw)


def test_a_mixture_consumes_the_generator_as_pytorch_does(torch):
    def draw(t):
        return [
            t.rand(3),
            t.randn(5),
            t.randint(9, (4,)),
            t.randn(1),
            t.randn(33),
            t.randperm(7),
            t.rand(2),
        ]

    check(torch, draw, exact=False)


def test_dropout_mask(torch):
    check(torch, lambda t: [t.nn.functional.dropout(t.ones(100), 0.3)], exact=False)


def test_dropout():
    x = fg.ones(10_000, requires_grad=True)
    y = fg.nn.functional.dropout(x, 0.25)
    assert set(y.tolist()) == {0.0, fg.tensor(1 / 0.75).item()}
    assert y.mean().item() == pytest.approx(1, abs=0.05)
    y.sum().backward()
    assert fg.equal(x.grad, y.detach())
    assert fg.nn.functional.dropout(x, 0.25, training=False) is x
    assert fg.nn.functional.dropout(x, 1.0).sum().item() == 0
    z = fg.ones(9)
    assert fg.nn.functional.dropout(z, 0.5, inplace=True) is z


def test_own_generator(torch):
    def draw(t):
        generator = t.Generator().manual_seed(9)
        t.rand(5)
        return [t.rand(4, generator=generator), t.randperm(5, generator=generator)]

    check(torch, draw)
    assert fg.Generator().manual_seed(9).initial_seed() == 9


def test_state_round_trip():
    fg.manual_seed(1)
    fg.randn(3)  # leaves a half-used pair behind
    state = fg.get_rng_state()
    first = [fg.rand(5), fg.randn(3), fg.randn(21), fg.randint(99, (5,))]
    fg.set_rng_state(state)
    again = [fg.rand(5), fg.randn(3), fg.randn(21), fg.randint(99, (5,))]
    assert all(fg.equal(a, b) for a, b in zip(first, again, strict=True))


def test_state_is_a_copy():
    state = fg.get_rng_state()
    before = state.clone()
    fg.rand(1000)
    assert fg.equal(state, before)
    assert state.dtype is fg.uint8


def test_state_of_another_length_is_refused():
    before = fg.get_rng_state()
    with pytest.raises(RuntimeError):
        fg.set_rng_state(fg.zeros(3, dtype=fg.uint8))
    with pytest.raises((RuntimeError, TypeError)):
        fg.set_rng_state(fg.zeros(before.shape))
    assert fg.equal(fg.get_rng_state(), before)


def test_state_is_exchanged_with_pytorch(torch):
    torch.manual_seed(5)
    torch.rand(1001)
    if fg.get_rng_state().numel() != torch.get_rng_state().numel():
        pytest.skip("the state has a layout of its own")
    fg.set_rng_state(fg.from_numpy(torch.get_rng_state().numpy()))
    assert_same(fg.rand(700), torch.rand(700))


def test_seeds():
    assert fg.manual_seed(12).initial_seed() == fg.initial_seed() == 12
    assert fg.seed() == fg.initial_seed()
    fg.manual_seed(-1)
    for wrong in ("a", None, 1.5):
        with pytest.raises((TypeError, RuntimeError)):
            fg.manual_seed(wrong)


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


@pytest.mark.parametrize(
    "call",
    [
        lambda: fg.randint(5, 5, (2,)),
        lambda: fg.randint(5, 2, (2,)),
        lambda: fg.randint(0, 300, (2,), dtype=fg.uint8),
        lambda: fg.rand(-1),
        lambda: fg.rand(3, dtype=fg.int64),
        lambda: fg.randn(3, dtype=fg.bool),
        lambda: fg.randperm(-2),
        lambda: fg.empty(3).normal_(0, -1),
        lambda: fg.empty(3).uniform_(2, 1),
        lambda: fg.bernoulli(fg.tensor([2.0])),
        lambda: fg.empty(3).bernoulli_(1.5),
        lambda: fg.normal(fg.zeros(2), fg.tensor([1.0, -1.0])),
    ],
)
def test_wrong_arguments_raise(call):
    with pytest.raises((RuntimeError, ValueError)):
        call()
