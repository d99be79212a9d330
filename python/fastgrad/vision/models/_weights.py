"""Weights to begin with. No trained ones are inside the package, and none are downloaded."""

from __future__ import annotations

from typing import Any

from fastgrad import Tensor, nn


def without_weights(model: str, weights: object, options: dict[str, Any]) -> None:
    """Take the old option `pretrained` out of `options`, and refuse to promise weights.

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
