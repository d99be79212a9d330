"""Threads of Python, and processes made by fork."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
import warnings

import pytest

import fastgrad as fg

pytestmark = pytest.mark.core
N = 600  # a product of this size is split among threads


def in_threads(functions):
    """Run functions at the same time, each in a thread; their results, or the first error."""
    results, errors = [None] * len(functions), []
    start = threading.Barrier(len(functions))

    def run(i):
        try:
            start.wait()
            results[i] = functions[i]()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def _product_in_child(queue):
    x = fg.ones(N, N)
    queue.put(((x @ x)[0, 0].item(), x.sum().item()))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.parametrize("generations", [1, 3])
def test_usable_after_fork(generations):
    context = multiprocessing.get_context("fork")
    for _ in range(generations):
        (fg.ones(N, N) @ fg.ones(N, N)).sum()  # starts the pool of threads
        queue = context.SimpleQueue()
        child = context.Process(target=_product_in_child, args=(queue,))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python's advice against fork
            child.start()
        child.join(60)
        assert child.exitcode == 0, "the child hung or died"
        assert queue.get() == (N, N * N)


def test_products_in_several_threads():
    a, b = fg.randn(N, N), fg.randn(N, N)
    expected = a @ b
    for result in in_threads([lambda: a @ b] * 4):
        assert fg.equal(result, expected)


def test_backward_in_several_threads():
    def train(seed):
        generator = fg.Generator().manual_seed(seed)
        w = fg.randn(200, 50, generator=generator).requires_grad_()
        x = fg.randn(300, 200, generator=generator)
        for _ in range(3):
            fg.nn.functional.cross_entropy(x @ w, fg.arange(300) % 50).backward()
        return w.grad

    alone = [train(seed) for seed in range(4)]
    together = in_threads([lambda seed=seed: train(seed) for seed in range(4)])
    for a, b in zip(alone, together, strict=True):
        assert fg.equal(a, b)


def test_a_shared_leaf_read_by_several_threads():
    w = fg.randn(300, 300, requires_grad=True)

    def gradient():
        return fg.autograd.grad((w @ w).sum(), w)[0]

    expected = gradient()
    for result in in_threads([gradient] * 4):
        assert fg.equal(result, expected)


def test_random_numbers_in_several_threads():
    """Which thread gets which numbers is open; that there are no others, and no crash, is not."""
    for result in in_threads([lambda: fg.rand(50_000)] * 4):
        assert result.min().item() >= 0
        assert result.max().item() < 1


def test_grad_mode_in_several_threads():
    x = fg.ones(2, requires_grad=True)

    def recorded():
        return all((x * 2).requires_grad for _ in range(2000))

    def unrecorded():
        with fg.no_grad():
            return any((x * 2).requires_grad for _ in range(2000))

    assert in_threads([recorded, unrecorded] * 2) == [True, False, True, False]


def test_creation_and_release_in_several_threads():
    def churn():
        kept = []
        for i in range(2000):
            kept.append(fg.ones(i % 97 + 1))
            if i % 3 == 0:
                kept = kept[::2]
        return sum(x.numel() for x in kept)

    assert len(set(in_threads([churn] * 4))) == 1


def test_changing_the_number_of_threads_while_others_work():
    before = fg.get_num_threads()
    a = fg.randn(N, N)
    expected = a @ a

    def switch():
        for i in range(30):
            fg.set_num_threads(1 + i % 4)

    def work():
        return all(fg.equal(a @ a, expected) for _ in range(10))

    try:
        assert in_threads([work, switch, work])[::2] == [True, True]
    finally:
        fg.set_num_threads(before)


def test_jobs_of_different_sizes_follow_each_other():
    """A worker that comes late to one job must not take a piece of the next for its own."""
    before = fg.get_num_threads()
    fg.set_num_threads(8)
    try:
        sizes = (70_000, 1_000_000, 66_000, 300_000)
        inputs = [fg.ones(n) for n in sizes]
        for _ in range(1500):
            results = [x + x for x in inputs]
        assert all((y == 2).all() for y in results)
    finally:
        fg.set_num_threads(before)


# How many threads


def threads_of_a_new_process(script="", **environment):
    """What get_num_threads() says first, in a process with these environment variables."""
    inherited = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    code = f"import os\n{script}\nimport fastgrad\nprint(fastgrad.get_num_threads())"
    command = [sys.executable, "-c", code]
    run = subprocess.run(
        command, env=inherited | environment, capture_output=True, text=True, check=True, timeout=60
    )
    return int(run.stdout)


@pytest.mark.parametrize(("text", "expected"), [("3", 3), ("1", 1), ("100000", 256)])
def test_omp_num_threads(text, expected):
    assert threads_of_a_new_process(OMP_NUM_THREADS=text) == expected


@pytest.mark.parametrize("text", ["", "0", "-2", "many"])
def test_omp_num_threads_that_says_nothing(text):
    assert threads_of_a_new_process(OMP_NUM_THREADS=text) == threads_of_a_new_process()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_the_cores_that_the_process_may_use():
    one = min(os.sched_getaffinity(0))
    assert threads_of_a_new_process(f"os.sched_setaffinity(0, {{{one}}})") == 1


def cgroup_files(version, quota, period):
    """The files in which the kernel says how much of the processors a control group may use."""
    if version == 2:
        return {"cpu.max": f"{quota if quota > 0 else 'max'} {period}"}
    return {"cpu/cpu.cfs_quota_us": str(quota), "cpu/cpu.cfs_period_us": str(period)}


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no namespaces here")
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("quota", "expected"), [(100_000, 1), (40_000, 1), (-1, None)])
def test_the_quota_of_a_container(tmp_path, version, quota, expected):
    for name, text in cgroup_files(version, quota, 100_000).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    mount = f"mount --bind {tmp_path} /sys/fs/cgroup"
    ask = "import fastgrad; print(fastgrad.get_num_threads())"
    inside = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if subprocess.run([*inside, mount], capture_output=True, check=False).returncode != 0:
        pytest.skip("this process may not mount anything")
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    run = subprocess.run(
        [*inside, f'{mount} && exec "$0" -c "{ask}"', sys.executable],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert int(run.stdout) == (expected or len(os.sched_getaffinity(0)))


def test_set_num_threads():
    before = fg.get_num_threads()
    try:
        fg.set_num_threads(5)
        assert fg.get_num_threads() == 5
    finally:
        fg.set_num_threads(before)
    with pytest.raises(RuntimeError):
        fg.set_num_threads(0)


def test_idle_threads_use_no_processor_time():
    (fg.ones(N, N) @ fg.ones(N, N)).sum()
    time.sleep(0.05)  # a worker looks for more work before it sleeps
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.1
