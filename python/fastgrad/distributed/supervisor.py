"""Starts one rank as its child, and tells of its end.

``python -m fastgrad.distributed.supervisor PROGRAM ARGUMENTS...``, started by MPI's launcher, gives
the rank its processors and torchrun's variables, passes on what it prints in whole lines, with its
number before those on standard error, hands signals on, and says with which signal or code it
ended: launchers stop the other ranks, but few of them say which one was the first.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from threading import Thread

from fastgrad.distributed.mpi import SUPERVISED, local_place, started_as

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence
    from types import FrameType
    from typing import IO, TextIO

_PR_SET_PDEATHSIG = 1  # Linux: a signal for when the parent is gone
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
DEFAULT_PORT = 29500  # torchrun's


def processors(local_rank: int, local_size: int, allowed: Sequence[int]) -> list[int]:
    """The processors of one rank: an equal part of the machine's, or all if there are too few."""
    each = len(allowed) // local_size
    return list(allowed[local_rank * each : (local_rank + 1) * each]) if each else list(allowed)


def set_variables(environment: MutableMapping[str, str]) -> int:
    """Set torchrun's variables and the number of threads; return the rank."""
    rank, size = started_as(environment) or (0, 1)
    local_rank, local_size = local_place(environment) or (0, 1)
    environment.update(
        RANK=str(rank),
        WORLD_SIZE=str(size),
        LOCAL_RANK=str(local_rank),
        LOCAL_WORLD_SIZE=str(local_size),
    )
    environment[SUPERVISED] = "1"
    environment.setdefault("MASTER_ADDR", "127.0.0.1")
    environment.setdefault("MASTER_PORT", str(DEFAULT_PORT))
    if hasattr(os, "sched_setaffinity"):
        own = processors(local_rank, local_size, sorted(os.sched_getaffinity(0)))
        os.sched_setaffinity(0, own)
        if len(own) * local_size > (os.cpu_count() or 1):
            environment.setdefault("OMP_NUM_THREADS", "1")
    return rank


def _end_with_parent() -> None:
    """What the child does before it becomes the rank: die if the supervisor is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def supervise(command: Sequence[str]) -> int:
    """Run a rank, and return the exit code for the launcher."""
    rank = set_variables(os.environ)
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        close_fds=False,  # MPI's launcher talks to the rank through some of them
        start_new_session=True,  # or a signal to the launcher's group would arrive twice
        preexec_fn=_end_with_parent,
    )

    was_told = []  # to end, by whoever started it

    def forward(signum: int, frame: FrameType | None) -> None:
        was_told.append(signum)
        child.send_signal(signum)

    for name in _FORWARDED:
        signal.signal(name, forward)
    assert child.stdout is not None
    assert child.stderr is not None
    printed = Thread(target=_pass_on, args=(child.stdout, sys.stdout, ""))
    printed.start()
    _pass_on(child.stderr, sys.stderr, f"[rank {rank}] ")
    printed.join()
    code = child.wait()
    if code and not was_told:
        print(f"[rank {rank}] {_how_it_ended(code)}; the run ends with it", file=sys.stderr)
    return code if code >= 0 else 128 - code


def _pass_on(source: IO[bytes], to: TextIO, before: str) -> None:
    for line in source:
        to.write(before + line.decode(errors="replace"))
        to.flush()


def _how_it_ended(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}"


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1:]))
