"""Mixed precision on CUDA devices, by its older names. Follows torch.cuda.amp."""

from __future__ import annotations

from fastgrad import amp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastgrad import dtype

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(amp.autocast):
    """:class:`fastgrad.amp.autocast` for CUDA."""

    def __init__(
        self, enabled: bool = True, dtype: dtype | None = None, cache_enabled: bool = True
    ) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """:class:`fastgrad.amp.GradScaler` for CUDA."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )


def custom_fwd(fwd: Callable[..., Any] | None = None, *, cast_inputs: dtype | None = None) -> Any:
    """:func:`fastgrad.amp.custom_fwd` for CUDA.

    >>> import fastgrad as torch
    >>> forward = torch.cuda.amp.custom_fwd(cast_inputs=torch.float32)
    """
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any] | None = None) -> Any:
    """:func:`fastgrad.amp.custom_bwd` for CUDA.

    >>> import fastgrad as torch
    >>> backward = torch.cuda.amp.custom_bwd(lambda ctx, grad: grad)
    """
    return amp.custom_bwd(bwd, device_type="cuda")
