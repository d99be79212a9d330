"""Switches that turn recording off and on, for the current thread."""

from __future__ import annotations

from functools import wraps

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

is_grad_enabled = _core.is_grad_enabled
is_inference_mode_enabled = _core.is_inference_mode_enabled


class _GradMode:
    """A context manager and a decorator."""

    enabled: bool

    def __init__(self) -> None:
        self._before: list[bool] = []  # a stack: one instance may be entered again inside itself

    def __enter__(self) -> None:
        self._before.append(_core.set_grad_enabled(self.enabled))

    def __exit__(self, *exception: object) -> None:
        _core.set_grad_enabled(self._before.pop())

    def _fresh(self) -> _GradMode:
        return type(self)()

    def __call__(self, function: F) -> F:
        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class _FixedMode(_GradMode):
    """Also usable as a decorator without parentheses, as PyTorch's are."""

    def __new__(cls, function: Any = None) -> Any:
        return object.__new__(cls) if function is None else cls()(function)

    def __init__(self, function: None = None) -> None:
        super().__init__()


class no_grad(_FixedMode):
    """Operations inside are not recorded: their results do not require grad.

    Follows ``torch.no_grad``.

    >>> import fastgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    enabled = False


class enable_grad(_FixedMode):
    """Operations inside are recorded again, inside :class:`no_grad`.

    Follows ``torch.enable_grad``.

    >>> import fastgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad(), torch.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """

    enabled = True


class set_grad_enabled(_GradMode):
    """Turn recording on or off: at once, and back at the end of a ``with`` block.

    Follows ``torch.set_grad_enabled``.

    >>> import fastgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.set_grad_enabled(False):
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.enabled = bool(mode)
        self._before.append(_core.set_grad_enabled(self.enabled))

    def __enter__(self) -> None:
        _core.set_grad_enabled(self.enabled)

    def _fresh(self) -> _GradMode:
        return type(self)(self.enabled)

    def __call__(self, function: F) -> F:
        # As a decorator it acts inside the function only.
        _core.set_grad_enabled(self._before.pop())
        return super().__call__(function)


class inference_mode(_GradMode):
    """Like :class:`no_grad`, for results that never enter a graph, not even as saved constants.

    Follows ``torch.inference_mode``.

    >>> import fastgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.inference_mode():
    ...     y = x * 2
    >>> y.requires_grad, y.is_inference()
    (False, True)
    """

    def __new__(cls, mode: Any = True) -> Any:
        return cls()(mode) if callable(mode) else object.__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.enabled = not mode
        self._inference_before: list[bool] = []

    def __enter__(self) -> None:
        super().__enter__()
        self._inference_before.append(_core.set_inference_mode(not self.enabled))

    def __exit__(self, *exception: object) -> None:
        _core.set_inference_mode(self._inference_before.pop())
        super().__exit__(*exception)

    def _fresh(self) -> _GradMode:
        return inference_mode(not self.enabled)
