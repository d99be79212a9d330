"""The state of a training run in one safetensors file, from which it goes on to the same bits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from fastgrad import Tensor
from fastgrad.io.atomic import PathLike
from fastgrad.io.safetensors import load_file, load_metadata, save_file
from fastgrad.train.errors import CheckpointError

FORMAT = "fastgrad checkpoint 1"
DIFFERENCES_SHOWN = 4

Config: TypeAlias = Mapping[str, str | int | float | bool | None]


@dataclass(slots=True)
class Checkpoint:
    """All that a run needs to go on.

    Attributes:
        config: What must be equal for a run to go on from here: data, model, optimizer settings.
        epochs: How many epochs the run was to have.
        batch: Batches done in the epoch after the last one in ``history``.
        meter: Sums of loss and right answers over those batches.
        seconds: Time spent on those batches.
        history: The finished epochs, as dictionaries.
        model: The model's state dict.
        optimizer: The optimizer's state dict.
        epoch_start: States of the random generators before the first batch of the current epoch.
        now: State of the default generator when the checkpoint was made.
    """

    config: dict[str, Any]
    epochs: int
    batch: int
    meter: list[float]
    seconds: float
    history: list[dict[str, Any]]
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    epoch_start: list[Tensor]
    now: Tensor

    @property
    def finished(self) -> bool:
        """Whether the run had all its epochs."""
        return len(self.history) >= self.epochs

    def save(self, path: PathLike) -> None:
        """Write the checkpoint, atomically.

        Raises:
            OSError: The file cannot be written.
        """
        tensors: dict[str, Tensor] = {}
        state = {field.name: getattr(self, field.name) for field in fields(self)}
        tree = _pack(state, "", tensors)
        save_file(tensors, path, {FORMAT: json.dumps(tree)})

    @classmethod
    def load(cls, path: PathLike) -> "Checkpoint":
        """Read a checkpoint.

        Raises:
            FileNotFoundError: There is no such file.
            CheckpointError: The file is damaged, or not a checkpoint of fastgrad.
        """
        try:
            metadata, tensors = load_metadata(path), load_file(path)
        except ValueError as error:
            raise CheckpointError(str(error)) from error
        if FORMAT not in metadata:
            raise CheckpointError(f"{path} is not a checkpoint of a training run")
        try:
            return cls(**_unpack(json.loads(metadata[FORMAT]), tensors))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} is a damaged checkpoint ({error!r})") from error

    def check(self, config: Config, path: PathLike) -> None:
        """Refuse to go on with another model, other data or other settings.

        Raises:
            CheckpointError: ``config`` differs; the message names the differences.
        """
        names = [*self.config, *(name for name in config if name not in self.config)]
        differences = [
            f"{name} is {self.config.get(name)} there and {config.get(name)} here"
            for name in names
            if self.config.get(name) != config.get(name)
        ]
        if not differences:
            return
        hidden = len(differences) - DIFFERENCES_SHOWN
        more = f"; and {hidden} more" if hidden > 0 else ""
        raise CheckpointError(
            f"{path} belongs to another run: {'; '.join(differences[:DIFFERENCES_SHOWN])}{more}: "
            "give the settings of that run, or start a new one elsewhere"
        )


def _pack(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return ``value`` as JSON, and put its tensors in ``tensors``, named by where they were."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):  # pairs, because a key may be a number
        paths = {key: f"{name}.{key}".lstrip(".") for key in value}
        return {"dict": [[key, _pack(value[key], path, tensors)] for key, path in paths.items()]}
    if isinstance(value, list | tuple):
        return [_pack(item, f"{name}.{index}", tensors) for index, item in enumerate(value)]
    return value


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Undo :func:`_pack`."""
    if isinstance(value, list):
        return [_unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    return {key: _unpack(item, tensors) for key, item in value["dict"]}
