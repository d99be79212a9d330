"""Where tensors live. This build knows the CPU."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_TYPES = (
    *("cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga"),
    *("maia", "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone"),
)


class device:
    """A place for tensors: ``device('cpu')``, ``device('cuda:1')`` or ``device('cuda', 1)``.

    In a with statement: where new tensors go. Tensors can only be made on the CPU.

    Raises:
        RuntimeError: the name is no device type, or the index is none.

    Follows ``torch.device``.

    >>> import fastgrad as torch
    >>> torch.device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: str | int | device, index: int | None = None) -> None:
        if isinstance(type, device):
            self.type, self.index = type.type, type.index
            return
        if isinstance(type, int):
            raise RuntimeError(f"device {type}: there is no accelerator here; use device('cpu')")
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
        check_device(self)
        return self

    def __exit__(
        self,
        exc_type: object,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """New tensors go where they always go."""


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


def check_device(place: device | str | int | None) -> None:
    """RuntimeError unless tensors can be put there."""
    if place is None:
        return
    wanted = device(place)
    if wanted.type != "cpu":
        raise RuntimeError(
            f"device '{wanted}' is not available: this fastgrad was built without CUDA; use "
            "device='cpu'"
        )
