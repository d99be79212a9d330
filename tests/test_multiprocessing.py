"""Functions in several processes."""

import os
import sys
import time

import pytest

import fastgrad as torch
from fastgrad import multiprocessing as mp

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")


def test_the_names_of_python_are_there():
    assert mp.Process is __import__("multiprocessing").Process
    assert {"Queue", "Pool", "set_start_method", "cpu_count"} <= set(dir(mp))


def put_sum(rank, weight, queue):
    queue.put((rank, (weight * (rank + 1)).sum().item()))


def test_each_process_gets_its_number_and_the_arguments():
    queue = mp.get_context("fork").Queue()
    assert mp.spawn(put_sum, (torch.ones(3), queue), nprocs=3) is None
    assert sorted(queue.get(timeout=20) for _ in range(3)) == [(0, 3.0), (1, 6.0), (2, 9.0)]


def train(rank):
    net = torch.nn.Linear(2, 1)
    net(torch.ones(4, 2)).sum().backward()
    assert net.weight.grad is not None


def test_a_network_is_trained_in_a_process():
    mp.spawn(train, nprocs=2)


def fail_or_wait(rank):
    if rank == 1:
        os._exit(7)
    time.sleep(60)


def test_one_that_fails_ends_the_others():
    started = time.monotonic()
    with pytest.raises(mp.ProcessExitedException, match="process 1 ended with exit code 7") as info:
        mp.spawn(fail_or_wait, nprocs=3)
    assert (info.value.error_index, info.value.exit_code) == (1, 7)
    assert time.monotonic() - started < 30


def test_processes_that_are_not_waited_for():
    context = mp.spawn(time.sleep, nprocs=2, join=False)
    assert context is not None
    assert len(set(context.pids())) == 2
    while not context.join(timeout=10):
        pass
    assert [process.exitcode for process in context.processes] == [0, 0]
