"""The settings of ``fastgrad train``: names, defaults, ranges."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fastgrad.device import check_device
from fastgrad.train.errors import SettingsError
from fastgrad.train.models import MODELS

DATASETS = ("digits", "mnist", "fashion-mnist")
LARGE_DATASETS = ("mnist", "fashion-mnist")
DEVICES = ("cpu", "cuda")
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """Step sizes with which a model trains well on any of the data sets."""

    lr: float
    batch_size: int = 64


RECIPES = {
    "softmax": Recipe(lr=0.5),
    "mlp": Recipe(lr=0.3),
    "lenet": Recipe(lr=0.2),
    "logistic": Recipe(lr=0.5),
    "linear": Recipe(lr=0.1),
    "perceptron": Recipe(lr=1.0, batch_size=1),  # the textbook's rule: one sample, unit steps
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A complete and checked set of settings.

    Attributes:
        model: One of softmax, mlp, lenet, logistic, linear, perceptron.
        data: digits, mnist, fashion-mnist, or the absolute path of a folder or table.
        epochs: How many times to go through the training data, at least 1.
        batch_size: Samples per step, at least 1.
        lr: Learning rate, above 0.
        momentum: In [0, 1).
        seed: Of the initial weights and the shuffling, in [0, 2**63).
        device: "cpu", or "cuda" and "cuda:1" where there are such devices.
        positive: The class that logistic regression tells from the others; None for other models.

    Raises:
        SettingsError: A value is unknown or out of range.
    """

    model: str
    data: str
    epochs: int
    batch_size: int
    lr: float
    momentum: float = 0.0
    seed: int = 0
    device: str = "cpu"
    positive: int | None = None

    def __post_init__(self) -> None:
        _require_name("model", self.model, MODELS)
        _require_device(self.device)
        _require("epochs", self.epochs, self.epochs >= 1, "at least 1")
        _require("batch-size", self.batch_size, self.batch_size >= 1, "at least 1")
        _require("lr", self.lr, 0 < self.lr < math.inf, "a finite number above 0")
        _require("momentum", self.momentum, 0 <= self.momentum < 1, "at least 0 and below 1")
        _require("seed", self.seed, 0 <= self.seed <= LARGEST_SEED, "between 0 and 2**63 - 1")
        _require("positive", self.positive, (self.positive or 0) >= 0, "a class number from 0 on")
        if self.positive is not None and self.model != "logistic":
            raise SettingsError("--positive names the class of --model logistic: leave it out")

    @property
    def run_name(self) -> str:
        """A name for the run's folder, such as ``digits-softmax``."""
        stem = self.data if self.data in DATASETS else Path(self.data).stem
        return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', stem)}-{self.model}"

    def to_dict(self) -> dict[str, Any]:
        """Return the settings by name, ready for JSON."""
        return asdict(self)


def make_settings(given: Mapping[str, Any], saved: Mapping[str, Any] | None = None) -> Settings:
    """Complete what the user gave, first from a saved run, then from the defaults.

    Args:
        given: Setting -> value, for those that the user chose.
        saved: The settings of a run that is to go on.

    Raises:
        SettingsError: A setting is unknown or out of range.
    """
    names = [field.name for field in fields(Settings)]
    for name in given:
        _require_name("setting", name, names)
    chosen = {"model": "softmax", "data": "digits", **(saved or {}), **given}
    _require_name("model", chosen["model"], MODELS)
    chosen["data"] = _locate(chosen["data"])
    recipe = RECIPES[chosen["model"]]
    defaults = {
        "epochs": 10 if chosen["data"] in LARGE_DATASETS else 30,
        "lr": recipe.lr,
        "batch_size": recipe.batch_size,
        "positive": 1 if chosen["model"] == "logistic" else None,
    }
    return Settings(**{**defaults, **chosen})


def _locate(data: str) -> str:
    """Return the name of a data set, or the absolute path of a folder or file."""
    if data in DATASETS:
        return data
    path = Path(data).expanduser()
    if not path.exists():
        kind = "data: no such name, file or folder as"
        raise SettingsError(_unknown(kind, data, DATASETS) + " or the path of a folder or table")
    return str(path.resolve())


def _require(name: str, value: object, right: bool, range_: str) -> None:
    if not right:
        raise SettingsError(f"--{name} must be {range_}, got {value}")


def _require_name(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise SettingsError(_unknown(f"unknown {kind}", name, known))


def _require_device(device: str) -> None:
    _require_name("device", device.split(":")[0], DEVICES)
    try:
        check_device(device)
    except RuntimeError as error:
        raise SettingsError(str(error)) from None


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{kind} {name!r}: {hint}choose {', '.join(known)}"
