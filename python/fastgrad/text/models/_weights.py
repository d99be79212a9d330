"""Published weights: finding the file, its names, and what a configuration has to be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastgrad import Tensor, nn
from fastgrad.io import load
from fastgrad.io.atomic import PathLike
from fastgrad.text.decoding import check_tensor

_NAMES = ("model.safetensors", "pytorch_model.bin", "model.pt")


def read_weights(path: PathLike) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a file, and the content of the ``config.json`` next to it, if any.

    Raises:
        FileNotFoundError: There is no such file, or the folder has none of the known names.
        ValueError: The file holds something else than named tensors.
    """
    place = Path(path)
    if place.is_dir():
        found = [place / name for name in _NAMES if (place / name).is_file()]
        if not found:
            raise FileNotFoundError(f"{place} has none of {', '.join(_NAMES)}")
        place = found[0]
    weights = load(place)
    if not isinstance(weights, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()
    ):
        raise ValueError(f"{os.fspath(path)} holds no state dict: names with tensors")
    return dict(weights), _read_config(place.parent / "config.json")


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no whole JSON file ({error})") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(config).__name__}")
    return config


def count_layers(weights: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many numbers follow ``prefix`` in the names."""
    numbers = {
        name.removeprefix(prefix).split(".")[0] for name in weights if name.startswith(prefix)
    }
    return len(numbers)


def expect(
    weights: Mapping[str, Tensor], names: Mapping[str, int], model: str, file: Iterable[str]
) -> None:
    """Refuse the file of another model, which has the names `file`.

    Raises:
        ValueError: A name is missing, or its tensor has another number of dimensions.
    """
    for name, dimensions in names.items():
        if name not in weights or weights[name].ndim != dimensions:
            found = ", ".join(sorted(file)[:3]) or "nothing"
            raise ValueError(
                f"these are no weights of {model}: it has {name} with {dimensions} dimensions; the "
                f"file begins with {found}"
            )


def check_sizes(config: object, sizes: Sequence[int], width: str, heads: str) -> None:
    """Look at the sizes of a configuration, and at the names of two that must divide.

    Raises:
        ValueError: A size is no integer or less than 1, or the heads do not divide the width.
    """
    whole = all(isinstance(size, int) and size >= 1 for size in sizes)
    if not whole or getattr(config, width) % getattr(config, heads):
        raise ValueError(
            f"{type(config).__name__}: sizes must be integers of at least 1, and {heads} must "
            f"divide {width}, got {config}"
        )


def check_ids(model: str, ids: Tensor, vocab_size: int, room: int) -> None:
    """Look at tokens before they are embedded.

    Raises:
        TypeError: They are no tensor.
        ValueError: They have not the shape [batch, length], or are too many for the positions.
        IndexError: A number is negative or too large.
    """
    check_tensor(model, ids)
    if ids.ndim != 2 or ids.dtype.is_floating_point:
        raise ValueError(
            f"{model}: expected tokens, int64 [batch, length], got {ids.dtype} {list(ids.shape)}"
        )
    if ids.shape[1] > room:
        raise ValueError(
            f"{model}: {ids.shape[1]} tokens are more than the {room} positions that are left: "
            "cut the text, or make a model with more positions"
        )
    if ids.numel() and not (int(ids.min().item()) >= 0 and int(ids.max().item()) < vocab_size):
        raise IndexError(
            f"{model}: expected tokens from 0 to {vocab_size - 1}, got some from "
            f"{ids.min().item()} to {ids.max().item()}: is the tokenizer another model's?"
        )


def draw_weights(module: nn.Module, std: float) -> None:
    """Draw as GPT-2 and BERT do: normal weights, and biases of zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=std)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
