"""Tools around a training loop. Follows torch.utils."""

from __future__ import annotations

from fastgrad.utils import checkpoint, data, dlpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad.utils import tensorboard as tensorboard

__all__ = ["checkpoint", "data", "dlpack", "tensorboard"]


def __getattr__(name: str) -> Any:
    """Import what few scripts need when they first name it."""
    if name == "tensorboard":
        from importlib import import_module

        return import_module("fastgrad.utils.tensorboard")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
