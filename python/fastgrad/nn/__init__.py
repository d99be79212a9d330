"""Layers, losses and what they are made of. Follows torch.nn."""

from __future__ import annotations

from . import functional, init, modules
from .module import Module
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import parallel as parallel
    from . import utils as utils
    from .modules import *
    from .parallel import DataParallel as DataParallel

__all__ = [
    "Buffer",
    "DataParallel",
    "Module",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "modules",
    "parallel",
    "utils",
]

if not TYPE_CHECKING:  # type checkers see the imports above
    __all__ += modules.__all__

    def __getattr__(name: str) -> Any:
        """A layer or loss, when it is first used."""
        if name in ("DataParallel", "parallel", "utils"):
            from importlib import import_module

            home = import_module(f"{__name__}.{'utils' if name == 'utils' else 'parallel'}")
            return home.DataParallel if name == "DataParallel" else home
        if name not in modules.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(modules, name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
