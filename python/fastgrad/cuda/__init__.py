"""CUDA devices: this build has none, and says so. Follows torch.cuda where PyTorch has none either.

What a script asks before it goes to a GPU answers "no"; what only makes sense on one raises
PyTorch's error.
"""

from __future__ import annotations

from fastgrad.cuda import amp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from fastgrad._types import Place

__all__ = [
    "amp",
    "current_device",
    "current_stream",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "init",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is a CUDA device: no.

    >>> import fastgrad as torch
    >>> torch.cuda.is_available()
    False
    """
    return False


def device_count() -> int:
    """The number of CUDA devices: 0.

    >>> import fastgrad as torch
    >>> torch.cuda.device_count()
    0
    """
    return 0


def is_initialized() -> bool:
    """Whether CUDA is in use: no.

    >>> import fastgrad as torch
    >>> torch.cuda.is_initialized()
    False
    """
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a CUDA device computes in bfloat16: there is none.

    >>> import fastgrad as torch
    >>> torch.cuda.is_bf16_supported()
    False
    """
    return False


def manual_seed(seed: int) -> None:
    """Seed the generator of the current CUDA device: there is none, so nothing happens.

    >>> import fastgrad as torch
    >>> torch.cuda.manual_seed(1)
    """
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all CUDA devices: there are none, so nothing happens.

    >>> import fastgrad as torch
    >>> torch.cuda.manual_seed_all(1)
    """
    int(seed)


def seed() -> None:
    """Seed the generator of the current CUDA device at random: there is none.

    >>> import fastgrad as torch
    >>> torch.cuda.seed()
    """


def seed_all() -> None:
    """Seed the generators of all CUDA devices at random: there are none.

    >>> import fastgrad as torch
    >>> torch.cuda.seed_all()
    """


def empty_cache() -> None:
    """Return unused memory of the CUDA devices: there is none.

    >>> import fastgrad as torch
    >>> torch.cuda.empty_cache()
    """


def memory_allocated(device: Place | None = None) -> int:
    """Bytes of a CUDA device in use by tensors: 0.

    >>> import fastgrad as torch
    >>> torch.cuda.memory_allocated()
    0
    """
    return 0


def max_memory_allocated(device: Place | None = None) -> int:
    """The most bytes of a CUDA device that were in use by tensors: 0.

    >>> import fastgrad as torch
    >>> torch.cuda.max_memory_allocated()
    0
    """
    return 0


def memory_reserved(device: Place | None = None) -> int:
    """Bytes of a CUDA device that are kept for tensors: 0.

    >>> import fastgrad as torch
    >>> torch.cuda.memory_reserved()
    0
    """
    return 0


def max_memory_reserved(device: Place | None = None) -> int:
    """The most bytes of a CUDA device that were kept for tensors: 0.

    >>> import fastgrad as torch
    >>> torch.cuda.max_memory_reserved()
    0
    """
    return 0


# What needs a device. The examples say what all of them do.


def init() -> NoReturn:
    """AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> torch.cuda.init()
    Traceback (most recent call last):
    AssertionError: Torch not compiled with CUDA enabled
    """
    raise AssertionError("Torch not compiled with CUDA enabled")


def synchronize(device: Place | None = None) -> NoReturn:
    """Wait for a CUDA device. AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> torch.cuda.synchronize()
    Traceback (most recent call last):
    AssertionError: Torch not compiled with CUDA enabled
    """
    init()


def current_device() -> NoReturn:
    """The number of the current CUDA device. AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> torch.cuda.current_device()
    Traceback (most recent call last):
    AssertionError: Torch not compiled with CUDA enabled
    """
    init()


def current_stream(device: Place | None = None) -> NoReturn:
    """The current stream of a CUDA device. AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> torch.cuda.current_stream()
    Traceback (most recent call last):
    AssertionError: Torch not compiled with CUDA enabled
    """
    init()


def get_device_name(device: Place | None = None) -> NoReturn:
    """The name of a CUDA device. AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> torch.cuda.get_device_name(0)
    Traceback (most recent call last):
    AssertionError: Torch not compiled with CUDA enabled
    """
    init()


def get_device_capability(device: Place | None = None) -> NoReturn:
    """What a CUDA device can do. AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> torch.cuda.get_device_capability()
    Traceback (most recent call last):
    AssertionError: Torch not compiled with CUDA enabled
    """
    init()


def get_device_properties(device: Place | None = None) -> NoReturn:
    """What a CUDA device is. AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> torch.cuda.get_device_properties(0)
    Traceback (most recent call last):
    AssertionError: Torch not compiled with CUDA enabled
    """
    init()


def set_device(device: Place) -> None:
    """Make a CUDA device the current one.

    Raises:
        AssertionError: this build has no CUDA. (PyTorch without CUDA has an AttributeError.)

    >>> from fastgrad import cuda
    >>> cuda.set_device(0)
    Traceback (most recent call last):
    AssertionError: Torch not compiled with CUDA enabled
    """
    init()


def reset_peak_memory_stats(device: Place | None = None) -> None:
    """Forget the most bytes that were in use.

    Raises:
        AssertionError: this build has no CUDA. (PyTorch without CUDA has an AttributeError.)

    >>> from fastgrad import cuda
    >>> cuda.reset_peak_memory_stats()
    Traceback (most recent call last):
    AssertionError: Torch not compiled with CUDA enabled
    """
    init()
