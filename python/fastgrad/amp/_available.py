"""Whether mixed precision can be had on a device."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.device import device as _device


def is_on(what: str, device_type: str, enabled: bool, instead: str) -> bool:
    """Whether it is on: a warning where it is switched off for want of CUDA.

    Raises:
        RuntimeError: it is enabled for another device than CUDA.
    """
    kind = _device(device_type).type
    if not enabled:
        return False
    if kind != "cuda":
        raise RuntimeError(
            f"{what}: mixed precision on {kind!r} is not in fastgrad; {instead}, or pass "
            "enabled=False"
        )
    if _core.accelerator.device_count():
        return True
    from warnings import warn

    warn(f"{what}: CUDA is not available. Disabling", stacklevel=3)
    return False
