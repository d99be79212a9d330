"""Switches that PyTorch's scripts set. Some have one position here, and say which.

Follows the functions of the same names in ``torch``.
"""

from __future__ import annotations

from fastgrad import _core
from fastgrad.device import device as _device
from fastgrad.device import index_of, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Place

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_float32_matmul_precision",
    "set_default_device",
    "set_float32_matmul_precision",
    "use_deterministic_algorithms",
]

_state: dict[str, object] = {"precision": "highest", "deterministic": False}


def set_float32_matmul_precision(precision: str) -> None:
    """Say how exact matrix products must be.

    On the CPU they are always computed in full float32.

    Args:
        precision: ``'highest'``; or ``'high'`` or ``'medium'``, which both let CUDA devices round
            float32 to TF32 (10 bits behind the point) before it is multiplied.

    Raises:
        ValueError: another word.

    >>> import fastgrad as torch
    >>> torch.set_float32_matmul_precision("highest")
    """
    if precision not in ("highest", "high", "medium"):
        raise ValueError(
            f"set_float32_matmul_precision: expected 'highest', 'high' or 'medium', got "
            f"{precision!r}"
        )
    _state["precision"] = precision
    _core.accelerator.set_allow_tf32(precision != "highest")


def get_float32_matmul_precision() -> str:
    """The word last given to :func:`set_float32_matmul_precision`.

    >>> import fastgrad as torch
    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    return str(_state["precision"])


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that repeat. They always do here, for any number of threads.

    >>> import fastgrad as torch
    >>> torch.use_deterministic_algorithms(False)
    """
    _state["deterministic"] = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What was last given to :func:`use_deterministic_algorithms`.

    >>> import fastgrad as torch
    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    return bool(_state["deterministic"])


def set_default_device(device: Place | None) -> None:
    """Say where new tensors of this thread go: None stands for the CPU.

    Raises:
        RuntimeError: tensors cannot be put there.

    Follows ``torch.set_default_device``.

    >>> import fastgrad as torch
    >>> torch.set_default_device("cpu")
    >>> torch.set_default_device(None)
    """
    _core.set_creation_device(-1 if device is None else index_of(device))


def get_default_device() -> _device:
    """Where new tensors of this thread go.

    >>> import fastgrad as torch
    >>> torch.get_default_device()
    device(type='cpu')
    """
    index = _core.set_creation_device(-1)
    _core.set_creation_device(index)
    return place_of(index)
