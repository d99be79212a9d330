"""The workers behind a DataLoader with `num_workers > 0`: threads.

Kernels and file reads release the interpreter's lock, so threads load in parallel, share the
dataset without copying it, and start in microseconds. A worker owns an inbox; one pass over the
data owns a `Lane` for each worker, through which that worker's batches come back in order.
"""

import atexit
from _thread import get_ident
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, NamedTuple, Protocol
from weakref import WeakSet, finalize

END = object()
"""What a fetch returns instead of a batch when its stream has no more samples."""

_EXIT_SECONDS = 2.0


class WorkerInfo(NamedTuple):
    """What `get_worker_info` tells inside a worker.

    Attributes:
        id: number of this worker, from 0.
        num_workers: how many workers there are.
        seed: seed of this worker: one drawn for the pass, plus `id`.
        dataset: the dataset: one object shared by all threads, or this process's copy.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_infos: dict[int, WorkerInfo] = {}


def get_worker_info() -> WorkerInfo | None:
    """The id, number, seed and dataset of the DataLoader worker that calls it, None elsewhere.

    Random numbers in worker threads come from one default generator in an order that depends on
    timing; for the same numbers in each run make a generator from `get_worker_info().seed`. Worker
    processes have generators of their own, with PyTorch's seeds.
    Follows torch.utils.data.get_worker_info.

    >>> from fastgrad.utils.data import get_worker_info
    >>> print(get_worker_info())
    None
    """
    return _infos.get(get_ident())


def enter(info: WorkerInfo) -> None:
    """Make the calling thread a worker, for `get_worker_info`."""
    _infos[get_ident()] = info


class Lane:
    """One worker's part of one pass over the data: how it fetches, and what it has fetched."""

    __slots__ = ("_fetch", "_make_fetch", "_results", "cancelled", "ended")

    def __init__(self, make_fetch: Callable[[], Callable[[Any], Any]]) -> None:
        from queue import SimpleQueue

        self._make_fetch = make_fetch
        self._fetch: Callable[[Any], Any] | None = None
        self._results: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self.cancelled = False
        self.ended = False

    def serve(self, task: Any, broken: BaseException | None) -> None:
        """In the worker: fetch the batch of `task`, or report why there is none."""
        if not self.cancelled:
            self._results.put((None, broken) if broken else _attempt(self._run, task))

    def _run(self, task: Any) -> Any:
        if self._fetch is None:  # made here, because a stream may ask for its worker's id
            self._fetch = self._make_fetch()
        return self._fetch(task)

    def receive(self, timeout: float) -> tuple[Any, BaseException | None]:
        """In the consumer: the next batch, or the exception that took its place."""
        from queue import Empty

        try:
            return self._results.get(timeout=timeout or None)
        except Empty:
            raise RuntimeError(
                f"DataLoader timed out after {timeout} seconds; raise timeout=, or look for what "
                "blocks in the dataset's __getitem__ or in collate_fn"
            ) from None


def _attempt(action: Callable[[Any], Any], argument: Any) -> tuple[Any, BaseException | None]:
    try:
        return action(argument), None
    except BaseException as error:  # also SystemExit: the consumer raises it in the main thread
        error.add_note(f"Raised in DataLoader worker {_infos[get_ident()].id}.")
        return None, error


class Helper(Protocol):
    """What works for a thread and ends with it: a process."""

    def stop(self) -> None:
        """No batch is wanted any more; from any thread."""

    def close(self) -> None:
        """The thread ends, and calls this."""


class WorkerPool:
    """Running worker threads, which stop when the pool is no longer referenced."""

    def __init__(
        self,
        infos: list[WorkerInfo],
        init: Callable[[int], object] | None,
        helpers: Sequence[Helper] = (),
    ) -> None:
        self._workers: list[_Worker] = []
        finalize(self, _stop, self._workers).atexit = False
        for info in infos:
            self._workers.append(_Worker(info, init, helpers[info.id] if helpers else None))

    def is_alive(self) -> bool:
        """Whether the threads run; after a fork they exist in the parent process only."""
        return all(worker.thread.is_alive() for worker in self._workers)

    def fetch_maker(
        self, worker: int, make_fetch: Callable[[], Callable[[Any], Any]]
    ) -> Callable[[], Callable[[Any], Any]]:
        """What makes a worker's fetch for one pass."""
        return make_fetch

    def submit(self, worker: int, lane: Lane, task: Any) -> None:
        """Queues one batch for a worker."""
        self._workers[worker].inbox.put((lane, task))


class _Worker:
    def __init__(
        self, info: WorkerInfo, init: Callable[[int], object] | None, helper: Helper | None
    ) -> None:
        from queue import SimpleQueue
        from threading import Thread

        self.inbox: SimpleQueue[tuple[Lane, Any] | None] = SimpleQueue()
        self.stopping = False
        self.helper = helper
        # A daemon, so that a dataset that never returns cannot keep the process from ending.
        self.thread = Thread(
            target=_work,
            args=(self, info, init),
            name=f"DataLoader worker {info.id}",
            daemon=True,
        )
        self.thread.start()
        _running.add(self)

    def stop(self) -> None:
        self.stopping = True
        if self.helper is not None:
            self.helper.stop()
        self.inbox.put(None)  # wakes it where it waits


def _work(worker: _Worker, info: WorkerInfo, init: Callable[[int], object] | None) -> None:
    enter(info)
    try:
        _, broken = _attempt(init, info.id) if init else (None, None)
        while (message := worker.inbox.get()) and not worker.stopping:
            lane, task = message
            lane.serve(task, broken)
            # A waiting worker must not keep a pass alive: its end is what stops the worker. An
            # exception that was raised in the pass would, so a failed start is reported once.
            del message, lane, task
            broken = None
    finally:
        del _infos[get_ident()]
        if worker.helper is not None:
            worker.helper.close()


def _stop(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.stop()


_running: "WeakSet[_Worker]" = WeakSet()


@atexit.register
def _stop_at_exit() -> None:
    # A daemon thread inside a kernel while the interpreter is torn down can crash the process.
    workers = list(_running)
    _stop(workers)
    deadline = monotonic() + _EXIT_SECONDS
    for worker in workers:
        worker.thread.join(max(0.0, deadline - monotonic()))
