"""Training: the loop, its history and checkpoints, and what ``fastgrad train`` runs."""

from fastgrad.train.checkpoint import Checkpoint
from fastgrad.train.errors import (
    CheckpointError,
    DataError,
    MissingExtraError,
    OutputError,
    SettingsError,
    TrainError,
)
from fastgrad.train.evaluation import Evaluation, evaluate
from fastgrad.train.history import Epoch, History
from fastgrad.train.interrupt import TrainingInterrupted
from fastgrad.train.job import Result, run
from fastgrad.train.live import LiveCurves
from fastgrad.train.loop import fit
from fastgrad.train.report import confusion_matrix
from fastgrad.train.settings import Settings

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "DataError",
    "Epoch",
    "Evaluation",
    "History",
    "LiveCurves",
    "MissingExtraError",
    "OutputError",
    "Result",
    "Settings",
    "SettingsError",
    "TrainError",
    "TrainingInterrupted",
    "confusion_matrix",
    "evaluate",
    "fit",
    "run",
]
