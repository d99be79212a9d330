"""Where NaN comes from: anomaly mode remembers where each operation was recorded."""

from __future__ import annotations

from sys import _getframe
from weakref import WeakKeyDictionary

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from traceback import StackSummary
    from types import FrameType
    from typing import Any, TypeAlias

    from fastgrad.autograd.graph import Grads, Node, Saved
    from fastgrad.tensor import Tensor

    Guard: TypeAlias = Callable[[Node, Grads], None]
    Watcher: TypeAlias = Callable[[Node, Tensor], None]

is_on = False  # what the engine looks at: the mode is on, or there is a guard
_mode = False
_check_nan = True
_guard: Guard | None = None
_recorded_at: WeakKeyDictionary[Node, StackSummary] = WeakKeyDictionary()


_PACKAGE = __name__.partition(".")[0]
_INSIDE = f"{_PACKAGE}."


def user_frame() -> FrameType | None:
    """The innermost frame outside the library."""
    frame: FrameType | None = _getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(_INSIDE) and name != _PACKAGE:
            break
        frame = frame.f_back
    return frame


_warned: set[str] = set()


def warn_once(message: str) -> None:
    """Warn of something in the user's line that is running, once in a process."""
    from linecache import getline
    from warnings import warn_explicit

    frame = user_frame()
    if frame is None or message in _warned:
        return
    _warned.add(message)
    name, line = frame.f_code.co_filename, frame.f_lineno
    warn_explicit(f"{message} Here: {getline(name, line).strip()}", UserWarning, name, line)


def _remember(node: Node, result: Tensor) -> None:
    from traceback import StackSummary, walk_stack

    frames = StackSummary.extract(walk_stack(user_frame()), lookup_lines=False)
    frames.reverse()
    _recorded_at[node] = frames


def _switch(on: bool, check_nan: bool, watcher: Watcher | None) -> tuple[Any, ...]:
    """Turn the mode on or off; returns what it was."""
    global is_on, _mode, _check_nan
    before = _mode, _check_nan, _core.watch_nodes(watcher)
    _mode, _check_nan = on, check_nan
    is_on = _mode or _guard is not None
    return before


def set_guard(guard: Guard | None) -> Guard | None:
    """Have each node's gradients shown to a function; returns the one before."""
    global is_on, _guard
    before, _guard = _guard, guard
    is_on = _mode or _guard is not None
    return before


class set_detect_anomaly:
    """Turn anomaly mode on or off: at once, and back at the end of a ``with`` block.

    Follows ``torch.autograd.set_detect_anomaly``.

    >>> import fastgrad as torch
    >>> with torch.autograd.set_detect_anomaly(True):
    ...     torch.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _switch(mode, check_nan, _remember if mode else None)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        _switch(*self._before)


class detect_anomaly:
    """Inside, an operation whose backward makes a NaN raises an error that names its forward line.

    Every recorded operation remembers the line that called it, which makes it slower: for
    debugging. With `check_nan` False only the lines are remembered, for errors in backward.

    Raises:
        RuntimeError: in backward, where a gradient is NaN.

    Follows ``torch.autograd.detect_anomaly``.

    >>> import fastgrad as torch
    >>> x = torch.zeros(1, requires_grad=True)
    >>> with torch.autograd.set_detect_anomaly(True):
    ...     y = (x.sqrt() * 0).sum()
    ...     try:
    ...         y.backward()
    ...     except RuntimeError as error:
    ...         print(str(error).partition(".")[0])
    Function 'SqrtBackward0' returned nan values in its 0th output
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._before = _switch(True, self.check_nan, _remember)

    def __exit__(self, *exception: object) -> None:
        _switch(*self._before)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on. Follows ``torch.is_anomaly_enabled``.

    >>> import fastgrad as torch
    >>> torch.is_anomaly_enabled()
    False
    """
    return _mode


def checked_vjp(node: Node, grad: Tensor, saved: Saved) -> Grads:
    """The gradients of a node's inputs; an error in them says where the node was recorded."""
    try:
        grads = node.vjp(grad, saved, node.edges)
        if _mode and _check_nan:
            _check_gradients(node, grads)
        if _guard is not None:
            _guard(node, grads)
        return grads
    except Exception as error:
        for line in _forward_lines(node):
            error.add_note(line)
        raise


def _check_gradients(node: Node, grads: Grads) -> None:
    for i, (grad, edge) in enumerate(zip(grads, node.edges, strict=False)):
        if edge is not None and grad is not None and _has_nan(grad):
            raise RuntimeError(
                f"Function '{node.name()}' returned nan values in its {i}th output. "
                + _forward_line(node)
            )


def _has_nan(grad: Any) -> bool:
    before = _core.set_grad_enabled(False)
    try:
        return bool(_core.any(_core.isnan(grad), (), False))
    finally:
        _core.set_grad_enabled(before)


def _forward_line(node: Node) -> str:
    frames = _recorded_at.get(node)
    if not frames:
        return "Its forward was run outside anomaly mode, so that its line is not known."
    last = frames[-1]
    return f"Its forward is at {last.filename}:{last.lineno}: {last.line}"


def _forward_lines(node: Node) -> list[str]:
    frames = _recorded_at.get(node)
    if not frames:
        return []
    return [f"Forward call of {node.name()}:", *(text.rstrip() for text in frames.format())]
