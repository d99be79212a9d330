"""Where tensors live. This build knows the CPU."""

from __future__ import annotations


class device:
    """A place for tensors: ``device('cpu')``.

    Raises:
        RuntimeError: the name is no device type.

    Follows ``torch.device``.

    >>> import fastgrad as torch
    >>> torch.device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: str | device = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            index = type.index if index is None else index
            type = type.type
        kind, _, number = str(type).partition(":")
        if kind not in ("cpu", "cuda", "mps", "meta", "xpu"):
            raise RuntimeError(
                f"Expected one of cpu, cuda device type at start of device string: {type}"
            )
        if number and not number.isdigit():
            raise RuntimeError(f"Invalid device string: '{type}'")
        self.type = kind
        self.index = int(number) if number else index

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


cpu = device("cpu")


def check_device(place: device | str | int | None) -> None:
    """RuntimeError unless tensors can be put there."""
    if place is None:
        return
    wanted = device(f"cuda:{place}") if isinstance(place, int) else device(place)
    if wanted.type != "cpu":
        raise RuntimeError(
            f"device '{wanted}' is not available: this fastgrad was built without CUDA; use "
            "device='cpu'"
        )
