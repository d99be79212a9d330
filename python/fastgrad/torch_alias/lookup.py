"""What one of PyTorch's names is in fastgrad."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from fastgrad._core import __version__
from fastgrad.torch_alias.absent import message
from fastgrad.torch_alias.names import FOLLOWED, MOVED, home_of, is_shown, module_exists

_NOTHING = object()


def member(path: str, module: ModuleType, name: str) -> Any:
    """What `name` is in fastgrad's `module`, which stands for PyTorch's module `path`.

    Raises:
        AttributeError: it is absent; the message names the nearest one that is there.
    """
    full = f"{path}.{name}"
    if name == "__version__" and path in FOLLOWED:
        return f"{FOLLOWED[path]}+fastgrad.{__version__}"
    if full in MOVED:
        return import_module(MOVED[full])
    if is_shown(full):
        value = getattr(module, name, _NOTHING)
        if value is not _NOTHING:
            return value
        if not name.startswith("_") and module_exists(full):
            return import_module(home_of(full))
    raise AttributeError(message(full))
