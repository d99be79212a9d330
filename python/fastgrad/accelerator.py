"""The accelerator of this machine: CUDA, where there is a device. Follows torch.accelerator."""

from __future__ import annotations

from fastgrad import cuda
from fastgrad.device import device as _device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Place
    from fastgrad.cuda import Stream
    from fastgrad.device import device

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "is_available",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is an accelerator.

    >>> import fastgrad as torch
    >>> torch.accelerator.is_available() == torch.cuda.is_available()
    True
    """
    return cuda.is_available()


def device_count() -> int:
    """The number of accelerators.

    >>> import fastgrad as torch
    >>> torch.accelerator.device_count() == torch.cuda.device_count()
    True
    """
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> device | None:
    """The accelerator, without a number: None where there is none.

    >>> import fastgrad as torch
    >>> (torch.accelerator.current_accelerator() is None) == (not torch.cuda.is_available())
    True
    """
    return _device("cuda") if is_available() else None


def _check() -> None:
    if not is_available():
        raise RuntimeError("Cannot access accelerator device when none is available.")


def synchronize(device: Place | None = None) -> None:
    """Wait for the accelerator.

    Raises:
        RuntimeError: there is none.

    >>> import fastgrad as torch
    >>> if torch.accelerator.is_available():
    ...     torch.accelerator.synchronize()
    """
    _check()
    cuda.synchronize(device)


def set_device_index(device: Place) -> None:
    """Choose an accelerator.

    Raises:
        RuntimeError: there is none.

    >>> import fastgrad as torch
    >>> if torch.accelerator.is_available():
    ...     torch.accelerator.set_device_index(0)
    """
    _check()
    cuda.set_device(device)


def current_device_index() -> int:
    """The number of the chosen accelerator.

    Raises:
        RuntimeError: there is none.

    >>> import fastgrad as torch
    >>> torch.accelerator.current_device_index() if torch.accelerator.is_available() else 0
    0
    """
    _check()
    return cuda.current_device()


def current_stream(device: Place | None = None) -> Stream:
    """The stream to which this thread gives an accelerator's work.

    Raises:
        RuntimeError: there is none.

    >>> import fastgrad as torch
    >>> if torch.accelerator.is_available():
    ...     stream = torch.accelerator.current_stream()
    """
    _check()
    return cuda.current_stream(device)


def set_stream(stream: Stream) -> None:
    """Make a stream the current one of its device in this thread.

    Raises:
        RuntimeError: there is no accelerator.

    >>> import fastgrad as torch
    >>> if torch.accelerator.is_available():
    ...     torch.accelerator.set_stream(torch.accelerator.current_stream())
    """
    _check()
    cuda.set_stream(stream)


set_device_idx, current_device_idx = set_device_index, current_device_index
