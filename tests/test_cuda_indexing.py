"""Reading and writing by index on a CUDA device, against the CPU's results."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from numpy.testing import assert_allclose

import fastgrad as torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def moved(x: Any, device: str) -> Any:
    if isinstance(x, torch.Tensor):
        return x.to(device)
    if isinstance(x, tuple):
        return tuple(moved(part, device) for part in x)
    return x


def check(f: Callable[..., torch.Tensor], *args: Any) -> None:
    expected = f(*args)
    out = f(*moved(args, "cuda"))
    assert out.device.type == "cuda"
    assert out.dtype == expected.dtype
    assert out.shape == expected.shape
    assert torch.equal(out.cpu(), expected)


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    n = 1
    for size in shape:
        n *= size
    return (torch.arange(n) * 37 % 251).view(shape).to(dtype)


def places(n: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(n, shape, generator=torch.Generator().manual_seed(seed))


MASK = numbers(6, 5) % 3 == 0
INDICES: list[Any] = [
    (torch.tensor([2, 0, -1, 2]),),
    (torch.tensor([[2, 0], [-1, 2]]),),
    (slice(None), torch.tensor([1, -2])),
    (torch.tensor([0, 3]), torch.tensor([1, -1])),
    (torch.tensor([0, 3]), slice(None), torch.tensor([1, -1])),
    (slice(1, None, 2), torch.tensor([[0], [4]])),
    (..., torch.tensor([3, 3, 0])),
    (MASK,),
    (None, torch.tensor([5, 1]), torch.tensor(2)),
    (torch.tensor([], dtype=torch.int64),),
    ([0, 2, 4],),
    (True, torch.tensor([1])),
]


@pytest.mark.parametrize("index", INDICES, ids=range(len(INDICES)))
@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.uint8, torch.bool, torch.int64], ids=str
)
def test_getitem(index: Any, dtype: torch.dtype) -> None:
    x = numbers(6, 5, 4, dtype=dtype)
    check(lambda x, *i: x[i], x, *index)
    check(lambda x, *i: x[i], x.transpose(0, 1).contiguous().transpose(0, 1), *index)
    check(lambda x, *i: x[i], x, *moved(index, "cpu"))


@pytest.mark.parametrize("index", INDICES, ids=range(len(INDICES)))
def test_setitem(index: Any) -> None:
    def written(x: torch.Tensor, *index: Any) -> torch.Tensor:
        x = x.clone()
        x[index] = numbers(*x[index].shape).to(x.device)
        x[index] += 1
        return x

    def filled(x: torch.Tensor, *index: Any) -> torch.Tensor:
        x = x.clone()
        x[index] = 7
        return x

    check(written, numbers(6, 5, 4), *index)
    check(filled, numbers(6, 5, 4), *index)


@pytest.mark.parametrize("index", INDICES, ids=range(len(INDICES)))
def test_gradient_of_getitem(index: Any) -> None:
    def gradient(x: torch.Tensor, *index: Any) -> torch.Tensor:
        x = x.clone().requires_grad_()
        out = x[index]
        (out * numbers(*out.shape).to(x.device)).sum().backward()
        assert x.grad is not None
        return x.grad

    check(gradient, numbers(6, 5, 4), *index)


def test_indices_of_the_host_index_the_device() -> None:
    x = numbers(6, 5).to("cuda")
    at = torch.tensor([1, -1])
    assert torch.equal(x[at].cpu(), numbers(6, 5)[at])
    assert torch.equal(x[MASK].cpu(), numbers(6, 5)[MASK])
    with pytest.raises(RuntimeError, match="indices should be either on cpu"):
        numbers(6, 5)[at.to("cuda")]
    with pytest.raises(RuntimeError, match="destination"):
        x[at.to("cuda")] = numbers(2, 5)
    x[0] = numbers(5)
    assert torch.equal(x[0].cpu(), numbers(5))


@pytest.mark.parametrize("shape", [(0, 3), (1,), (5000,), (70, 80), (3, 4, 5, 6)], ids=str)
def test_nonzero(shape: tuple[int, ...]) -> None:
    x = numbers(*shape) % 3
    check(torch.nonzero, x)
    check(lambda x: x[x > 0], x)
    check(lambda x: torch.masked_select(x, x == 1), x)


def test_nonzero_of_a_scalar() -> None:
    check(torch.nonzero, torch.tensor(3))
    check(torch.nonzero, torch.tensor(0))


@pytest.mark.parametrize("width", [1, 2, 3, 4, 16, 100, 1030])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8], ids=str)
def test_rows(width: int, dtype: torch.dtype) -> None:
    x, at = numbers(50, width, dtype=dtype), places(50, 300)
    check(lambda x, at: torch.index_select(x, 0, at), x, at)
    check(lambda x, at: torch.index_select(x, 0, at), x[:, : width // 2 + 1], at)
    check(lambda x, at: torch.index_select(x.t(), 1, at), x, at)
    check(lambda x, at: x[:, 0][at], x, at.view(3, 100))


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_gather(dim: int) -> None:
    x, at = numbers(7, 6, 5), places(5, 5, 6, 4)
    check(lambda x, at: torch.gather(x, dim, at), x, at)
    check(lambda x, at: torch.gather(x, dim, at), x, at[:1, :1].expand(5, 6, 4))
    check(lambda x, at: torch.gather(x.transpose(0, 2), 0, at.transpose(0, 2)), x, at)


def test_take_one_hot_and_embedding() -> None:
    x = numbers(7, 6)
    check(torch.take, x, torch.tensor([[0, 41], [-1, 5]]))
    check(torch.nn.functional.one_hot, places(9, 4, 5))
    check(lambda at: torch.nn.functional.one_hot(at, 12), places(9, 4, 5))

    def gradient(table: torch.Tensor, at: torch.Tensor, padding: int) -> torch.Tensor:
        table = table.clone().requires_grad_()
        out = torch.nn.functional.embedding(at, table, padding_idx=padding)
        (out * numbers(*out.shape).to(table.device)).sum().backward()
        assert table.grad is not None
        return table.grad

    check(partial(gradient, padding=3), numbers(11, 33), places(11, 40, 7))
    check(partial(gradient, padding=0), numbers(2, 3), places(2, 10000))


ROWS = [1, 3, 64, 1000, 20000]


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.int16, torch.uint8, torch.float64, torch.float32], ids=str
)
def test_scatter(n: int, dtype: torch.dtype) -> None:
    """Whole numbers, so that sums are the same in any order."""
    x, source, at = numbers(50, 3, dtype=dtype), numbers(n, 3, dtype=dtype), places(50, n, 3)
    check(lambda x, at, s: x.scatter(0, at, s), x, at, source)
    check(lambda x, at, s: x.scatter_add(0, at, s), x, at, source)
    check(lambda x, at, s: x.scatter_reduce(0, at, s, "amin"), x, at, source)
    check(lambda x, at, s: x.scatter_reduce(0, at, s, "amax"), x, at, source)
    check(lambda x, at, s: x.scatter_reduce(0, at, s, "prod"), x, at, source % 2)
    check(lambda x, at, s: x.t().contiguous().scatter(1, at.t(), s.t()), x, at, source)


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("width", [1, 5, 300])
def test_rows_written_by_index(n: int, width: int) -> None:
    x, source, at = numbers(40, width), numbers(n, width), places(40, n)
    check(lambda x, at, s: x.index_add(0, at, s), x, at, source)
    check(lambda x, at, s: x.index_copy(0, at, s), x, at, source)
    check(lambda x, at: x.index_fill(0, at - 40, 5.0), x, at)
    check(lambda x, at, s: x.index_put((at,), s, accumulate=True), x, at, source)
    check(lambda x, at, s: x.index_put((at,), s), x, at, source)


def test_many_keys_are_ordered() -> None:
    """More targets than one digit of the sort tells apart, more indices than a tile has."""
    at = places(300000, 10000)
    check(lambda x, at, s: x.index_put((at,), s), torch.zeros(300000), at, torch.arange(10000.0))
    check(lambda x, at, s: x.index_add(0, at, s), torch.zeros(300000), at, torch.arange(10000.0))


def test_sums_of_floats_are_the_same_in_every_run() -> None:
    g = torch.Generator().manual_seed(0)
    source, at = torch.randn(30000, 3, generator=g), places(7, 30000)
    x = torch.zeros(7, 3, device="cuda")
    first = x.index_add(0, at.to("cuda"), source.to("cuda"))
    for _ in range(3):
        assert torch.equal(x.index_add(0, at.to("cuda"), source.to("cuda")), first)
    expected = x.cpu().index_add(0, at, source)
    assert_allclose(first.cpu().numpy(), expected.numpy(), rtol=1e-4, atol=1e-3)


def test_masked_fill_and_scatter() -> None:
    x = numbers(6, 5)
    check(lambda x, m: x.masked_fill(m, 2.5), x, MASK)
    check(lambda x, m: x.masked_fill(m[0], float("nan")).isnan(), x, MASK)
    check(lambda x, m: x.masked_scatter(m, x + 100), x, MASK)


def test_faults_are_raised_when_the_device_is_waited_for() -> None:
    x = torch.zeros(5, 2, device="cuda")
    for f in (
        lambda: x[torch.tensor([1, 5], device="cuda")],
        lambda: torch.gather(x, 0, torch.tensor([[-1]], device="cuda")),
        lambda: x.index_add(0, torch.tensor([7], device="cuda"), torch.ones(1, 2, device="cuda")),
        lambda: torch.nn.functional.embedding(torch.tensor([9], device="cuda"), x),
    ):
        with pytest.raises(IndexError, match="out of bounds"):
            f().tolist()
    torch.cuda.synchronize()
    with pytest.raises(IndexError, match="size 0"):
        torch.zeros(0, device="cuda")[torch.tensor([0], device="cuda")]


def test_parts_are_joined() -> None:
    parts = [numbers(3, n, 5) + n for n in (1, 4, 0, 2)]
    check(lambda *p: torch.cat(p, 1), *parts)
    check(lambda *p: torch.cat([x.transpose(0, 1) for x in p]), *parts)
    check(lambda *p: torch.cat([x.to(torch.uint8) for x in p], 1), *parts)
    check(lambda x, y: torch.cat([x, y]), numbers(3), numbers(3, dtype=torch.float64))
    check(lambda x: torch.cat([x[i : i + 1] for i in range(300)]), numbers(300, 4))
    check(lambda x: torch.stack([x, x + 1], -1), numbers(40, 50))


@pytest.mark.parametrize("diagonal", [-3, 0, 2, 100])
def test_triangles(diagonal: int) -> None:
    check(lambda x: torch.tril(x, diagonal), numbers(3, 5, 7))
    check(lambda x: torch.triu(x, diagonal), numbers(3, 7, 5).transpose(1, 2))


def test_arrangements() -> None:
    x = numbers(4, 5, 3)
    check(lambda x: x.flip(0, 2), x)
    check(lambda x: x.roll((1, -2), (0, 1)), x)
    check(lambda x: x.roll(7), x)
    check(lambda x: x.repeat(2, 1, 3), x)
    check(lambda x: torch.diagonal(x, 1).clone(), x)
    check(lambda x: x.repeat_interleave(3, 1), x)


def test_gradient_of_overlapping_windows() -> None:
    def gradient(x: torch.Tensor) -> torch.Tensor:
        x = x.clone().requires_grad_()
        x.as_strided((5, 4), (2, 1), 1).square().sum().backward()
        assert x.grad is not None
        return x.grad

    check(gradient, numbers(20))
