"""Special functions, each above its gradient."""

from __future__ import annotations

from math import pi

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.unary import exp, neg, square

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "erf",
]


def erf(input: Tensor) -> Tensor:
    """The error function, 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x.

    Follows ``torch.erf``.

    >>> import fastgrad as torch
    >>> torch.erf(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8427])
    """
    out = _core.erf(input)
    if out.requires_grad:
        record(out, erf_vjp, _core.edges(input), (input,))
    return out


def erf_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (grad * (exp(neg(square(saved[0]))) * (2.0 / pi**0.5)),)
