"""Random numbers on a CUDA device: PyTorch's Philox, and which of its words an element gets."""

import pickle
from collections.abc import Callable, Iterator
from functools import cache

import pytest

import fastgrad as torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

MASK = 2**32 - 1
FULL = (-(2**63), None)


def philox(seed: int, subsequence: int, counter: int) -> list[int]:
    """Philox 4x32-10 (Salmon et al., 2011), four words of 32 bits."""
    c = [counter & MASK, counter >> 32, subsequence & MASK, subsequence >> 32]
    k = [seed & MASK, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & MASK, a >> 32 ^ c[3] ^ k[1], a & MASK]
        k = [k[0] + 0x9E3779B9 & MASK, k[1] + 0xBB67AE85 & MASK]
    return c


def calls_for(n: int) -> int:
    """How often each thread calls the generator to fill n elements."""
    g = torch.Generator("cuda").manual_seed(0)
    torch.empty(n, dtype=torch.bool, device="cuda").bernoulli_(generator=g)
    return state_of(g)[1] // 4


@cache
def most_threads() -> int:
    """A multiprocessor has room for 2048, 1536 or 1024 threads, which make four numbers at once."""
    processors = torch.cuda.get_device_properties(0).multi_processor_count
    fitting = [n * processors for n in (1024, 1536, 2048)]
    (found,) = (n for n in fitting if calls_for(4 * n) == 1 and calls_for(4 * n + 1) == 2)
    return found


def threads_for(n: int) -> int:
    return min(-(-n // 256) * 256, most_threads())


def wide_words(seed: int, n: int, offset: int = 0) -> Iterator[int]:
    """The whole numbers of 64 bits that elements get: two of each call."""
    threads = threads_for(n)
    for i in range(n):
        turn, thread = divmod(i, threads)
        words = philox(seed, thread, offset // 4 + turn // 2)
        first = 2 * (turn % 2)
        yield words[first] << 32 | words[first + 1]


def drawn(
    fill: Callable[[torch.Tensor, torch.Generator], object],
    n: int,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> torch.Tensor:
    x = torch.empty(n, dtype=dtype, device="cuda")
    fill(x, torch.Generator("cuda").manual_seed(seed))
    return x.cpu()


def state_of(generator: torch.Generator) -> tuple[int, int]:
    data = bytes(generator.get_state().tolist())
    return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")


def test_known_answers() -> None:
    assert philox(0, 0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = 2**64 - 1
    assert philox(ones, ones, ones) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    word = drawn(lambda x, g: x.random_(*FULL, generator=g), 1, torch.int64).item()
    assert word & (2**64 - 1) == 0x6627E8D5E169C58D


@pytest.mark.parametrize("n", [1, 255, 700])
def test_words_of_elements(n: int) -> None:
    seed = 2**40 + 12345
    got = drawn(lambda x, g: x.random_(*FULL, generator=g), n, torch.int64, seed)
    assert [v & (2**64 - 1) for v in got.tolist()] == list(wide_words(seed, n))


def test_threads_take_several_numbers() -> None:
    threads = most_threads()
    n = 3 * threads + 5
    got = drawn(lambda x, g: x.random_(*FULL, generator=g), n, torch.int64, 3)
    for turn, words in enumerate([philox(3, 1, 0), philox(3, 1, 1)]):
        for k in range(2):
            at = 1 + (2 * turn + k) * threads
            assert at >= n or got[at].item() & (2**64 - 1) == words[2 * k] << 32 | words[2 * k + 1]
    single = drawn(lambda x, g: x.uniform_(generator=g), n, seed=3)
    for k in range(3):
        assert abs(single[1 + k * threads].item() - philox(3, 1, 0)[k] * 2**-32) < 1e-6


def test_uniform_numbers() -> None:
    x = drawn(lambda x, g: x.uniform_(generator=g), 300, seed=9)
    for i in (0, 1, 255, 256, 299):
        word = philox(9, i, 0)[0]
        assert x[i].item() == torch.tensor(word * 2.0**-32 + 2.0**-33).item() % 1
    y = drawn(lambda x, g: x.uniform_(generator=g), 300, torch.float64, seed=9)
    low, high = philox(9, 7, 0)[:2]
    assert y[7].item() == (low ^ high << 21) * 2.0**-53 + 2.0**-54


def test_normal_numbers() -> None:
    import math

    x = drawn(lambda x, g: x.normal_(2.0, 3.0, generator=g), 300, seed=9)
    for i in (0, 5, 299):
        u, v = (word * 2.0**-32 + 2.0**-33 for word in philox(9, i, 0)[:2])
        expected = 2 + 3 * math.sqrt(-2 * math.log(u)) * math.sin(2 * math.pi * v)
        assert abs(x[i].item() - expected) < 1e-4
    y = drawn(lambda x, g: x.normal_(generator=g), 100000, torch.float64)
    assert abs(y.mean().item()) < 0.02
    assert abs(y.std().item() - 1) < 0.02


@pytest.mark.parametrize(
    ("fill", "mean", "spread"),
    [
        (lambda x, g: x.exponential_(2.0, generator=g), 0.5, 0.02),
        (lambda x, g: x.geometric_(0.25, generator=g), 4.0, 0.2),
        (lambda x, g: x.bernoulli_(0.3, generator=g), 0.3, 0.02),
        (lambda x, g: x.log_normal_(0.0, 0.5, generator=g), 1.1331, 0.03),
        (lambda x, g: x.random_(0, 10, generator=g), 4.5, 0.1),
        (lambda x, g: x.cauchy_(generator=g).clamp_(-1, 1), 0.0, 0.03),
    ],
    ids=["exponential", "geometric", "bernoulli", "log_normal", "random", "cauchy"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_means(
    fill: Callable[[torch.Tensor, torch.Generator], object],
    mean: float,
    spread: float,
    dtype: torch.dtype,
) -> None:
    x = drawn(fill, 20000, dtype)
    assert abs(x.mean().item() - mean) < spread
    assert torch.equal(x, drawn(fill, 20000, dtype))
    assert not torch.equal(x, drawn(fill, 20000, dtype, seed=1))


@pytest.mark.parametrize("rate", [0.0, 3.0, 50.0])
def test_poisson(rate: float) -> None:
    rates = torch.full((20000,), rate, device="cuda")
    x = torch.poisson(rates, torch.Generator("cuda").manual_seed(0)).cpu()
    assert abs(x.mean().item() - rate) <= 0.02 * rate
    assert abs(x.var().item() - rate) <= 0.05 * rate


def test_integers_of_every_dtype() -> None:
    for dtype in (torch.uint8, torch.int16, torch.bool, torch.float16, torch.int64):
        x = drawn(lambda x, g: x.random_(generator=g), 3000, dtype)
        assert x.dtype == dtype
        assert len(x.unique()) > 1
    wide = drawn(lambda x, g: x.random_(5, 2**40, generator=g), 3000, torch.int64)
    assert wide.min().item() >= 5
    assert wide.max().item() > 2**38


def test_offsets_advance_as_pytorchs() -> None:
    g = torch.Generator("cuda").manual_seed(5)
    assert state_of(g) == (5, 0)
    threads = most_threads()
    for n, dtype, calls in (
        (1, torch.float32, 1),
        (4 * threads, torch.float32, 1),
        (4 * threads + 1, torch.float32, 2),
        (2 * threads + 1, torch.float64, 2),
    ):
        before = state_of(g)[1]
        torch.empty(n, dtype=dtype, device="cuda").uniform_(generator=g)
        assert state_of(g)[1] - before == 4 * calls


def test_states_continue() -> None:
    g = torch.Generator("cuda").manual_seed(5)
    assert g.device.type == "cuda"
    assert g.get_state().shape == (16,)
    torch.empty(3, device="cuda").uniform_(generator=g)
    state, copy, thawed = g.get_state(), g.clone_state(), pickle.loads(pickle.dumps(g))
    first = torch.rand(4, device="cuda", generator=g)
    for other in (copy, thawed):
        assert torch.equal(torch.rand(4, device="cuda", generator=other), first)
    g.set_state(state)
    assert torch.equal(torch.rand(4, device="cuda", generator=g), first)
    with pytest.raises(RuntimeError, match="16 bytes"):
        g.set_state(torch.Generator().get_state())


def test_default_generators() -> None:
    torch.manual_seed(3)
    x = torch.rand(5, device="cuda")
    torch.cuda.manual_seed(3)
    assert torch.equal(torch.rand(5, device="cuda"), x)
    own = torch.Generator("cuda").manual_seed(3)
    assert torch.equal(torch.rand(5, device="cuda", generator=own), x)
    torch.manual_seed(3)
    torch.rand(5)
    assert torch.equal(torch.rand(5, device="cuda"), x)


def test_generators_of_another_device_are_refused() -> None:
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator"):
        torch.rand(3, device="cuda", generator=torch.Generator())
    with pytest.raises(RuntimeError, match="Expected a 'cpu' device type for generator"):
        torch.rand(3, generator=torch.Generator("cuda"))


def test_permutations() -> None:
    torch.manual_seed(0)
    x = torch.randperm(100, device="cuda")
    torch.manual_seed(0)
    assert x.device.type == "cuda"
    assert torch.equal(x.cpu(), torch.randperm(100))
    g = torch.Generator("cuda").manual_seed(1)
    y, z = (torch.randperm(1000, device="cuda", generator=g).cpu() for _ in range(2))
    assert torch.equal(y.sort().values, torch.arange(1000))
    assert not torch.equal(y, z)


def test_categories() -> None:
    p = torch.tensor([[0.0, 1.0, 3.0, 0.0], [1.0, 0.0, 0.0, 0.0]], device="cuda")
    x = torch.multinomial(p, 4000, replacement=True).cpu()
    assert set(x[0].tolist()) == {1, 2}
    assert set(x[1].tolist()) == {0}
    assert abs((x[0] == 2).float().mean().item() - 0.75) < 0.05
    assert sorted(torch.multinomial(p[0], 2).tolist()) == [1, 2]


@pytest.mark.parametrize("replacement", [False, True])
def test_wrong_probabilities_are_refused(replacement: bool) -> None:
    for wrong in ([0.5, -1.0], [0.5, float("nan")], [0.5, float("inf")], [0.0, 0.0]):
        p = torch.tensor([[1.0, 1.0], wrong], device="cuda")
        with pytest.raises(RuntimeError, match="probabilities"):
            torch.multinomial(p, 2, replacement)


def test_dropout() -> None:
    torch.manual_seed(0)
    x = torch.ones(20000, device="cuda", requires_grad=True)
    y = torch.nn.functional.dropout(x, 0.25)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())
    assert abs((y.detach() == 0).float().mean().item() - 0.25) < 0.02
    assert abs(y.max().item() - 1 / 0.75) < 1e-6


def test_numbers_are_those_that_pytorch_draws_on_a_device() -> None:
    """What PyTorch prints on a GPU of enough multiprocessors for few numbers: one each thread."""
    torch.manual_seed(0)
    uniform = torch.rand(5, device="cuda").cpu()
    torch.manual_seed(0)
    normal = torch.randn(6, device="cuda").cpu()
    assert uniform.allclose(torch.tensor([0.3990, 0.5167, 0.0249, 0.9401, 0.9459]), 0, 6e-5)
    expected = torch.tensor([-0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797])
    assert normal.allclose(expected, 0, 6e-5)
