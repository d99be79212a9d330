"""Processes that work together over MPI: each test starts them for real."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastgrad as fg
from fastgrad import distributed as dist
from fastgrad.distributed.launch import find_launcher
from ranks import HEAD, needs_mpi, on_ranks


@pytest.fixture(autouse=True)
def _mpi(request: pytest.FixtureRequest) -> None:
    if "without_mpi" not in request.fixturenames:
        needs_mpi()


REDUCTIONS = """
rank, size = start(backend="mpi")
from functools import reduce
dtypes = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8]
def numbers(rank, dtype, shape):
    generator = torch.Generator().manual_seed(rank)
    return torch.randint(1, 5, shape, generator=generator).to(dtype)
ops = {
    "SUM": torch.add, "PRODUCT": torch.mul, "MIN": torch.minimum, "MAX": torch.maximum,
    "BAND": torch.bitwise_and, "BOR": torch.bitwise_or, "BXOR": torch.bitwise_xor,
}
for dtype in dtypes:
    for shape in ((), (0,), (1,), (5, 3), (1001,)):
        everyone = [numbers(r, dtype, shape) for r in range(size)]
        for name, op in ops.items():
            if dtype.is_floating_point and name.startswith("B"):
                continue
            expected = reduce(op, everyone)
            x = everyone[rank].clone()
            assert dist.all_reduce(x, dist.ReduceOp[name]) is None
            assert torch.equal(x, expected) and x.dtype is dtype, (name, dtype, x, expected)
            x = everyone[rank].clone()
            dist.reduce(x, size - 1, dist.ReduceOp[name])
            assert torch.equal(x, expected if rank == size - 1 else everyone[rank])
            part = torch.empty(shape, dtype=dtype)
            dist.reduce_scatter(part, [everyone[rank]] * size, dist.ReduceOp[name])
            assert torch.equal(part, expected)
for shift in range(3):
    bools = [(torch.arange(9) + r + shift) % 3 == 0 for r in range(size)]
    x = bools[rank].clone()
    dist.all_reduce(x, dist.ReduceOp.MAX)
    assert torch.equal(x, reduce(torch.logical_or, bools))
x = torch.tensor([1.0, 2.0]) * (rank + 1)
dist.all_reduce(x, dist.ReduceOp.AVG)
assert torch.equal(x, torch.tensor([1.0, 2.0]) * (size + 1) / 2)
matrix = torch.zeros(4, 3) + rank
dist.all_reduce(matrix.T[1:])  # not contiguous, and a view
assert matrix[:, 0].tolist() == [rank] * 4 and (matrix[:, 1:] == sum(range(size))).all()
leaf = torch.ones(2, requires_grad=True)
dist.all_reduce(leaf)
assert leaf.requires_grad and leaf.is_leaf and leaf.tolist() == [size] * 2
try:
    dist.all_reduce(torch.ones(1), dist.ReduceOp.BAND)
    raise SystemExit(1)
except TypeError as error:
    assert "BAND needs integers" in str(error)
"""

MOVES = """
rank, size = start()
for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool):
    own = (torch.arange(6).reshape(2, 3) + rank).to(dtype)
    everyone = [(torch.arange(6).reshape(2, 3) + r).to(dtype) for r in range(size)]
    for root in range(size):
        x = own.clone()
        dist.broadcast(x, root)
        assert torch.equal(x, everyone[root])
        found = [torch.zeros_like(own) for _ in range(size)] if rank == root else None
        dist.gather(own, found, root)
        assert rank != root or all(torch.equal(a, b) for a, b in zip(found, everyone))
        x = torch.zeros_like(own)
        dist.scatter(x, everyone if rank == root else None, root)
        assert torch.equal(x, own)
    found = [torch.zeros_like(own) for _ in range(size)]
    dist.all_gather(found, own)
    assert all(torch.equal(a, b) for a, b in zip(found, everyone))
    whole = torch.zeros(2 * size, 3, dtype=dtype)
    dist.all_gather_into_tensor(whole, own)
    assert torch.equal(whole, torch.cat(everyone))
    into = [torch.zeros(r + rank, dtype=dtype) for r in range(size)]
    dist.all_to_all(into, [torch.ones(rank + r, dtype=dtype) for r in range(size)])
    assert all(torch.equal(x, torch.ones_like(x)) for x in into)
whole, part = torch.arange(2.0 * size) + rank, torch.zeros(2)
dist.reduce_scatter_tensor(part, whole)
assert torch.equal(part, (torch.arange(2.0) + 2 * rank) * size + sum(range(size)))

# Handles: several under way, waited for in another order.
xs = [torch.full((n,), float(rank)) for n in (1, 1000, 100_000)]
works = [dist.all_reduce(x, async_op=True) for x in xs]
assert [work.wait() for work in reversed(works)] == [True] * 3
assert all(work.is_completed() and work.is_success() for work in works)
assert all((x == sum(range(size))).all() for x in xs)

# Messages between two, out of order and from anyone.
if rank == 0:
    big, small, late = torch.zeros(300_000), torch.zeros(2), torch.zeros((), dtype=torch.int64)
    first = dist.irecv(small, 1, tag=2)
    assert dist.recv(big, 1, tag=1) == 1 and big.sum() == 300_000
    assert first.wait() and first.source_rank() == 1 and small.tolist() == [5, 6]
    sources = {dist.recv(late, tag=7) for _ in range(size - 1)}
    assert sources == set(range(1, size))
else:
    if rank == 1:
        work = dist.isend(torch.ones(300_000), 0, tag=1)
        dist.send(torch.tensor([5.0, 6.0]), 0, tag=2)
        work.wait()
    dist.send(torch.tensor(rank), 0, tag=7)

# Groups: numbered anew, and only of their members.
group = dist.new_group([size - 1, 0])
assert dist.get_rank(group) == {0: 0, size - 1: 1}.get(rank, -1)
if rank in (0, size - 1):
    x = torch.tensor([rank])
    dist.broadcast(x, group=group, group_src=1)
    assert x.item() == size - 1 and dist.get_world_size(group) == 2
else:
    try:
        dist.barrier(group)
        raise SystemExit(1)
    except ValueError as error:
        assert "no part of the group" in str(error)

# Objects
found = [None] * size
dist.all_gather_object(found, {"rank": rank, "x": torch.ones(rank)})
assert [entry["rank"] for entry in found] == list(range(size)) and len(found[-1]["x"]) == size - 1
things = ["a", torch.arange(3)] if rank == 0 else [None, None]
dist.broadcast_object_list(things, 0)
assert things[0] == "a" and things[1].tolist() == [0, 1, 2]
assert dist.on_first_rank(lambda: 40 + 2 if rank == 0 else 1 / 0) == 42
def fails():
    raise FileNotFoundError(2, "gone", "file")
try:
    dist.on_first_rank(fails)
    raise SystemExit(1)
except FileNotFoundError as error:
    assert error.filename == "file"
dist.barrier()
dist.destroy_process_group()
assert not dist.is_initialized()
"""


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_reductions_are_those_of_the_tensors_of_all_ranks(processes: int, tmp_path: Path):
    on_ranks(processes, REDUCTIONS, tmp_path)


@pytest.mark.parametrize("processes", [2, 3])
def test_tensors_and_objects_arrive(processes: int, tmp_path: Path):
    on_ranks(processes, MOVES, tmp_path)


def test_a_sum_has_the_same_bits_on_all_ranks_and_in_all_runs(tmp_path: Path):
    source = """
    rank, size = start()
    x = torch.randn(10_001, generator=torch.Generator().manual_seed(rank))
    time.sleep(0.01 * ((os.getpid() + rank) % 3))
    dist.all_reduce(x)
    import zlib
    print("sum", zlib.crc32(memoryview(x)))
    """
    lines = set()
    for _ in range(2):
        lines |= {x for x in on_ranks(3, source, tmp_path).stdout.splitlines() if "sum" in x}
    assert len(lines) == 1


# What goes wrong

DISAGREEMENTS = {
    "shape": ("dist.all_reduce(torch.ones(3 + rank))", "float32 [3]", "float32 [4]"),
    "dtype": (
        "dist.broadcast(torch.ones(3, dtype=torch.float64 if rank else torch.float32), 0)",
        "float32 [3]",
        "float64 [3]",
    ),
    "call": ("dist.barrier() if rank else dist.all_reduce(torch.ones(1))", "barrier", "all_reduce"),
    "message": (
        "dist.recv(torch.ones(2), 1) if rank == 0 else dist.send(torch.ones(3), 0)",
        "message of float32 [2]",
        "message of float32 [3]",
    ),
}


@pytest.mark.parametrize("what", DISAGREEMENTS)
def test_ranks_that_disagree_are_told(what: str, tmp_path: Path):
    call, one, other = DISAGREEMENTS[what]
    done = on_ranks(2, f"rank, size = start()\n{call}", tmp_path, "--timeout", "20", code=None)
    error = next(line for line in done.stderr.splitlines() if "the ranks disagree" in line)
    assert one in error
    assert other in error


def test_a_rank_that_does_not_come_is_named_after_the_timeout(tmp_path: Path):
    source = """
    from datetime import timedelta
    rank, size = start(timeout=timedelta(seconds=1))
    if rank == 2:
        time.sleep(30)
    dist.all_reduce(torch.ones(5))
    """
    done = on_ranks(3, source, tmp_path, code=None)
    expected = (
        "waited 1 s in all_reduce(SUM) of float32 [5] (call 1), in vain: rank 2 has not called"
    )
    assert expected in done.stderr


def test_a_rank_that_waits_for_another_call_says_so(tmp_path: Path):
    source = """
    rank, size = start()
    if rank == 0:
        dist.recv(torch.ones(1), 1)
    dist.barrier()
    """
    done = on_ranks(2, source, tmp_path, "--timeout", "1", code=None)
    assert "rank 1 waits in barrier (call 1)" in done.stderr or (
        "rank 0 waits in recv from rank 1" in done.stderr
    )


def test_when_a_rank_is_killed_the_others_stop_and_it_is_named(tmp_path: Path):
    source = """
    rank, size = start()
    if rank == 1:
        os.kill(os.getpid(), 9)
    dist.barrier()
    """
    done = on_ranks(3, source, tmp_path, code=None)
    assert "[rank 1] was killed by SIGKILL; the run ends with it" in done.stderr


def test_when_a_rank_fails_the_others_stop_and_it_is_named(tmp_path: Path):
    source = """
    rank, size = start()
    if rank == 1:
        raise LookupError("no such thing")
    dist.barrier()
    """
    done = on_ranks(2, source, tmp_path, code=None)
    assert "[rank 1] LookupError: no such thing" in done.stderr
    assert "rank 1 of 2 stops on this error" in done.stderr


def test_under_mpiexec_alone_it_works_and_a_failure_ends_all(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(
        HEAD + 'rank, size = start(init_method="env://")\n'
        "x = torch.ones(1)\ndist.all_reduce(x)\n"
        "told = [os.environ[x] for x in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')]\n"
        "sys.stdout.write(' '.join([str(int(x)), *told]) + '\\n')\n"
        "sys.stdout.flush()\ndist.barrier()\n"
        "if rank == 1:\n    raise LookupError('gone')\ndist.barrier()\n"
    )
    command = [str(find_launcher()), "-n", "2", sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert sorted(line for line in done.stdout.splitlines() if line.startswith("2")) == [
        "2 0 2 0",
        "2 1 2 1",
    ]
    assert "rank 1 of 2 stops on this error (LookupError)" in done.stderr


def test_a_process_that_was_not_started_as_one_of_many_is_told(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(HEAD + "start()")
    env = {**os.environ, "RANK": "1", "WORLD_SIZE": "4"}  # as torchrun sets them
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=env, check=False
    )
    assert "RANK is 1, but MPI says 0" in done.stderr
    assert "fastgrad launch -n" in done.stderr


@pytest.fixture
def without_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if mpi4py were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "fastgrad.distributed.mpi.find_spec", lambda name: None if name == "mpi4py" else real(name)
    )


@pytest.mark.usefixtures("without_mpi")
def test_without_mpi_the_extra_is_named():
    assert not dist.is_available()
    for function in (dist.init_process_group, find_launcher):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'fastgrad\[mpi\]'"):
            function()


@pytest.mark.usefixtures("without_mpi")
def test_other_backends_are_refused_with_what_to_use():
    for name, words in (("nccl", "use backend='mpi'"), ("gloo", "fastgrad launch"), ("x", "'mpi'")):
        with pytest.raises(ValueError, match=words):
            dist.init_process_group(name)
    with pytest.raises(ValueError, match="init_method"):
        dist.init_process_group(init_method="tcp://10.0.0.1:23456")


@pytest.mark.usefixtures("without_mpi")
def test_operations_need_a_process_group():
    with pytest.raises(ValueError, match="has not been initialized"):
        dist.all_reduce(fg.ones(1))
    with pytest.raises(ValueError, match="has not been initialized"):
        fg.nn.parallel.DistributedDataParallel(fg.nn.Linear(1, 1))


def test_arguments_that_do_not_fit_are_refused(tmp_path: Path):
    on_ranks(
        2,
        """
        rank, size = start()
        x = torch.ones(2)
        cases = [
            (ValueError, "expected a list of 2", lambda: dist.all_gather([x], x)),
            (ValueError, "in the list", lambda: dist.all_gather([x, torch.ones(3)], x)),
            (ValueError, "in one tensor", lambda: dist.all_gather_into_tensor(x, x)),
            (ValueError, "rank 7 is not in the group", lambda: dist.broadcast(x, 7)),
            (ValueError, "either a rank", lambda: dist.broadcast(x)),
            (ValueError, "cannot send to itself", lambda: dist.send(x, rank)),
            (ValueError, "a tag must be", lambda: dist.isend(x, 1 - rank, tag=-1)),
            (TypeError, "expected a Tensor, got list", lambda: dist.all_reduce([1.0])),
            (ValueError, "different ranks", lambda: dist.new_group([0, 0])),
            (ValueError, "twice", lambda: dist.init_process_group()),
            (ValueError, "list", lambda: dist.scatter(x, [x] * 2 if rank else None, 0)),
        ]
        for kind, words, call in cases:
            try:
                call()
            except kind as error:
                assert words in str(error), error
            else:
                raise AssertionError(words)
        dist.barrier()
        """,
        tmp_path,
    )
