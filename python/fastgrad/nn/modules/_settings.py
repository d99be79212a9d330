"""Settings of modules: how they print, and the commonest one."""

from __future__ import annotations

from ..module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar

    from ... import Tensor


def settings(module: Module, *names: str) -> str:
    """``name=value`` of each of these attributes; of `inplace` only where it is set."""
    shown = [name for name in names if name != "inplace" or vars(module)[name]]
    return ", ".join(f"{name}={getattr(module, name)!r}" for name in shown)


class InPlace(Module):
    """An activation whose only setting is whether it overwrites its input."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return self._function(input, self.inplace)

    def extra_repr(self) -> str:
        return settings(self, "inplace")
