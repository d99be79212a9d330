"""Layers, losses and what they are made of. Follows torch.nn."""

from __future__ import annotations

from . import functional, init, modules
from .module import Module
from .parameter import Buffer, Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .modules import *

__all__ = ["Buffer", "Module", "Parameter", "functional", "init", "modules"]

if not TYPE_CHECKING:  # type checkers see the imports above
    __all__ += modules.__all__

    def __getattr__(name: str) -> Any:
        """A layer or loss, when it is first used."""
        if name not in modules.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(modules, name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
