"""Mixed precision: only its off position, because everything computes in float32 here.

Follows torch.amp where it is switched off: without CUDA, PyTorch does so by itself.
"""

from __future__ import annotations

from functools import wraps

from fastgrad.device import device as _device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from fastgrad import Tensor, dtype
    from fastgrad.optim import Optimizer

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["GradScaler", "autocast"]


def _off(what: str, device_type: str, enabled: bool, instead: str) -> None:
    """Warn of what is switched off for want of CUDA; RuntimeError for what cannot be had."""
    kind = _device(device_type).type
    if enabled and kind == "cuda":
        from warnings import warn

        warn(f"{what}: CUDA is not available. Disabling", stacklevel=3)
    elif enabled:
        raise RuntimeError(
            f"{what}: mixed precision on {kind!r} is not in fastgrad; {instead}, or pass "
            "enabled=False"
        )


class autocast:
    """A block, or a decorated function, whose matrix products would run in 16 bits.

    Args:
        device_type: ``'cuda'`` switches itself off with a warning, as in PyTorch without CUDA.
        dtype, cache_enabled: of no consequence while it is off.
        enabled: False for an ordinary block.

    Raises:
        RuntimeError: it is enabled for another device than CUDA.

    Follows ``torch.amp.autocast``.

    >>> import fastgrad as torch
    >>> with torch.amp.autocast("cpu", enabled=False):
    ...     print((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
    torch.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        _off("autocast", device_type, enabled, "leave the block out")

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *raised: object) -> None:
        """Nothing was changed."""

    def __call__(self, function: F) -> F:
        @wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside  # type: ignore[return-value]


class GradScaler:
    """Scales losses so that gradients in 16 bits do not vanish: switched off, it changes nothing.

    Args:
        device: ``'cuda'`` switches itself off with a warning, as in PyTorch without CUDA.
        init_scale, growth_factor, backoff_factor, growth_interval: of no consequence.
        enabled: False to switch it off.

    Raises:
        RuntimeError: it is enabled for another device than CUDA.

    Follows ``torch.amp.GradScaler``.

    >>> import fastgrad as torch
    >>> scaler = torch.amp.GradScaler("cuda", enabled=False)
    >>> scaler.scale(torch.tensor(2.0)), scaler.is_enabled()
    (tensor(2.), False)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _off("GradScaler", device, enabled, "leave it out")

    def scale(self, outputs: Any) -> Any:
        """The loss, unchanged."""
        return outputs

    def unscale_(self, optimizer: Optimizer) -> None:
        """Nothing was scaled."""

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """The optimizer's own step."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """There is no scale to adapt."""

    def get_scale(self) -> float:
        """1.0."""
        return 1.0

    def is_enabled(self) -> bool:
        """False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to load."""
