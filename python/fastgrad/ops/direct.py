"""Operations called by way of the extension: plain calls leave Python out, autocast is first."""

from __future__ import annotations

from functools import update_wrapper

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])


def direct(kernel: Callable[..., Any], *defaults: object) -> Callable[[F], F]:
    """Says of a function that where nothing is recorded it does no more than call `kernel`.

    Then a call with positional arguments goes to `kernel` directly, without a Python frame. In all
    other cases, and where the kernel refuses its arguments, the function is called. `defaults` are
    the kernel's arguments after the required ones. With ``*args`` in its signature the function
    takes sizes, one by one or as a sequence.
    """

    def decorate(function: F) -> F:
        made = _core.Direct(function, kernel, defaults)
        return update_wrapper(made, function)  # type: ignore[return-value]

    return decorate


def autocast(cast: str) -> Callable[[F], F]:
    """Says of a function what autocast does with the floating-point tensors it is given.

    'half': they become what autocast computes in; 'float32': they become float32; 'widest': they
    become the widest of them; 'through': they become float32, and the result the first one's dtype.
    The lists are PyTorch's.
    """

    def decorate(function: F) -> F:
        made: Any = function
        if not isinstance(function, _core.Direct):
            made = update_wrapper(_core.Direct(function, None, ()), function)
        made.cast = cast
        return made  # type: ignore[no-any-return]

    return decorate
