"""The folder of a training job: what it may write there, and what it must not destroy.

A finished run is replaced, file by file, only once the new one has succeeded. An unfinished run is
kept: it can be resumed, and a new one goes elsewhere.
"""

import tempfile
from pathlib import Path

from fastgrad.train.checkpoint import Checkpoint
from fastgrad.train.errors import CheckpointError, OutputError

CHECKPOINT = "checkpoint.safetensors"
WEIGHTS = "model.safetensors"
HISTORY = "history.json"
PAGE = "report.html"
CURVES, CONFUSION, PREDICTIONS = "curves.png", "confusion.png", "predictions.png"
RESULTS = (WEIGHTS, CURVES, CONFUSION, PREDICTIONS, HISTORY, PAGE)


class OutputFolder:
    """The folder that one training job writes to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def checkpoint(self) -> Checkpoint:
        """Read the checkpoint.

        Raises:
            CheckpointError: It does not exist, is damaged, or is not one.
        """
        try:
            return Checkpoint.load(self / CHECKPOINT)
        except FileNotFoundError as error:
            raise CheckpointError(
                f"{self.path} has no checkpoint to resume from: name its folder with --out, "
                "or leave --resume out"
            ) from error

    def prepare(self, *, resume: bool) -> None:
        """Make the folder and see, before any work, that results can be written there.

        Raises:
            OutputError: The folder cannot be written, or holds what must not be replaced.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise OutputError(
                f"cannot write to the folder {self.path} ({error.strerror}): choose another --out"
            ) from error
        if not resume:
            self._require_replaceable()

    def _require_replaceable(self) -> None:
        if not (self / CHECKPOINT).exists():
            if found := [name for name in RESULTS if (self / name).exists()]:
                raise OutputError(
                    f"{self / found[0]} is not of a run of fastgrad train: choose another --out"
                )
            return
        try:
            saved = self.checkpoint()
        except CheckpointError as error:
            raise OutputError(f"{error}: delete it, or choose another --out") from error
        if not saved.finished:
            raise OutputError(
                f"{self.path} holds a run that stopped in epoch {len(saved.history) + 1} of "
                f"{saved.epochs}: go on with --resume, choose another --out, or delete "
                f"{self / CHECKPOINT}"
            )
