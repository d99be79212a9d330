"""Python's ``multiprocessing``, and :func:`spawn`, which starts a function in several processes.

Tensors that are sent to another process are copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from multiprocessing import *  # noqa: F403  # its names are those of torch.multiprocessing
from multiprocessing import connection, get_context
from typing import Any

__all__ = ["ProcessContext", "ProcessExitedException", "spawn"]


class ProcessExitedException(Exception):
    """A process that :func:`spawn` started ended with an error.

    Attributes:
        error_index: The number of the process.
        error_pid: Its id.
        exit_code: What it ended with; minus the signal's number where one ended it.

    Follows ``torch.multiprocessing.ProcessExitedException``.
    """

    def __init__(self, error_index: int, error_pid: int, exit_code: int) -> None:
        super().__init__(f"process {error_index} ended with exit code {exit_code}")
        self.error_index, self.error_pid, self.exit_code = error_index, error_pid, exit_code


class ProcessContext:
    """The processes that :func:`spawn` started without waiting.

    Attributes:
        processes: Objects of ``multiprocessing.Process``.
    """

    def __init__(self, processes: Sequence[Any]) -> None:
        self.processes = list(processes)
        self._running = {process.sentinel: i for i, process in enumerate(self.processes)}

    def pids(self) -> list[int]:
        """The ids of the processes."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None) -> bool:
        """Wait until a process ends, and say whether all have.

        Args:
            timeout: How many seconds to wait at most.

        Raises:
            ProcessExitedException: One ended with an error; the others were ended, too.
        """
        ended = connection.wait(list(self._running), timeout)
        for number in sorted(self._running.pop(sentinel) for sentinel in ended):
            process = self.processes[number]
            process.join()
            if process.exitcode:
                self._end_others()
                raise ProcessExitedException(number, process.pid, process.exitcode)
        return not self._running

    def _end_others(self) -> None:
        for number in self._running.values():
            self.processes[number].terminate()
        for number in self._running.values():
            self.processes[number].join()
        self._running.clear()


def spawn(
    fn: Callable[..., object],
    args: Sequence[Any] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "fork",
) -> ProcessContext | None:
    """Call ``fn(i, *args)`` in `nprocs` processes, i being their numbers.

    Args:
        fn: The function.
        args: Its arguments after the first.
        nprocs: The number of processes.
        join: Whether to wait until all have ended.
        daemon: Whether they end with this process.
        start_method: Forked processes have what this one has; with ``"spawn"`` they import the
            script anew, in plain Python.

    Returns:
        None, or the processes if they were not waited for.

    Raises:
        ProcessExitedException: One ended with an error, which it has printed.

    Follows ``torch.multiprocessing.spawn``.

    >>> import fastgrad.multiprocessing as mp
    >>> mp.spawn(max, args=(1,), nprocs=2)
    """
    context = get_context(start_method)
    processes = [
        context.Process(target=fn, args=(i, *args), daemon=daemon)  # type: ignore[attr-defined]
        for i in range(nprocs)
    ]
    for process in processes:
        process.start()
    started = ProcessContext(processes)
    if not join:
        return started
    while not started.join():
        pass
    return None
