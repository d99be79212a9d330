"""The worker processes of the DataLoader: as PyTorch's, and that nothing hangs or is left."""

import gc
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from itertools import chain

import numpy as np
import pytest

import fastgrad as fg
from data_helpers import SIZE, Squares, Stream, plain, points
from fastgrad.utils import data

pytestmark = [
    pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork"),
    # Newer Pythons say so of every fork of a process with threads.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]


def forked(dataset, num_workers=2, **options):
    return data.DataLoader(
        dataset, num_workers=num_workers, multiprocessing_context="fork", **options
    )


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    gc.collect()
    end = time.monotonic() + 20
    while multiprocessing.active_children() and time.monotonic() < end:
        time.sleep(0.01)
    assert multiprocessing.active_children() == []


class Info(Squares):
    def __getitem__(self, index):
        info = data.get_worker_info()
        return info.id, info.num_workers, info.seed, os.getpid()


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(
    "options",
    [{"batch_size": 5, "shuffle": True}, {"batch_size": None}, {"batch_sampler": [[1, 2], [0]]}],
    ids=str,
)
def test_batches_are_those_without_workers(options, persistent):
    fg.manual_seed(1)
    expected = [plain(list(data.DataLoader(points(fg), **options))) for _ in range(2)]
    fg.manual_seed(1)
    loader = forked(points(fg), persistent_workers=persistent, **options)
    assert [plain(list(loader)) for _ in range(2)] == expected


def test_workers_are_processes_of_their_own():
    loader = forked(Info(6), batch_size=None, num_workers=3, persistent_workers=True)
    rows = [*loader, *loader]
    assert [row[0] for row in rows] == [0, 1, 2] * 4
    assert {row[1] for row in rows} == {3}
    assert len({row[3] for row in rows} | {os.getpid()}) == 4


def test_spawned_workers():
    loader = data.DataLoader(
        Squares(4), batch_size=2, num_workers=1, multiprocessing_context="spawn"
    )
    assert plain(list(loader)) == [[0, 1], [4, 9]]


class Drawn(Squares):
    """Random numbers of all generators, for the library of that name."""

    def __init__(self, lib):
        super().__init__(4)
        self.lib = lib

    def __getitem__(self, index):
        return self.lib.rand(2).tolist(), random.random(), np.random.rand()


def test_random_numbers_are_torchs(torch):
    drawn = []
    for lib in (fg, torch):
        lib.manual_seed(4)
        loader = lib.utils.data.DataLoader(
            Drawn(lib), batch_size=None, num_workers=2, multiprocessing_context="fork"
        )
        drawn.append([*loader, *loader])
    assert plain(drawn[0]) == plain(drawn[1])
    assert len({row[1] for row in drawn[0]}) == 8


def test_streams():
    loader = forked(Stream(), batch_size=4, persistent_workers=True)
    first = plain(list(loader))
    assert sorted(chain(*first)) == list(range(SIZE))
    for _ in loader:  # an abandoned pass leaves its streams
        break
    assert plain(list(loader)) == first
    assert plain(list(zip(loader, loader, strict=True))) == [[batch] * 2 for batch in first]


class Custom(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


@pytest.mark.parametrize(
    ("kind", "arguments", "raised"),
    [(Custom, (1, 2), RuntimeError), (KeyError, ("x",), KeyError), (ValueError, (3,), ValueError)],
)
def test_errors_say_where(kind, arguments, raised):
    class Failing(Squares):
        def __getitem__(self, index):
            if index == 3:
                raise kind(*arguments)
            return index

    batches = iter(forked(Failing(6)))
    assert [plain(next(batches)) for _ in range(3)] == [[0], [1], [2]]
    with pytest.raises(raised, match=str(kind(*arguments))) as info:
        next(batches)
    notes = "\n".join(info.value.__notes__)
    assert "Raised in DataLoader worker 1." in notes
    assert "item 3 of the Failing" in notes
    assert "in __getitem__" in notes
    assert plain(list(batches)) == [[4], [5]]


def test_what_cannot_be_pickled_is_an_error():
    class Functions(Squares):
        def __getitem__(self, index):
            return lambda: index

    with pytest.raises((AttributeError, pickle.PicklingError), match="pickle") as info:
        list(forked(Functions(1), batch_size=None))
    assert "could not send" in "\n".join(info.value.__notes__)


def test_worker_init_fn():
    def init(worker):
        os.environ["FASTGRAD_TEST_WORKER"] = str(worker)

    class Asking(Squares):
        def __getitem__(self, index):
            return os.environ["FASTGRAD_TEST_WORKER"]

    assert list(forked(Asking(4), batch_size=None, worker_init_fn=init)) == ["0", "1"] * 2
    assert "FASTGRAD_TEST_WORKER" not in os.environ

    def failing(worker):
        raise OSError("no such camera")

    with pytest.raises(OSError, match="no such camera"):
        list(forked(Squares(), worker_init_fn=failing))


@pytest.mark.parametrize("end", [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: os._exit(7)])
def test_a_dead_worker_is_an_error(end):
    class Deadly(Squares):
        def __getitem__(self, index):
            if index == 2:
                end()
            return index

    loader = forked(Deadly(4), persistent_workers=True)
    batches = iter(loader)
    assert [plain(next(batches)) for _ in range(2)] == [[0], [1]]
    with pytest.raises(RuntimeError, match=r"worker \(pid \d+\) exited unexpectedly .* (-9|7);"):
        next(batches)
    # The other worker goes on, and the next pass has new processes.
    assert plain(next(batches)) == [3]
    assert plain(next(iter(loader))) == [0]
    del batches


def test_timeout():
    class Slow(Squares):
        def __getitem__(self, index):
            time.sleep(60 * index)
            return index

    start = time.monotonic()
    batches = iter(forked(Slow(4), timeout=0.5))
    assert plain(next(batches)) == [0]
    with pytest.raises(RuntimeError, match=r"timed out after 0.5 seconds"):
        next(batches)
    del batches  # and the process that sleeps is ended
    gc.collect()
    while multiprocessing.active_children():
        assert time.monotonic() < start + 20
        time.sleep(0.05)


def test_an_early_end_stops_the_processes():
    for batch in forked(Squares(1000), prefetch_factor=4):
        assert plain(batch) == [0]
        break


def test_a_program_may_end_in_the_middle_of_a_pass():
    code = """
import time
from fastgrad.utils.data import DataLoader
class Rows:
    def __len__(self):
        return 100
    def __getitem__(self, index):
        time.sleep(60 if index > 1 else 0)
        return index
batches = iter(DataLoader(Rows(), num_workers=2, multiprocessing_context="fork"))
print(next(batches).item(), next(batches).item())
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout) == (0, "0 1\n")


def test_the_context_is_checked(torch):
    for module in (data, torch.utils.data):
        with pytest.raises(ValueError, match="can only be used with multi-process loading"):
            module.DataLoader([1], multiprocessing_context="fork")
        with pytest.raises(ValueError, match="valid start method"):
            module.DataLoader([1], num_workers=1, multiprocessing_context="teleport")
        with pytest.raises(TypeError, match="valid context object"):
            module.DataLoader([1], num_workers=1, multiprocessing_context=3)
    context = multiprocessing.get_context("fork")
    assert plain(list(data.DataLoader([1], num_workers=1, multiprocessing_context=context))) == [
        [1]
    ]
