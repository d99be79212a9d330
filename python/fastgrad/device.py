"""Where tensors live: on the CPU, or on CUDA devices where the build knows them."""

from __future__ import annotations

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    from fastgrad.tensor import Tensor

_TYPES = (
    *("cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga"),
    *("maia", "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone"),
)


class device:
    """A place for tensors: ``device('cpu')``, ``device('cuda:1')`` or ``device('cuda', 1)``.

    A number alone is that of a CUDA device. In a with statement: where new tensors go.

    Raises:
        RuntimeError: the name is no device type, or the index is none.

    Follows ``torch.device``.

    >>> import fastgrad as torch
    >>> torch.device("cpu")
    device(type='cpu')
    """

    __slots__ = ("_before", "index", "type")

    type: str
    index: int | None
    _before: list[int]  # where new tensors went before each with statement

    def __init__(self, type: str | int | device, index: int | None = None) -> None:
        if isinstance(type, device):
            self.type, self.index = type.type, type.index
            return
        if isinstance(type, int):
            self.type, self.index = "cuda", _core.cuda_index(type)
            return
        if not isinstance(type, str):
            raise TypeError(
                f"device(): expected a str such as 'cpu', got {type.__class__.__name__}"
            )
        self.type, number = _parsed(type)
        if index is not None and (number is not None or index < 0):
            raise RuntimeError(
                "Device index must not be negative"
                if index < 0
                else f"type (string) must not include an index because index was passed: {type}"
            )
        self.index = number if index is None else index

    def __repr__(self) -> str:
        number = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{number})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device):
            return NotImplemented
        return (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[object, ...]:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        before = _core.set_creation_device(index_of(self))
        if not hasattr(self, "_before"):
            self._before = []
        self._before.append(before)
        return self

    def __exit__(
        self,
        exc_type: object,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """New tensors go where they went before."""
        _core.set_creation_device(self._before.pop())


def _parsed(name: str) -> tuple[str, int | None]:
    """The type and the index in a name such as 'cuda:1'."""
    if not name:
        raise RuntimeError("Device string must not be empty")
    kind, colon, number = name.partition(":")
    if not kind or (colon and (not number.isdecimal() or str(int(number)) != number)):
        raise RuntimeError(f"Invalid device string: '{name}'")
    if kind not in _TYPES:
        raise RuntimeError(
            f"Expected one of {', '.join(_TYPES)} device type at start of device string: {name}"
        )
    return kind, int(number) if colon else None


cpu = device("cpu")


def index_of(place: device | str | int) -> int:
    """The number of a CUDA device, -1 for the CPU. RuntimeError unless tensors can be put there."""
    wanted = place if isinstance(place, device) else device(place)
    if wanted.type == "cpu":
        return -1
    if wanted.type != "cuda":
        raise RuntimeError(
            f"device '{wanted}' is not available: fastgrad knows 'cpu' and 'cuda'; use device='cpu'"
        )
    return _core.cuda_index(-1 if wanted.index is None else wanted.index)


def place_of(index: int) -> device:
    """The device of that number, which -1 says is the CPU."""
    return cpu if index < 0 else device("cuda", index)


def check_device(place: device | str | int | None) -> None:
    """RuntimeError unless tensors can be put there."""
    if place is not None:
        index_of(place)


def made_on(place: device | str | int | None, make: Callable[..., Tensor], *args: Any) -> Tensor:
    """What `make` makes of the arguments where new tensors go, or at the given place."""
    if place is None:
        return make(*args)
    before = _core.set_creation_device(index_of(place))
    try:
        return make(*args)
    finally:
        _core.set_creation_device(before)


def placed(tensor: Tensor, place: device | str | int | None) -> Tensor:
    """A new tensor, which no graph knows, at that place; itself when it is there."""
    return tensor if place is None else _core.to_device(tensor, index_of(place), False)
