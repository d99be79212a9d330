"""Operations on their way: each is a generator that names the messages it waits for.

No thread moves them: MPI works inside its own calls only, so whoever waits, and every gradient
that DistributedDataParallel sees, gives all of them a push. Waiting gives the processor away, so
that more processes than cores do not fight for them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Sequence
from datetime import timedelta
from threading import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from .world import World

    # Yields the ranks that it waits for, and their requests.
    Steps: TypeAlias = Generator[tuple[Sequence[int], list[Any]], None, None]
    # A receive also returns who sent.
    AnySteps: TypeAlias = Generator[tuple[Sequence[int], list[Any]], None, int | None]

_EAGER_TURNS = 200  # looks without a pause: most messages are a few microseconds away
_YIELDING_TURNS = 2000  # looks that only let others run
_NAP = 1e-4  # seconds
_LONG_NAP = 1e-3

_active: list[Work] = []
_lock = RLock()


class Work:
    """An operation on its way: ``wait()`` for it before its tensors are used.

    Follows ``torch.distributed.Work``.
    """

    def __init__(self, world: World, call: str, steps: AnySteps, timeout: float) -> None:
        self.world = world
        self.call = call  # as errors say it
        self.waits_for: Sequence[int] = ()
        self.source: int | None = None  # of a message received
        self._timeout = timeout
        self._steps = steps
        self._requests: list[Any] = []
        self._error: BaseException | None = None
        self._is_done = False
        with _lock:
            _active.append(self)
            self._advance()

    def is_completed(self) -> bool:
        """Whether it is done, well or not; gives it a push."""
        progress()
        return self._is_done

    def is_success(self) -> bool:
        """Whether it is done, and no error came."""
        return self._is_done and self._error is None

    def exception(self) -> BaseException | None:
        """The error that came, or None."""
        return self._error

    def source_rank(self) -> int:
        """From whom a message came that was received from any rank."""
        if self.source is None:
            raise RuntimeError(
                "source_rank: the operation is no receive, or not done; wait() first"
            )
        return self.source

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Wait until it is done.

        Raises:
            DistBackendError: a rank has not come within the timeout; the message names it.
            DistError: another rank made another call, or with another shape or dtype.
        """
        seconds = self._timeout if timeout is None else timeout.total_seconds()
        deadline, turns = time.monotonic() + seconds, 0
        while not self._is_done:
            if progress():
                turns = 0
                continue
            turns += 1
            if turns > _EAGER_TURNS:
                _rest(turns)
                self.world.answer_inquiries()
                if time.monotonic() > deadline:
                    self._fail(self.world.lateness(self, seconds))
        if self._error is not None:
            raise self._error
        return True

    def _advance(self) -> bool:
        """Go on as far as the messages that have arrived allow; whether that was anywhere."""
        moved = False
        while not self._is_done and self.world.all_arrived(self._requests):
            moved = True
            try:
                self.waits_for, self._requests = next(self._steps)
            except StopIteration as end:
                self.source = end.value
                self._finish()
            except Exception as error:  # whoever waits gets to see it
                self._fail(error)
        return moved

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self._finish()

    def _finish(self) -> None:
        self._is_done = True
        self._requests = []
        if self in _active:
            _active.remove(self)


def progress() -> bool:
    """Give every operation a push; whether one of them moved."""
    with _lock:
        moved = 0
        for work in tuple(_active):
            moved += work._advance()
        return bool(moved)


def under_way() -> tuple[Work, ...]:
    """The operations that are not done."""
    return tuple(_active)


def _rest(turns: int) -> None:
    if turns < _YIELDING_TURNS:
        os.sched_yield()
    else:
        time.sleep(_NAP if turns < 2 * _YIELDING_TURNS else _LONG_NAP)
