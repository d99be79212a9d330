"""How much memory of CUDA devices is in use."""

from __future__ import annotations

from fastgrad._core import accelerator
from fastgrad.cuda._devices import device_index, is_available

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Place

__all__ = [
    "OutOfMemoryError",
    "empty_cache",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "memory_summary",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]

OutOfMemoryError = accelerator.OutOfMemoryError


def empty_cache() -> None:
    """Return unused memory of the CUDA devices to the system.

    >>> import fastgrad as torch
    >>> torch.cuda.empty_cache()
    """
    if is_available():
        accelerator.empty_cache()


def _use(device: Place | None) -> tuple[int, int, int, int]:
    return accelerator.memory_use(device_index(device)) if is_available() else (0, 0, 0, 0)


def memory_allocated(device: Place | None = None) -> int:
    """Bytes of a CUDA device in use by tensors.

    >>> import fastgrad as torch
    >>> torch.cuda.memory_allocated() >= 0
    True
    """
    return _use(device)[0]


def max_memory_allocated(device: Place | None = None) -> int:
    """The most bytes of a CUDA device that were in use by tensors.

    >>> import fastgrad as torch
    >>> torch.cuda.max_memory_allocated() >= torch.cuda.memory_allocated()
    True
    """
    return _use(device)[1]


def memory_reserved(device: Place | None = None) -> int:
    """Bytes of a CUDA device that are kept for tensors.

    >>> import fastgrad as torch
    >>> torch.cuda.memory_reserved() >= torch.cuda.memory_allocated()
    True
    """
    return _use(device)[2]


def max_memory_reserved(device: Place | None = None) -> int:
    """The most bytes of a CUDA device that were kept for tensors.

    >>> import fastgrad as torch
    >>> torch.cuda.max_memory_reserved() >= torch.cuda.memory_reserved()
    True
    """
    return _use(device)[3]


def memory_summary(device: Place | None = None, abbreviated: bool = False) -> str:
    """The four amounts above as a table.

    >>> import fastgrad as torch
    >>> print(torch.cuda.memory_summary().splitlines()[0])  # doctest: +SKIP
    CUDA memory of device 0    now (MiB)   most (MiB)
    """
    index = device_index(device) if is_available() else 0
    allocated, peak_allocated, reserved, peak_reserved = _use(device)
    rows = (("tensors", allocated, peak_allocated), ("reserved", reserved, peak_reserved))
    title = f"CUDA memory of device {index}"
    lines = [f"{title:<26} {'now (MiB)':>12} {'most (MiB)':>12}"]
    lines += [f"{name:<26} {now / 2**20:>12.2f} {most / 2**20:>12.2f}" for name, now, most in rows]
    return "\n".join(lines)


def reset_peak_memory_stats(device: Place | None = None) -> None:
    """Forget the most bytes that were in use.

    Raises:
        AssertionError: this build has no CUDA. (PyTorch without CUDA has an AttributeError.)

    >>> from fastgrad import cuda
    >>> if cuda.is_available():
    ...     cuda.reset_peak_memory_stats()
    """
    accelerator.reset_peaks(device_index(device))


def mem_get_info(device: Place | None = None) -> tuple[int, int]:
    """The free and all bytes of a CUDA device, whoever uses them.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     free, total = torch.cuda.mem_get_info()
    """
    return accelerator.free_and_total(device_index(device))


def set_per_process_memory_fraction(fraction: float, device: Place | None = None) -> None:
    """Let this process use no more than a part of a CUDA device's memory.

    Raises:
        AssertionError: this build has no CUDA.
        TypeError, ValueError: the fraction is no float from 0 to 1.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.set_per_process_memory_fraction(1.0)
    """
    index = device_index(device)
    if not isinstance(fraction, float):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    accelerator.limit_memory(index, int(fraction * accelerator.free_and_total(index)[1]))
