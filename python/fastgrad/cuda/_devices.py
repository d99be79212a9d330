"""Which CUDA devices there are, and which one is current."""

from __future__ import annotations

from fastgrad._core import accelerator
from fastgrad.device import device as _device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad import Tensor
    from fastgrad._types import Place

__all__ = [
    "current_device",
    "device",
    "device_count",
    "device_of",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "init",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is a CUDA device that this build can use.

    >>> import fastgrad as torch
    >>> torch.cuda.is_available() == (torch.cuda.device_count() > 0)
    True
    """
    return accelerator.device_count() > 0


def device_count() -> int:
    """The number of CUDA devices.

    >>> import fastgrad as torch
    >>> torch.cuda.device_count() >= 0
    True
    """
    return accelerator.device_count()


def is_initialized() -> bool:
    """Whether CUDA is in use: from the start where there is a device.

    >>> import fastgrad as torch
    >>> torch.cuda.is_initialized() and not torch.cuda.is_available()
    False
    """
    return is_available()


def init() -> None:
    """Make sure that CUDA can be used.

    Raises:
        AssertionError: this build has no CUDA.
        RuntimeError: there is no CUDA device, or its driver is too old.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.init()
    """
    accelerator.current_device()


def current_device() -> int:
    """The number of the current CUDA device: that of ``'cuda'`` without a number, in this thread.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> torch.cuda.current_device() if torch.cuda.is_available() else 0
    0
    """
    return accelerator.current_device()


def device_index(place: Place | None) -> int:
    """The number of a CUDA device; None stands for the current one.

    Raises:
        AssertionError: this build has no CUDA.
        ValueError: the place is no CUDA device.
    """
    if isinstance(place, int):
        return place
    wanted = _device("cuda") if place is None else _device(place)
    if wanted.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {wanted}")
    return accelerator.current_device() if wanted.index is None else wanted.index


def set_device(device: Place) -> None:
    """Make a CUDA device the current one of this thread. A negative number changes nothing.

    Raises:
        AssertionError: this build has no CUDA. (PyTorch without CUDA has an AttributeError.)
        RuntimeError: there is no such device.

    >>> from fastgrad import cuda
    >>> if cuda.is_available():
    ...     cuda.set_device(0)
    """
    index = device_index(device)
    if index >= 0 or not is_available():
        accelerator.set_device(index)


class device:
    """A ``with`` block in which a CUDA device is the current one; None or -1 changes nothing.

    Follows ``torch.cuda.device``.

    >>> import fastgrad as torch
    >>> with torch.cuda.device(-1):
    ...     pass
    """

    def __init__(self, device: Place | None) -> None:
        self.idx = -1 if device is None else device_index(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            self.prev_idx = accelerator.current_device()
            accelerator.set_device(self.idx)

    def __exit__(self, *raised: object) -> None:
        if self.idx >= 0:
            accelerator.set_device(self.prev_idx)


class device_of(device):
    """A ``with`` block in which a tensor's CUDA device is the current one, if it lies on any.

    Follows ``torch.cuda.device_of``.

    >>> import fastgrad as torch
    >>> with torch.cuda.device_of(torch.ones(2)):
    ...     pass
    """

    def __init__(self, obj: Tensor) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else -1)


def synchronize(device: Place | None = None) -> None:
    """Wait until a CUDA device has done all that it was given.

    Raises:
        AssertionError: this build has no CUDA.
        IndexError: a kernel was given a label or an index out of range since the last time.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.synchronize()
    """
    accelerator.synchronize(device_index(device))


class DeviceProperties:
    """What a CUDA device is."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int
    max_threads_per_multi_processor: int
    warp_size: int
    L2_cache_size: int

    def __init__(self, index: int) -> None:
        self.__dict__.update(accelerator.properties(index))

    def __repr__(self) -> str:
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={self.total_memory >> 20}MB, "
            f"multi_processor_count={self.multi_processor_count})"
        )


def get_device_properties(device: Place | None = None) -> DeviceProperties:
    """What a CUDA device is: its name, capability, memory and number of multiprocessors.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_device_properties(0).total_memory > 0
    """
    return DeviceProperties(device_index(device))


def get_device_name(device: Place | None = None) -> str:
    """The name of a CUDA device.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_device_name(0)
    """
    return get_device_properties(device).name


def get_device_capability(device: Place | None = None) -> tuple[int, int]:
    """What a CUDA device can do, as NVIDIA's number of it: (9, 0) is Hopper.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_device_capability() >= (5, 0)
    """
    properties = get_device_properties(device)
    return properties.major, properties.minor


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the current CUDA device computes in bfloat16, or at least behaves as if it did.

    >>> import fastgrad as torch
    >>> torch.cuda.is_bf16_supported() and not torch.cuda.is_available()
    False
    """
    if not is_available():
        return False
    return including_emulation or get_device_capability()[0] >= 8
