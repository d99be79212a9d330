"""Threads of Python, and processes made by fork."""

import multiprocessing
import threading
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
