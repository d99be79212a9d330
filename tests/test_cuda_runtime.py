"""Memory, streams and events of CUDA devices."""

import gc
import os
import subprocess
import sys
import threading
from itertools import pairwise

import pytest

import fastgrad as fg

pytestmark = pytest.mark.skipif(not fg.cuda.is_available(), reason="needs a CUDA device")

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def clean():
    """Each test begins without cached memory, and leaves no limit behind."""
    gc.collect()
    fg.cuda.synchronize()
    fg.cuda.empty_cache()
    yield
    fg.cuda.set_per_process_memory_fraction(1.0)


def on_device(*size, **options):
    return fg.empty(*size, device="cuda", **options)


def test_memory_is_counted():
    before = fg.cuda.memory_allocated()
    fg.cuda.reset_peak_memory_stats()
    x = on_device(1000)  # 4000 bytes, in blocks of 512
    assert fg.cuda.memory_allocated() - before == 4096
    y = on_device(3 * MEGABYTE)
    assert fg.cuda.memory_allocated() - before == 4096 + 12 * MEGABYTE
    assert fg.cuda.memory_reserved() >= fg.cuda.memory_allocated()
    del x, y
    assert fg.cuda.memory_allocated() == before
    assert fg.cuda.max_memory_allocated() - before == 4096 + 12 * MEGABYTE
    fg.cuda.reset_peak_memory_stats()
    assert fg.cuda.max_memory_allocated() == before
    assert "reserved" in fg.cuda.memory_summary()


def test_freed_memory_is_used_again_and_given_back():
    x = on_device(MEGABYTE)
    address = x.data_ptr()
    del x
    reserved = fg.cuda.memory_reserved()
    x = on_device(MEGABYTE)
    assert x.data_ptr() == address
    assert fg.cuda.memory_reserved() == reserved
    del x
    fg.cuda.empty_cache()
    assert fg.cuda.memory_reserved() < reserved


def test_small_blocks_share_a_segment_and_become_one_again():
    small = [on_device(64 * 1024) for _ in range(8)]  # 256 KiB each
    assert fg.cuda.memory_reserved() == 2 * MEGABYTE
    addresses = sorted(x.data_ptr() for x in small)
    assert all(b - a == 256 * 1024 for a, b in pairwise(addresses))
    del small
    whole = on_device(256 * 1024)  # 1 MiB: needs neighbours that have been merged
    assert whole.data_ptr() in range(addresses[0], addresses[0] + 2 * MEGABYTE)
    assert fg.cuda.memory_reserved() == 2 * MEGABYTE


def test_tensors_of_no_elements_need_no_memory():
    before = fg.cuda.memory_allocated()
    x = on_device(0, 3)
    assert fg.cuda.memory_allocated() == before
    assert x.tolist() == []
    assert (x + 1).shape == (0, 3)


def test_without_memory_an_error_says_what_is_where():
    _, total = fg.cuda.mem_get_info()
    held = on_device(MEGABYTE)
    fg.cuda.set_per_process_memory_fraction(64 * MEGABYTE / total)
    with pytest.raises(
        fg.OutOfMemoryError, match=r"CUDA out of memory\. Tried to allocate 256"
    ) as e:
        on_device(64 * MEGABYTE)
    assert isinstance(e.value, RuntimeError)
    assert fg.cuda.OutOfMemoryError is fg.OutOfMemoryError
    for word in ("cuda:0", "free of", "tensors of this process hold 4.00 MiB", "cached", "smaller"):
        assert word in str(e.value)
    held.fill_(2)  # the process goes on
    assert held[-2:].tolist() == [2, 2]


def test_cached_memory_is_given_up_before_memory_is_out():
    _, total = fg.cuda.mem_get_info()
    fg.cuda.set_per_process_memory_fraction(64 * MEGABYTE / total)
    parts = [on_device(3 * MEGABYTE) for _ in range(4)]  # 48 MiB in blocks of 12
    del parts
    x = on_device(10 * MEGABYTE)  # 40 MiB, which no cached block has
    x.fill_(1)
    assert fg.cuda.memory_reserved() <= 64 * MEGABYTE


def test_more_than_the_device_has():
    with pytest.raises(fg.OutOfMemoryError):
        on_device(1 << 46)
    assert on_device(2).fill_(1).tolist() == [1, 1]


def test_memory_belongs_to_its_stream():
    side = fg.cuda.Stream()
    with fg.cuda.stream(side):
        x = on_device(MEGABYTE)
    address = x.data_ptr()
    del x
    y = on_device(MEGABYTE)  # of the default stream
    assert y.data_ptr() != address
    with fg.cuda.stream(side):
        assert on_device(MEGABYTE).data_ptr() == address


def test_memory_that_another_stream_uses_waits_for_it():
    side = fg.cuda.Stream()
    x = on_device(MEGABYTE).fill_(1)
    address = x.data_ptr()
    side.wait_stream(fg.cuda.current_stream())
    with fg.cuda.stream(side):
        y = x + 1
    x.record_stream(side)
    del x
    side.synchronize()
    z = on_device(MEGABYTE)  # the stream is done: the memory is free
    assert z.data_ptr() == address
    assert y[:2].tolist() == [2, 2]


def test_record_stream_wants_a_device():
    with pytest.raises(RuntimeError, match="CPU"):
        fg.ones(2).record_stream(fg.cuda.current_stream())
    on_device(0).record_stream(fg.cuda.Stream())  # no memory, nothing to wait for


def test_growing_keeps_what_is_there():
    x = fg.arange(4.0, device="cuda")
    x.resize_(1000)
    assert x[:4].tolist() == [0, 1, 2, 3]


def test_streams():
    default, side = fg.cuda.default_stream(), fg.cuda.Stream()
    assert fg.cuda.current_stream() == default != side
    with fg.cuda.stream(side):
        assert fg.cuda.current_stream() == side
        with side:
            assert fg.cuda.current_stream() == side
        with fg.cuda.stream(None):
            assert fg.cuda.current_stream() == side
        seen = []
        thread = threading.Thread(target=lambda: seen.append(fg.cuda.current_stream()))
        thread.start()
        thread.join()
        assert seen == [default]  # each thread has its own
    assert fg.cuda.current_stream() == default
    assert side.device == fg.device("cuda", 0)
    assert "cuda:0" in repr(side)
    assert hash(side) == hash(fg.cuda.ExternalStream(side.cuda_stream))
    side.synchronize()
    assert side.query()
    with pytest.raises(ValueError, match="cuda device"):
        fg.cuda.Stream("cpu")


def test_streams_run_in_the_order_that_events_say():
    side = fg.cuda.Stream(priority=-1)
    x = fg.zeros(MEGABYTE, device="cuda")
    for i in range(5):
        x.fill_(i)
        side.wait_stream(fg.cuda.current_stream())
        with fg.cuda.stream(side):
            y = x * 2
        fg.cuda.current_stream().wait_event(side.record_event())
        assert y[:: MEGABYTE // 4].tolist() == [2 * i] * 4


def test_events():
    start, end = (fg.cuda.Event(enable_timing=True) for _ in range(2))
    assert start.query()  # not recorded: nothing to wait for
    assert start.device is None
    start.record()
    on_device(MEGABYTE).fill_(1)
    end.record()
    end.synchronize()
    assert end.query()
    assert start.elapsed_time(end) >= 0
    assert start.device == fg.device("cuda:0")
    with pytest.raises(ValueError, match="enable_timing"):
        start.elapsed_time(fg.cuda.Event())
    with pytest.raises(RuntimeError, match="recorded"):
        start.elapsed_time(fg.cuda.Event(enable_timing=True))
    with pytest.raises(NotImplementedError):
        fg.cuda.Event(interprocess=True)


def test_pinned_memory():
    x = fg.arange(12.0).reshape(3, 4).t()
    assert not x.is_pinned()
    y = x.pin_memory()
    assert y.is_pinned()
    assert y.pin_memory() is y
    assert y[1:].is_pinned()
    assert y.stride() == x.stride()
    assert y.tolist() == x.tolist()
    with pytest.raises(RuntimeError, match="cannot pin"):
        on_device(2).pin_memory()


@pytest.mark.parametrize("n", [1, 1000, 3 * MEGABYTE])
@pytest.mark.parametrize("pins", [False, True])
@pytest.mark.parametrize("non_blocking", [False, True])
def test_copies_there_and_back(n, pins, non_blocking):
    x = fg.arange(float(n))
    there = (x.pin_memory() if pins else x).to("cuda", non_blocking=non_blocking)
    if not (pins and non_blocking):
        x.fill_(-1)  # the copy has been made, or has its own
    back = there.to("cpu", non_blocking=non_blocking)
    if non_blocking:
        assert back.is_pinned()
        fg.cuda.synchronize()
    assert back.equal(fg.arange(float(n)))


def test_pinned_memory_is_not_reused_before_its_copies_are_done():
    n = 3 * MEGABYTE
    copies = []
    for i in range(6):
        copies.append(fg.full((n,), float(i)).pin_memory().to("cuda", non_blocking=True))
    assert [x[n - 1].item() for x in copies] == list(range(6))


def test_copy_into_pinned_memory():
    x = on_device(1000).fill_(3)
    to = fg.zeros(1000).pin_memory()
    to.copy_(x, non_blocking=True)
    fg.cuda.synchronize()
    assert to.tolist() == [3] * 1000
    to.copy_(on_device(1000, dtype=fg.int64).fill_(5), non_blocking=True)  # converted by the host
    assert to.tolist() == [5] * 1000


def test_threads_share_the_memory():
    wrong = []

    def work(k):
        for i in range(30):
            x = on_device(100 + 50 * i).fill_(k * 100 + i)
            if x[-1].item() != k * 100 + i:
                wrong.append((k, i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def run(script):
    """What a script says in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=dict(os.environ)
    )
    return done.returncode, done.stdout + done.stderr


def test_tensors_may_outlive_the_library():
    code, said = run(
        "import fastgrad as torch, builtins\n"
        "side = torch.cuda.Stream()\n"
        "builtins.kept = [torch.ones(100, device='cuda'), torch.ones(100).pin_memory(), side]\n"
        "builtins.kept[0].record_stream(side)\n"
    )
    assert (code, said) == (0, "")


def test_a_forked_process_is_told_to_spawn():
    code, said = run(
        "import os, fastgrad as torch\n"
        "x = torch.ones(100, device='cuda')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        torch.ones(2, device='cuda')\n"
        "    except RuntimeError as error:\n"
        "        print('spawn' in str(error), flush=True)\n"
        "    del x\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print(x.tolist()[0])\n"
    )
    assert (code, said) == (0, "True\n1.0\n")
