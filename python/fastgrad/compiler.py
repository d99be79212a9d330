"""Compilation of models: there is none to do, every operation is compiled already.

Follows torch.compiler as far as scripts use it to mark functions.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["compile", "disable", "is_compiling", "reset"]


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable[..., Any] | None = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Return the function or module **unchanged**: fastgrad does not compile models.

    It takes PyTorch's arguments, as a call or a decorator, so that scripts run; none of them has
    an effect. Follows ``torch.compile`` with ``disable=True``.

    Raises:
        TypeError: `model` cannot be called.

    >>> import fastgrad as torch
    >>> def double(x):
    ...     return 2 * x
    >>> torch.compile(double, disable=True) is double
    True
    """
    if model is None:
        return lambda function: compile(function)
    if not callable(model):
        raise TypeError(f"compile(): expected a function or a module, got {type(model).__name__}")
    return model


def disable(fn: Callable[..., Any] | None = None, recursive: bool = True) -> Any:
    """Return the function unchanged: nothing is compiled.

    Follows ``torch.compiler.disable``.

    >>> from fastgrad import compiler
    >>> compiler.disable(abs)(-1)
    1
    """
    return (lambda function: function) if fn is None else fn


def is_compiling() -> bool:
    """Whether the code runs under a compiler: no. Follows ``torch.compiler.is_compiling``.

    >>> from fastgrad import compiler
    >>> compiler.is_compiling()
    False
    """
    return False


def reset() -> None:
    """Forget what was compiled: nothing was. Follows ``torch.compiler.reset``.

    >>> from fastgrad import compiler
    >>> compiler.reset()
    """
