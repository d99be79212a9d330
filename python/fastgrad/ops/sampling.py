"""Weighted sums of pixels that are looked up by number: what interpolation at any places needs.

Three functions, each linear in two tensors of floats, are one another's gradients.
"""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


def sample(pixels: Tensor, index: Tensor, share: Tensor) -> Tensor:
    """out[n, c, q] = the sum over t of pixels[n, c, index[n, t, q]] * share[n, t, q].

    Numbers that are no pixel's, as -1, stand for zeros.
    """
    out = _core.sample(pixels, index, share)
    if out.requires_grad:
        record(out, sample_vjp, _core.edges(pixels, None, share), (pixels, index, share))
    return out


def sample_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    pixels, index, share = saved
    return (
        None if needs[0] is None else _pixels_backward(grad, index, share, pixels.shape[2]),
        None,
        None if needs[2] is None else _shares_backward(grad, pixels, index),
    )


def _pixels_backward(grad: Tensor, index: Tensor, share: Tensor, count: int) -> Tensor:
    out = _core.sample_pixels_backward(grad, index, share, count)
    if out.requires_grad:
        edges = _core.edges(grad, None, share)
        record(out, sample_pixels_backward_vjp, edges, (grad, index, share))
    return out


def sample_pixels_backward_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    upstream, index, share = saved
    return (
        None if needs[0] is None else sample(grad, index, share),
        None,
        None if needs[2] is None else _shares_backward(upstream, grad, index),
    )


def _shares_backward(grad: Tensor, pixels: Tensor, index: Tensor) -> Tensor:
    out = _core.sample_shares_backward(grad, pixels, index)
    if out.requires_grad:
        edges = _core.edges(grad, pixels)
        record(out, sample_shares_backward_vjp, edges, (grad, pixels, index))
    return out


def sample_shares_backward_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    upstream, pixels, index = saved
    return (
        None if needs[0] is None else sample(pixels, index, grad),
        None if needs[1] is None else _pixels_backward(upstream, index, grad, pixels.shape[2]),
    )
