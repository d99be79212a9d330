"""The accelerator of this machine: none is supported yet. Follows torch.accelerator."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from fastgrad._types import Place
    from fastgrad.device import device

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "device_count",
    "is_available",
    "set_device_idx",
    "set_device_index",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is an accelerator: no.

    >>> import fastgrad as torch
    >>> torch.accelerator.is_available()
    False
    """
    return False


def device_count() -> int:
    """The number of accelerators: 0.

    >>> import fastgrad as torch
    >>> torch.accelerator.device_count()
    0
    """
    return 0


def current_accelerator(check_available: bool = False) -> device | None:
    """The accelerator: None.

    >>> import fastgrad as torch
    >>> torch.accelerator.current_accelerator() is None
    True
    """
    return None


def synchronize(device: Place | None = None) -> NoReturn:
    """Wait for the accelerator. RuntimeError: there is none.

    >>> import fastgrad as torch
    >>> torch.accelerator.synchronize()
    Traceback (most recent call last):
    RuntimeError: Cannot access accelerator device when none is available.
    """
    raise RuntimeError("Cannot access accelerator device when none is available.")


def set_device_index(device: Place) -> NoReturn:
    """Choose an accelerator. RuntimeError: there is none.

    >>> import fastgrad as torch
    >>> torch.accelerator.set_device_index(0)
    Traceback (most recent call last):
    RuntimeError: Cannot access accelerator device when none is available.
    """
    synchronize()


def current_device_index() -> NoReturn:
    """The number of the chosen accelerator. RuntimeError: there is none.

    >>> import fastgrad as torch
    >>> torch.accelerator.current_device_index()
    Traceback (most recent call last):
    RuntimeError: Cannot access accelerator device when none is available.
    """
    synchronize()


set_device_idx, current_device_idx = set_device_index, current_device_index
