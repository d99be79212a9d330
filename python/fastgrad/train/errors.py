"""What can go wrong in a training job; every message is one line that says what to do."""

EXTRA_HINT = "pip install 'fastgrad[train]'"


class TrainError(Exception):
    """A training job cannot start or cannot finish."""


class SettingsError(TrainError, ValueError):
    """A setting is unknown or out of range."""


class DataError(TrainError, ValueError):
    """The data cannot be read, or does not fit the model."""


class CheckpointError(TrainError, ValueError):
    """A checkpoint is damaged, or belongs to another run."""


class MissingExtraError(TrainError, ModuleNotFoundError):
    """A package is needed that is not installed by default."""


class OutputError(TrainError, OSError):
    """The output folder cannot be written, or holds something worth keeping."""
