"""Errors raised inside a module say in which one: "in net.3 Linear(...): <the message>"."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .module import Module

# The types that wrong shapes, dtypes, values and indices raise.
NAMED_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)


class _Place:
    """Where an error came from, as far as the calls it passed through have told."""

    __slots__ = ("label", "message", "outermost", "path")

    def __init__(self, module: "Module", message: str) -> None:
        self.outermost = module
        self.path = ""
        self.label = _label(module)
        self.message = message

    def widen(self, module: "Module") -> None:
        """Note that `module` called the outermost module so far."""
        name = _name_within(module, self.outermost)
        self.path = ".".join(part for part in (name, self.path) if part)
        self.outermost = module

    def __str__(self) -> str:
        where = f"{self.path} {self.label}" if self.path else self.label
        return f"in {where}: {self.message}"

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # an error that travels to another process leaves the module here


def add_place(error: Exception, module: "Module") -> None:
    """Write into `error`'s message that it was raised inside `module`.

    Called once for every module call that the error leaves, the innermost first; so the path is
    put together on the way out, and a call that raises nothing pays nothing.
    """
    if len(error.args) != 1 or not isinstance(error.args[0], str):
        return  # it does not carry one plain message
    place = getattr(error, "_module_place", None)
    if isinstance(place, _Place) and str(place) == error.args[0]:
        place.widen(module)
    else:
        place = _Place(module, error.args[0])
        error._module_place = place  # type: ignore[attr-defined]
    error.args = (str(place),)


def _label(module: "Module") -> str:
    """The module's one-line repr, without its children."""
    details = module.extra_repr()
    return f"{type(module).__name__}({details})" if "\n" not in details else type(module).__name__


def _name_within(module: "Module", part: "Module") -> str:
    """The dotted name of `part` in `module`; empty when it is not registered there."""
    return next((name for name, member in module.named_modules() if member is part), "")
