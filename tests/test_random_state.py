"""Generators: seeds, states that both libraries understand, copies, forks, threads."""

import copy
import pickle
import threading

import pytest

import fastgrad as fg
from parity import assert_same

pytestmark = pytest.mark.core


def some_numbers(t, generator=None):
    return [
        t.rand(5, generator=generator),
        t.randn(3, generator=generator),
        t.randn(21, generator=generator),
        t.randint(99, (5,), generator=generator),
        t.empty(3).bernoulli_(0.5, generator=generator),
        t.empty(3).exponential_(generator=generator),
        t.randperm(5, generator=generator),
        t.multinomial(t.ones(4), 2, generator=generator),
        t.normal(t.zeros(3), 1.0, generator=generator),
        t.rand_like(t.zeros(3), generator=generator),
        t.poisson(t.ones(3), generator=generator),
        t.bernoulli(t.ones(3) / 2, generator=generator),
    ]


def equal(a, b):
    return all(fg.equal(x, y) for x, y in zip(a, b, strict=True))


def test_own_generator(torch):
    drawn = []
    for lib in (fg, torch):
        generator = lib.Generator().manual_seed(9)
        lib.manual_seed(1)
        drawn.append([*some_numbers(lib, generator), lib.rand(2)])
    for ours, theirs in zip(*drawn, strict=True):
        assert_same(ours, theirs, exact=False)


def test_every_function_draws_from_the_given_generator():
    before = fg.get_rng_state()
    generator = fg.Generator().manual_seed(9)
    first = some_numbers(fg, generator)
    assert equal(first, some_numbers(fg, generator.manual_seed(9)))
    assert fg.equal(fg.get_rng_state(), before)


def test_state_round_trip():
    fg.manual_seed(1)
    fg.randn(3)  # leaves a half-used pair behind
    state = fg.get_rng_state()
    first = some_numbers(fg)
    fg.set_rng_state(state)
    assert equal(first, some_numbers(fg))


@pytest.mark.parametrize("use", [lambda t: None, lambda t: t.rand(1001), lambda t: t.randn(3)])
@pytest.mark.parametrize("seed", [0, 5, -1, 2**64 - 1, -(2**63)])
def test_states_are_exchanged_with_pytorch(torch, use, seed):
    for lib in (fg, torch):
        lib.manual_seed(seed)
        use(lib)
    ours, theirs = fg.get_rng_state(), torch.get_rng_state()
    assert bytes(ours.numpy()) == bytes(theirs.numpy())
    expected = [torch.randn(1), torch.rand(700)]
    fg.manual_seed(99)
    fg.set_rng_state(fg.from_numpy(theirs.numpy()))
    assert_same(fg.randn(1), expected[0])
    assert_same(fg.rand(700), expected[1])
    torch.set_rng_state(torch.from_numpy(ours.numpy()))
    assert_same(fg.empty(0), torch.empty(0))
    fg.set_rng_state(ours)
    assert_same(fg.randn(1), torch.randn(1))


def test_a_state_keeps_what_only_pytorch_uses():
    state = fg.Generator().manual_seed(3).get_state()
    state[-8] = 1  # PyTorch's kept normal number of float
    generator = fg.Generator()
    generator.set_state(state)
    assert fg.equal(generator.get_state(), state)


def test_state_is_a_copy():
    state = fg.get_rng_state()
    before = state.clone()
    fg.rand(1000)
    assert fg.equal(state, before)
    assert state.dtype is fg.uint8


def test_what_is_no_state_is_refused():
    before = fg.get_rng_state()
    wrong = before.clone()
    wrong[8] = wrong[9] = 255  # more numbers left than there are
    for state in (fg.zeros(3, dtype=fg.uint8), fg.zeros(before.shape, dtype=fg.uint8), wrong):
        with pytest.raises(RuntimeError, match="state"):
            fg.set_rng_state(state)
    for state in (fg.zeros(before.shape), 3, None):
        with pytest.raises(TypeError):
            fg.set_rng_state(state)
    assert fg.equal(fg.get_rng_state(), before)


def test_seeds():
    assert fg.manual_seed(12) is fg.default_generator
    assert fg.initial_seed() == fg.random.initial_seed() == 12
    assert fg.seed() == fg.initial_seed()
    generator = fg.Generator()
    assert generator.initial_seed() == 67280421310721
    assert generator.seed() == generator.initial_seed() != fg.Generator().seed()
    assert fg.manual_seed(-1).initial_seed() == 2**64 - 1
    assert fg.manual_seed("12").initial_seed() == fg.manual_seed(12.7).initial_seed() == 12


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 10**30, -(10**30)])
def test_seeds_out_of_range(seed):
    for start in (fg.manual_seed, fg.Generator().manual_seed):
        with pytest.raises(ValueError, match="seed"):
            start(seed)


def test_what_is_no_seed():
    for wrong in ("a", None):
        with pytest.raises((TypeError, ValueError)):
            fg.manual_seed(wrong)
    for wrong in (1.5, "3", True, fg.tensor(3)):
        with pytest.raises(RuntimeError, match="int"):
            fg.Generator().manual_seed(wrong)


def test_a_generator_has_a_device():
    assert fg.Generator(device="cpu").device == fg.device("cpu")
    assert fg.Generator(device=fg.device("cpu")).device.type == "cpu"
    with pytest.raises(RuntimeError, match="cuda"):
        fg.Generator("cuda:99")


@pytest.mark.parametrize(
    "copied",
    [
        lambda g: g.clone_state(),
        lambda g: pickle.loads(pickle.dumps(g)),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_copies_draw_the_same_numbers(copied):
    generator = fg.Generator().manual_seed(4)
    fg.randn(3, generator=generator)
    other = copied(generator)
    assert other.initial_seed() == 4
    expected = fg.randn(20, generator=generator)
    assert fg.equal(fg.randn(20, generator=other), expected)


def test_fork_rng():
    fg.manual_seed(0)
    expected = fg.rand(3)
    fg.manual_seed(0)
    with fg.random.fork_rng():
        fg.manual_seed(7)
        fg.rand(10)
    assert fg.equal(fg.rand(3), expected)
    state = fg.get_rng_state()
    with pytest.raises(RuntimeError, match="size"), fg.random.fork_rng(devices=[]):
        fg.rand(10) + fg.rand(11)
    assert fg.equal(fg.get_rng_state(), state)
    with fg.random.fork_rng(enabled=False):
        fg.rand(10)
    assert not fg.equal(fg.get_rng_state(), state)
    with pytest.raises(RuntimeError, match="CPU"), fg.random.fork_rng(devices=[0]):
        pass


def test_threads_that_share_a_generator_draw_each_number_once():
    """Large fills run without the interpreter's lock."""
    n, rounds = 150_001, 4
    generator = fg.Generator().manual_seed(2)
    results = []

    def work():
        for _ in range(rounds):
            results.append(fg.rand(n, generator=generator))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    generator.manual_seed(2)
    expected = {fg.rand(n, generator=generator)[0].item() for _ in range(3 * rounds)}
    assert {x[0].item() for x in results} == expected
