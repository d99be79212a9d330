"""Worker processes: a DataLoader has them when it is given a `multiprocessing_context`.

Each process is served by one of the pool's threads, which sends it a task, waits, and passes the
batch on. So order, prefetching, timeouts and early ends are those of the threads (`worker.py`), and
here is the other end of the pipe. A process takes all of its random numbers from its own seed.
"""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any
from weakref import WeakSet

import fastgrad
from fastgrad.utils.data.worker import END, WorkerInfo, WorkerPool, enter

_Fetch = Callable[[Any], Any]
_MakeFetch = Callable[[], _Fetch]
_Init = Callable[[int], object] | None

_PATIENCE = 1.0  # seconds that a process may go on with its batch when nobody waits for it


def context_of(given: Any, num_workers: int) -> Any:
    """The multiprocessing context of that name, a given one, or None for threads.

    Raises:
        ValueError: a name that this system does not know, or no workers.
        TypeError: neither a name nor a context.
    """
    if given is None:
        return None
    import multiprocessing
    from multiprocessing.context import BaseContext

    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading "
            f"(num_workers > 0), but got num_workers={num_workers}"
        )
    if isinstance(given, str):
        known = multiprocessing.get_all_start_methods()
        if given not in known:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{known!r}, but got multiprocessing_context={given!r}"
            )
        return multiprocessing.get_context(given)
    if not isinstance(given, BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string "
            f"specifying the start method, but got multiprocessing_context={given!r}"
        )
    return given


class ProcessPool(WorkerPool):
    """Running worker processes, each with its thread; they stop when the pool is forgotten.

    Raises:
        RuntimeError and what pickling raises: a process could not be started.
    """

    def __init__(
        self, infos: list[WorkerInfo], init: _Init, make_fetch: _MakeFetch, context: Any
    ) -> None:
        # All processes before the first thread: what a fork copies should stand still.
        self._processes = [_Process(context, info, init, make_fetch) for info in infos]
        super().__init__(infos, None, self._processes)

    def is_alive(self) -> bool:
        """Whether all processes can work on in the next pass."""
        return super().is_alive() and all(process.is_alive() for process in self._processes)

    def fetch_maker(self, worker: int, make_fetch: _MakeFetch) -> _MakeFetch:
        """What makes the fetch of one pass, which asks the process."""
        return self._processes[worker].begin_pass


class _Process:
    """A worker process as its thread sees it."""

    def __init__(self, context: Any, info: WorkerInfo, init: _Init, make_fetch: _MakeFetch) -> None:
        self._connection, far = context.Pipe()
        self._id = info.id
        self._stopping = False
        self._numbers = count()
        self._passes: WeakSet[_Pass] = WeakSet()
        self._process = context.Process(
            target=_serve,
            args=(far, self._connection, info, init, make_fetch),
            name=f"DataLoader worker {info.id}",
            daemon=True,
        )
        self._process.start()
        far.close()

    def is_alive(self) -> bool:
        return bool(self._process.is_alive())

    def begin_pass(self) -> _Fetch:
        new = _Pass(self, next(self._numbers))
        self._passes.add(new)
        return new

    def ask(self, number: int, task: Any) -> Any:
        """One batch.

        Raises:
            RuntimeError: the process died; and whatever it raised.
        """
        from multiprocessing.connection import wait

        try:
            self._connection.send((number, {one.number for one in self._passes}, task))
            while not wait([self._connection, self._process.sentinel], _PATIENCE):
                if self._stopping:
                    self._process.terminate()
            kind, value = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(_PATIENCE)
            raise RuntimeError(
                f"DataLoader worker (pid {self._process.pid}) exited unexpectedly with exit code "
                f"{self._process.exitcode}; a negative code is the signal that killed it (-9: "
                "often too little memory). Details are in its output; num_workers=0 shows where"
            ) from None
        if kind == "error":
            raise value
        return END if kind == "end" else value

    def stop(self) -> None:
        """To be called when no batch is wanted any more, from any thread."""
        self._stopping = True

    def close(self) -> None:
        """Called by the thread at its end; a process without a pipe ends, too."""
        self._connection.close()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_PATIENCE)


class _Pass:
    """The fetch of one pass; while it lives, the process keeps its stream."""

    def __init__(self, process: _Process, number: int) -> None:
        self._process = process
        self.number = number

    def __call__(self, task: Any) -> Any:
        return self._process.ask(self.number, task)


# In the process


def _serve(
    connection: Any, near: Any, info: WorkerInfo, init: _Init, make_fetch: _MakeFetch
) -> None:
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    near.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends this one
    parent = parent_process()
    assert parent is not None
    fetches: dict[int, _Fetch] = {}
    broken = _prepared(info, init)
    while connection in wait([connection, parent.sentinel]):
        try:
            number, wanted, task = connection.recv()
        except (EOFError, OSError):
            return
        for forgotten in fetches.keys() - wanted:
            del fetches[forgotten]
        reply = ("error", broken) if broken else _fetched(fetches, number, make_fetch, task)
        broken = None
        try:
            connection.send(reply)
        except OSError:
            return
        except Exception as error:  # a batch that cannot be pickled: anything may say so
            connection.send(("error", _portable(error, f"could not send {type(reply[1])}")))


def _prepared(info: WorkerInfo, init: _Init) -> BaseException | None:
    import random

    import numpy

    enter(info)
    fastgrad.set_num_threads(1)  # the workers are the parallelism
    random.seed(info.seed)
    fastgrad.manual_seed(info.seed)
    base = info.seed - info.id
    entropy = [info.id, base & 0xFFFFFFFF, base >> 32, 0]
    numpy.random.seed(numpy.random.SeedSequence(entropy).generate_state(4))
    try:
        if init:
            init(info.id)
    except Exception as error:  # reported in place of the first batch, whatever it is
        return _portable(error)
    return None


def _fetched(
    fetches: dict[int, _Fetch], number: int, make_fetch: _MakeFetch, task: Any
) -> tuple[str, Any]:
    try:
        if number not in fetches:
            fetches[number] = make_fetch()
        batch = fetches[number](task)
    except Exception as error:  # the parent raises it where the batch was expected
        return "error", _portable(error)
    return ("end", None) if batch is END else ("batch", batch)


def _portable(error: BaseException, what: str = "") -> BaseException:
    """The error with its traceback as a note, or where it cannot be pickled, its text."""
    import pickle
    from traceback import format_exception

    text = "".join(format_exception(error)).rstrip()
    try:
        twin = pickle.loads(pickle.dumps(error))
    except Exception:  # a class of errors may fail in any way
        twin = None
    if type(twin) is not type(error) or str(twin) != str(error):
        error = RuntimeError(f"{type(error).__name__}: {error}")
    if what:
        error.add_note(what)
    error.add_note(f"In process {os.getpid()} ({sys.executable}):\n{text}")
    return error
