"""Ctrl-C without loss: the first signal asks the loop to stop, the second stops the program."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from fastgrad.io.atomic import PathLike

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TrainingInterrupted(KeyboardInterrupt):
    """Training stopped on a signal, after its state was saved.

    Attributes:
        checkpoint: The file to resume from.
        signum: The signal that asked for it.
    """

    def __init__(self, message: str, checkpoint: PathLike, signum: int) -> None:
        super().__init__(message)
        self.checkpoint = Path(checkpoint)
        self.signum = signum


class StopRequest:
    """Context manager that turns the first SIGINT or SIGTERM into a request, ``signum``.

    A second signal raises KeyboardInterrupt at once. Signals can be handled in the main thread
    only; elsewhere, and unless ``enabled``, nothing changes.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self.signum: int | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        if self._enabled and threading.current_thread() is threading.main_thread():
            self._previous = {name: signal.signal(name, self._handle) for name in STOP_SIGNALS}
        return self

    def __exit__(self, *exc_info: object) -> None:
        for name, handler in self._previous.items():
            signal.signal(name, handler)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is not None:
            raise KeyboardInterrupt
        self.signum = signum
