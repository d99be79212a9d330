"""Modules whose parameters are not drawn."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..module import Module


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose parameters have arbitrary numbers, for one that is about to be loaded.

    The numbers are drawn all the same where the class draws them in its constructor; the
    generator's state is as before.

    Args:
        module_cls: the class.
        args, kwargs: its arguments.

    Raises:
        RuntimeError: it is not a module class with a `device` argument.

    Follows torch.nn.utils.skip_init.

    >>> import fastgrad as torch
    >>> torch.nn.utils.skip_init(torch.nn.Linear, 5, 1).weight.shape
    torch.Size([1, 5])
    """
    from inspect import signature

    from ... import get_rng_state, set_rng_state
    from ..module import Module as Base

    if not issubclass(module_cls, Base):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    state = get_rng_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        set_rng_state(state)
