"""The process in which one backend lives. It answers the driver's requests, one at a time.

Requests and answers are pickles on the standard streams: (method, arguments) and (outcome, value),
where the outcome is "done", "none" (the backend has no natural form), "lacks" (an operation does
not exist, with the error), or "failed" (with the traceback).
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
import traceback
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

from .comparison import Digest
from .row import Case, Function, NotOffered

if TYPE_CHECKING:
    from .device_limits import DeviceLimit
    from .limits import Limit


class Worker:
    """One backend and the row that it has ready."""

    def __init__(self, kind: str, module: str) -> None:
        from .adapters import adapter

        self.module = module
        self.adapter = adapter(kind, module)
        self.case: Case | None = None
        self.limits: dict[tuple[str, float], Limit | DeviceLimit] = {}

    def ready(self) -> Case:
        """The row that was loaded."""
        if self.case is None:
            raise RuntimeError("no row is loaded")
        return self.case

    def load(self, key: str, seed: int) -> tuple[list[Digest], bool]:
        """Make a row ready with inputs drawn from a seed; its results, and whether losses lead."""
        import numpy as np

        from .sections import find_row

        self.unload()
        rng = np.random.default_rng(seed)
        work = find_row(key).work(rng)
        if isinstance(work, Function):
            self.case = self.adapter.function(work)
        else:
            self.case = self.adapter.program(work, rng)
        return [Digest.of(array) for array in self.case.results()], self.case.losses

    def unload(self) -> None:
        """Forget the row and its memory."""
        cuda = None if self.case is None else self.case.cuda
        self.case = None
        self.limits = {}
        if cuda is not None:
            cuda.empty_cache()  # the other backends use the same device

    def calls_for(self, seconds: float) -> int:
        """How many calls take about so many seconds."""
        calls = 1
        while True:
            elapsed = self.time(calls)
            if elapsed * calls > seconds / 4:
                return max(1, round(seconds / elapsed))
            calls *= 4

    def time(self, calls: int) -> float:
        """Seconds of one call, from the loop of so many; a tenth of them before, to warm up.

        What runs on a device is waited for twice: before the first call, and after the last.
        """
        call, cuda = self.ready().call, self.ready().cuda
        for _ in range(calls // 10):
            call()
        if cuda is not None:
            cuda.synchronize()
        start = time.perf_counter()
        for _ in range(calls):
            call()
        if cuda is not None:
            cuda.synchronize()
        return (time.perf_counter() - start) / calls

    def limit_rate(self, kind: str, amount: float) -> float:
        """What the machine can do now of a kind of work."""
        from . import device_limits, limits

        key = kind, amount
        if key not in self.limits:
            if kind in device_limits.KINDS:
                self.limits[key] = device_limits.DeviceLimit(self.module, kind, amount)
            else:
                self.limits[key] = limits.limit_of(kind, amount)
        return self.limits[key].rate()

    def check(self) -> list[Digest]:
        """What the row computes after it was timed and its inputs changed: nothing may be stale."""
        change = self.ready().change
        if change is not None:
            change()
        return [Digest.of(array) for array in self.ready().results()]


def answer(worker: Worker, request: tuple[str, tuple[Any, ...]]) -> tuple[str, object]:
    """The outcome of a request and its value."""
    method, arguments = request
    try:
        return "done", getattr(worker, method)(*arguments)
    except NotOffered:
        return "none", ""
    except AttributeError as error:
        if isinstance(error.obj, ModuleType):
            return "lacks", f"{error}"
        return "failed", traceback.format_exc()
    except Exception:  # whatever a library raises is the driver's to report
        return "failed", traceback.format_exc()


def private_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the driver; what libraries print goes to standard error."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return requests, answers


def main(kind: str, module: str) -> None:
    """Answer until the driver closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver stops, and closes the pipe
    requests, answers = private_streams()
    worker = Worker(kind, module)
    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        try:
            pickle.dump(answer(worker, request), answers)
            answers.flush()
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
