"""The worker threads of the DataLoader: order, errors, seeds, and that they end."""

import gc
import subprocess
import sys
import threading
import time
from itertools import chain, islice

import pytest

import fastgrad as fg
from data_helpers import SIZE, Squares, plain
from fastgrad.utils import data


def worker_threads():
    return [t for t in threading.enumerate() if t.name.startswith("DataLoader worker")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    gc.collect()
    for thread in worker_threads():
        thread.join(5)
    assert worker_threads() == []


def test_workers_load_ahead_at_the_same_time():
    """Two samples that wait for each other can only come from two threads."""
    barrier = threading.Barrier(2, timeout=20)

    class Meeting(Squares):
        def __getitem__(self, index):
            barrier.wait()
            return index

    loader = data.DataLoader(Meeting(6), num_workers=2)
    assert plain(list(loader)) == [[0], [1], [2], [3], [4], [5]]


@pytest.mark.parametrize("prefetch_factor", [None, 1, 3])
def test_prefetch_is_bounded(prefetch_factor):
    asked = []

    class Recording(Squares):
        def __getitem__(self, index):
            asked.append(index)
            return index

    ahead = 2 * (prefetch_factor or 2)
    batches = iter(data.DataLoader(Recording(50), num_workers=2, prefetch_factor=prefetch_factor))
    wait_until(lambda: len(asked) == ahead)
    time.sleep(0.05)
    assert sorted(asked) == list(range(ahead))
    next(batches)
    wait_until(lambda: len(asked) == ahead + 1)


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


def test_order_is_kept_when_workers_differ_in_speed():
    class Slow(Squares):
        def __getitem__(self, index):
            time.sleep(0.01 * (index % 3 == 0))
            return index

    loader = data.DataLoader(Slow(20), batch_size=2, num_workers=3)
    assert list(chain(*plain(list(loader)))) == list(range(20))


def test_worker_info():
    class Info(Squares):
        def __getitem__(self, index):
            info = data.get_worker_info()
            assert info.dataset is self
            return info.id, info.num_workers, info.seed

    assert data.get_worker_info() is None
    seen = []
    for _ in range(2):
        fg.manual_seed(4)
        rows = data.DataLoader(Info(6), batch_size=None, num_workers=3)
        seen.append(list(rows) + list(rows))
    assert seen[0] == seen[1]
    first, second = seen[0][:6], seen[0][6:]
    assert [row[0] for row in first] == [0, 1, 2, 0, 1, 2]
    assert {row[1] for row in first} == {3}
    assert [row[2] - row[0] for row in first] == [first[0][2]] * 6
    assert first[0][2] != second[0][2]


def test_worker_seeds_are_torchs(torch):
    torch.manual_seed(4)
    expected = torch.empty((), dtype=torch.int64).random_().item()

    class Seed(Squares):
        def __getitem__(self, index):
            return data.get_worker_info().seed

    fg.manual_seed(4)
    seeds = list(data.DataLoader(Seed(2), batch_size=None, num_workers=2))
    assert seeds == [expected, expected + 1]


def test_worker_init_fn_runs_once_in_each_worker():
    calls = []

    def init(worker):
        calls.append((worker, data.get_worker_info().id, threading.current_thread().name))

    for persistent, expected in ((False, 4), (True, 2)):
        calls.clear()
        loader = data.DataLoader(
            Squares(), num_workers=2, worker_init_fn=init, persistent_workers=persistent
        )
        for _ in range(2):
            assert len(list(loader)) == SIZE
        assert len(calls) == expected
        assert set(calls) == {(i, i, f"DataLoader worker {i}") for i in range(2)}


def test_worker_init_fn_may_fail():
    def init(worker):
        raise OSError("no such camera")

    with pytest.raises(OSError, match="no such camera") as info:
        list(data.DataLoader(Squares(), num_workers=1, worker_init_fn=init))
    assert info.value.__notes__[0] == "Raised in DataLoader worker 0."


class Custom(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(Custom, (1, 2)), (KeyError, ("x",)), (SystemExit, (3,)), (StopIteration, (1,))],
)
def test_errors_of_workers_keep_their_type(kind, arguments):
    class Failing(Squares):
        def __getitem__(self, index):
            if index == 3:
                raise kind(*arguments)
            return index

    batches = iter(data.DataLoader(Failing(), num_workers=2))
    assert plain(list(islice(batches, 3))) == [[0], [1], [2]]
    with pytest.raises(kind) as info:
        next(batches)
    assert str(info.value) == str(kind(*arguments))
    item = [] if kind is SystemExit else ["Raised by item 3 of the Failing."]
    assert info.value.__notes__ == [*item, "Raised in DataLoader worker 1."]
    assert "__getitem__" in [entry.name for entry in info.traceback]


def test_timeout_and_waiting_on():
    release = threading.Event()

    class Waiting(Squares):
        def __getitem__(self, index):
            release.wait(20)
            return index

    batches = iter(data.DataLoader(Waiting(3), num_workers=1, timeout=0.05))
    with pytest.raises(RuntimeError, match=r"timed out after 0.05 seconds; raise timeout="):
        next(batches)
    release.set()
    assert plain(list(batches)) == [[0], [1], [2]]


@pytest.mark.parametrize("persistent", [False, True])
def test_an_abandoned_pass_stops_its_threads(persistent):
    loader = data.DataLoader(
        Squares(1000), num_workers=2, prefetch_factor=4, persistent_workers=persistent
    )
    for batch in loader:
        assert plain(batch) == [0]
        break
    gc.collect()
    if persistent:
        assert plain(list(loader)) == [[i * i] for i in range(1000)]
        assert len(worker_threads()) == 2
    del loader


def test_persistent_workers_serve_two_passes_at_once():
    loader = data.DataLoader(Squares(4), num_workers=2, persistent_workers=True)
    assert plain(list(zip(loader, loader, strict=True))) == [[[i * i], [i * i]] for i in range(4)]
    assert len(worker_threads()) == 2


def test_threads_end_with_the_pass():
    batches = iter(data.DataLoader(Squares(4), num_workers=2))
    assert len(list(batches)) == 4
    wait_until(lambda: worker_threads() == [])
    assert list(batches) == []


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("wait", [0, 600])
def test_the_process_ends_with_workers_running(wait):
    """An iterator that is still alive, even one whose sample never comes, cannot hold it up."""
    code = f"""
import time
from fastgrad.utils.data import DataLoader, Dataset
class Rows(Dataset):
    def __len__(self): return 100
    def __getitem__(self, index):
        time.sleep({wait} if index > 1 else 0)
        return index
batches = iter(DataLoader(Rows(), num_workers=2))
print(next(batches).item(), next(batches).item())
"""
    assert run(code) == (0, "0 1\n", "")


def test_import_is_light():
    code = "import fastgrad.utils.data, sys; print(*sys.modules)"
    names = run(code)[1].split()
    assert "fastgrad.utils.data" in names
    heavy = {"numpy", "queue", "multiprocessing", "concurrent", "logging", "inspect", "gzip"}
    assert not heavy.intersection(names)


def test_persistent_workers_after_a_fork():
    """The child process has no threads of its parent and starts its own."""
    code = """
import os
import fastgrad as fg
from fastgrad.utils.data import DataLoader
loader = DataLoader([1, 2, 3], num_workers=2, persistent_workers=True)
assert len(list(loader)) == 3
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
print(len(list(loader)))
"""
    assert run(code) == (0, "3\n3\n", "")
