"""What the optimizers' constructors check."""

from collections.abc import Sequence
from typing import Any

from .. import Tensor


def check_rate(lr: float | Tensor) -> None:
    """A learning rate is a number >= 0, or a tensor with one."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element, but has shape {tuple(lr.shape)}")
    check_not_negative("learning rate", float(lr))


def check_not_negative(name: str, value: float) -> None:
    """Refuses nan as well."""
    if not value >= 0:
        raise ValueError(f"Invalid {name}: {value}; expected a number >= 0")


def checked_betas(betas: Sequence[float | Tensor]) -> tuple[float, ...]:
    """Two numbers in [0, 1); tensors of one element become numbers."""
    if len(betas) != 2:
        raise ValueError(f"betas must be two numbers, got {tuple(betas)}")
    for index, beta in enumerate(betas):
        if isinstance(beta, Tensor) and beta.numel() != 1:
            raise ValueError(f"Tensor betas[{index}] must be 1-element")
        if not 0.0 <= float(beta) < 1.0:
            raise ValueError(
                f"Invalid beta parameter at index {index}: {beta}; expected a number in [0, 1)"
            )
    return tuple(beta.item() if isinstance(beta, Tensor) else beta for beta in betas)


def check_flags(name: str, options: dict[str, Any]) -> None:
    """Refuses what a step that is one call, and not recorded, cannot do."""
    if options.get("differentiable"):
        if options.get("fused"):
            raise RuntimeError("`fused` does not support `differentiable`")
        raise NotImplementedError(
            f"{name} with differentiable=True is not available: the update is not recorded;"
            " write it with tensor operations, e.g. w = w - lr * grad"
        )
    if options.get("capturable"):
        _check_there_is_cuda(name)
    if options.get("foreach") and options.get("fused"):
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def _check_there_is_cuda(name: str) -> None:
    from ..cuda import is_available

    if not is_available():
        raise NotImplementedError(
            f"{name} with capturable=True is not available: it is for CUDA graphs, and there is no"
            " CUDA device; leave it False"
        )
