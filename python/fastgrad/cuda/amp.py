"""Mixed precision on CUDA devices, by its older names. Follows torch.cuda.amp."""

from __future__ import annotations

from fastgrad import amp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad import dtype

__all__ = ["GradScaler", "autocast"]


class autocast(amp.autocast):
    """:class:`fastgrad.amp.autocast` for CUDA: off, because there is none."""

    def __init__(
        self, enabled: bool = True, dtype: dtype | None = None, cache_enabled: bool = True
    ) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """:class:`fastgrad.amp.GradScaler` for CUDA: off, because there is none."""

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
