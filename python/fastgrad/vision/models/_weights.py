"""Weights to begin with. Trained ones are read from torchvision's files, and not downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from fastgrad import Tensor, hub, nn
from fastgrad.io import load

Network = TypeVar("Network", bound=nn.Module)


def weights_file(model: str, weights: object, options: dict[str, Any]) -> Path | None:
    """The file of trained weights that was asked for, by `weights` or the old `pretrained`.

    It is called as torchvision calls it, such as ``resnet18-f37072fd.pth``, or ``resnet18.pth``,
    and looked for where torchvision keeps it and below ``$FASTGRAD_DATA``. Takes `pretrained` out
    of `options`.

    Raises:
        ValueError: There is no such file, or there are several; the message says where it goes.
    """
    pretrained = options.pop("pretrained", False)
    if weights is None and not pretrained:
        return None
    for folder in _folders():
        found = sorted({*folder.rglob(f"{model}.pth"), *folder.rglob(f"{model}-*.pth")})
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise ValueError(f"{model}: several files of weights in {folder}: {names}; leave one")
        if found:
            return found[0]
    raise ValueError(
        f"{model}: no trained weights come with fastgrad, and none are downloaded. Put "
        f"torchvision's file ({model}-....pth) into {next(_folders())}, or below a folder that "
        f"$FASTGRAD_DATA names; or use net = {model}(); net.load_state_dict(fastgrad.load(path))"
    )


def _folders() -> Iterator[Path]:
    yield Path(hub.get_dir()) / "checkpoints"
    if given := os.environ.get("FASTGRAD_DATA"):
        yield Path(given)


def filled(net: Network, file: Path | None) -> Network:
    """The network with the weights of a file, if there is one."""
    if file is not None:
        net.load_state_dict(load(file))
    return net


def without_weights(model: str, weights: object, options: dict[str, Any]) -> None:
    """The same for networks whose files torchvision changes as it reads them: there are none.

    Raises:
        ValueError: weights were asked for; the message says how to load them from a file.
    """
    if weights is not None or options.pop("pretrained", False):
        raise ValueError(
            f"{model}: no trained weights come with fastgrad. Download torchvision's file and use "
            f"net = {model}(); net.load_state_dict(fastgrad.load('{model}.pth'))"
        )


def fill(parameter: Tensor | None, value: float) -> None:
    """Set all elements of a parameter, where the layer has it."""
    if parameter is not None:
        nn.init.constant_(parameter, value)
