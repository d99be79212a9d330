"""Losses that are scaled so that gradients in 16 bits do not vanish."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.amp._available import is_on
from fastgrad.autograd.grad_mode import no_grad
from fastgrad.ops.joining import stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad import Tensor
    from fastgrad.optim import Optimizer

__all__ = ["GradScaler"]


class GradScaler:
    """Scales losses so that gradients in float16 do not vanish, and finds the scale that fits.

    ``scaler.scale(loss).backward()``, ``scaler.step(optimizer)``, ``scaler.update()``: gradients
    are divided by the scale before the step, which is left out where one of them is infinite or no
    number. Then the scale becomes smaller; after many steps without that, larger.

    Args:
        device: ``'cuda'`` switches itself off with a warning where there is none, as in PyTorch.
        init_scale: the first scale.
        growth_factor: what the scale is multiplied by after `growth_interval` good steps.
        backoff_factor: what it is multiplied by after a step that was left out.
        growth_interval: how many good steps in a row make it larger.
        enabled: False to switch it off: nothing is scaled, and all steps are made.

    Raises:
        RuntimeError: it is enabled for another device than CUDA.
        ValueError: factors that do not grow and shrink.

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
        self._enabled = is_on("GradScaler", device, enabled, "leave it out")
        if growth_factor <= 1.0:
            raise ValueError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise ValueError("The backoff factor must be < 1.0.")
        self._scale = float(init_scale)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._growth_tracker = growth_interval, 0
        # By the optimizer's id, since the last update: whether its gradients were finite.
        self._finite: dict[int, bool] = {}
        self._stepped: set[int] = set()

    def scale(self, outputs: Any) -> Any:
        """A loss, or each in a list or tuple of them, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, _core.TensorBase):
            return outputs * self._scale  # type: ignore[operator]
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(x) for x in outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, say to clip them.

        Raises:
            RuntimeError: they were divided already since the last update.
        """
        if not self._enabled:
            return
        key = id(optimizer)
        if key in self._finite:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
                if key not in self._stepped
                else "unscale_() is being called after step()."
            )
        self._finite[key] = _unscaled(_gradients(optimizer), 1.0 / self._scale)

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """The optimizer's step with unscaled gradients, if all of them are finite.

        Raises:
            RuntimeError: the step was made already since the last update, or a closure is given.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or args:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        key = id(optimizer)
        if key in self._stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if key not in self._finite:
            self.unscale_(optimizer)
        self._stepped.add(key)
        return optimizer.step() if self._finite[key] else None

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Make the scale smaller if a step was left out, larger after many that were not.

        Args:
            new_scale: the scale from now on, instead.

        Raises:
            RuntimeError: no gradients were looked at since the last update.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._finite:
            raise RuntimeError("No inf checks were recorded prior to update.")
        elif not all(self._finite.values()):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                self._scale *= self._growth_factor
                self._growth_tracker = 0
        self._finite.clear()
        self._stepped.clear()

    def get_scale(self) -> float:
        """The scale; 1.0 where it is switched off."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What the scale grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale grows by."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale shrinks by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale shrinks by."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many good steps make it grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set how many good steps make it grow."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether it is on."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale and what decides about it; nothing where it is switched off."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with what :meth:`state_dict` gave.

        Raises:
            RuntimeError: it is empty, and the scaler is on.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._scale = float(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]


def _gradients(optimizer: Optimizer) -> list[Tensor]:
    found = [
        p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
    ]
    if any(g.dtype is _core.float16 for g in found):
        raise ValueError("Attempting to unscale FP16 gradients.")
    if not found:
        raise AssertionError("No inf checks were recorded for this optimizer.")
    return found


def _unscaled(gradients: list[Tensor], factor: float) -> bool:
    """Multiplies them in place; whether all are finite, for which the host waits once."""
    with no_grad():
        largest = []
        for g in gradients:
            g.mul_(factor)
            if g.numel():
                largest.append(g.abs().max().float().to(gradients[0].device))
        return not largest or bool(stack(largest).isfinite().all())
