"""Scripts and notebooks written for PyTorch, run and checked with fastgrad in its place.

``fastgrad run script.py`` (or ``python -m fastgrad.torch_alias script.py``) runs one unchanged,
``%load_ext fastgrad`` does so in a notebook, ``fastgrad check PATH`` says beforehand what is there.
"""

from __future__ import annotations

from fastgrad.torch_alias.check import check
from fastgrad.torch_alias.finder import install, uninstall
from fastgrad.torch_alias.notebook import NotebookError
from fastgrad.torch_alias.run import run

__all__ = [
    "NotebookError",
    "check",
    "install",
    "load_ipython_extension",
    "run",
    "uninstall",
    "unload_ipython_extension",
]


def load_ipython_extension(ipython: object) -> None:
    """What ``%load_ext fastgrad`` does in a notebook: see :func:`install`.

    >>> import fastgrad.torch_alias
    >>> fastgrad.load_ipython_extension(None)
    >>> fastgrad.unload_ipython_extension(None)
    """
    install()


def unload_ipython_extension(ipython: object) -> None:
    """What ``%unload_ext fastgrad`` does in a notebook: see :func:`uninstall`.

    >>> import fastgrad.torch_alias
    >>> fastgrad.unload_ipython_extension(None)
    """
    uninstall()
