"""Gradients of fused kernels that are recorded: those of the same in plain operations."""

from __future__ import annotations

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from fastgrad.autograd.graph import Grads, Needs
    from fastgrad.tensor import Tensor


def gradients(
    formula: Callable[..., Sequence[Tensor]],
    inputs: Sequence[Tensor | None],
    grads: Sequence[Tensor | None],
    needs: Needs,
) -> Grads:
    """What a vjp returns while something records: the vjp of ``formula(*inputs)``, recorded.

    Args:
        formula: differentiable functions that compute the node's results.
        inputs: those of the node, in the order of `needs`.
        grads: of the results; None where none arrived.
    """
    from fastgrad.autograd.engine import grad

    # Copies: one input may be made from another, and each is to get its own part alone.
    own: list[Any] = [
        x if x is None or need is None else _copy(x) for x, need in zip(inputs, needs, strict=True)
    ]
    pairs = [(out, g) for out, g in zip(formula(*own), grads, strict=True) if g is not None]
    wanted = [x for x, need in zip(own, needs, strict=True) if need is not None]
    found = iter(
        grad(
            [out for out, _ in pairs],
            wanted,
            [g for _, g in pairs],
            create_graph=True,
            allow_unused=True,
        )
    )
    return tuple(None if need is None else next(found) for need in needs)


def _copy(x: Tensor) -> Tensor:
    copy = x.clone()
    return copy if copy.requires_grad else _core.detach(copy).requires_grad_()
