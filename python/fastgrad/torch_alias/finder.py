"""The modules ``torch``, ``torchvision`` and ``d2l`` that are windows onto fastgrad's."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from fastgrad.torch_alias.absent import message
from fastgrad.torch_alias.lookup import member
from fastgrad.torch_alias.names import (
    NAMED_AS_HERE,
    ROOTS,
    home_of,
    is_aliased,
    is_shown,
    module_exists,
)


class Alias(ModuleType):
    """A module of PyTorch's name whose contents are a module of fastgrad.

    Functions and classes are kept once they were looked up, so that a script pays for the window
    only once; values are looked up each time, because they may change (``backends.cudnn.enabled``).
    """

    def __init__(self, name: str, target: ModuleType) -> None:
        super().__init__(name, target.__doc__)
        vars(self).update(_target=target, _path=name, __path__=[])

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True  # so that IPython shows the line of use
        if name == "__all__":
            return _exported(self._target)
        value = member(self._path, self._target, name)
        path = f"{self._path}.{name}"
        if isinstance(value, ModuleType) and home_of(path) == value.__name__:
            return import_module(path)
        if callable(value):
            self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        """What a script sets in a module, it sets in fastgrad's."""
        if isinstance(value, Alias) or name.startswith("__"):
            super().__setattr__(name, value)
        else:
            self.__dict__.pop(name, None)
            setattr(self._target, name, value)

    def __dir__(self) -> list[str]:
        names = {*vars(self), *dir(self._target)} - {"_target", "_path"}
        return sorted(name for name in names if is_shown(f"{self._path}.{name}"))

    def __repr__(self) -> str:
        return f"<module {self._path!r}, which is {self._target.__name__!r}>"


def _exported(module: ModuleType) -> list[str]:
    given = getattr(module, "__all__", None)
    return [n for n in dir(module) if not n.startswith("_")] if given is None else list(given)


class Finder(MetaPathFinder, Loader):
    """Answers imports of PyTorch's modules, before any PyTorch that is installed is asked."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module, or ModuleNotFoundError with the nearest name; None for other packages."""
        __tracebackhide__ = True
        if not is_aliased(fullname):
            return None
        if not module_exists(fullname):
            # Without `name`, or Python would put its own words in place of these.
            raise ModuleNotFoundError(message(fullname))
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> Alias:
        """The window onto fastgrad's module."""
        return Alias(spec.name, import_module(home_of(spec.name)))

    def exec_module(self, module: ModuleType) -> None:
        """Look up what is loaded already, for scripts that read ``models.__dict__``."""
        target = vars(module)["_target"]
        for name in _exported(target):
            value = vars(target).get(name)
            if callable(value) and is_shown(f"{module.__name__}.{name}"):
                vars(module)[name] = value
        if module.__name__ in NAMED_AS_HERE:
            module.__name__ = target.__name__


_finder = Finder()


def install() -> None:
    """Let ``import torch`` and ``import torchvision`` give fastgrad from now on.

    Raises:
        RuntimeError: PyTorch itself was imported before.

    >>> import fastgrad.torch_alias
    >>> fastgrad.torch_alias.install()
    >>> import torch
    >>> torch.nn.Linear
    <class 'fastgrad.nn.modules.linear.Linear'>
    >>> fastgrad.torch_alias.uninstall()
    """
    modules = {root: sys.modules[root] for root in ROOTS if root in sys.modules}
    loaded = [root for root, module in modules.items() if not isinstance(module, Alias)]
    if loaded:
        raise RuntimeError(
            f"{' and '.join(loaded)} is imported already, so it cannot become fastgrad's; start "
            "afresh (in a notebook, restart the kernel) and load fastgrad first"
        )
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Let ``import torch`` give what is installed again.

    >>> import fastgrad.torch_alias
    >>> fastgrad.torch_alias.uninstall()
    """
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [name for name, module in sys.modules.items() if isinstance(module, Alias)]:
        del sys.modules[name]
