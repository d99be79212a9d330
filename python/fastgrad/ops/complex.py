"""PyTorch's functions for complex numbers, as they are for real ones: all tensors are real."""

from __future__ import annotations

from math import pi

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.comparison import isnan, lt
from fastgrad.ops.unary import no_slope, sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "angle",
    "conj",
    "conj_physical",
    "imag",
    "is_complex",
    "is_conj",
    "is_neg",
    "isreal",
    "real",
    "resolve_conj",
    "resolve_neg",
    "sgn",
]


def conj(input: Tensor) -> Tensor:
    """The conjugate: the tensor itself. Follows ``torch.conj``.

    >>> import fastgrad as torch
    >>> torch.conj(torch.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return _itself(input, "conj")


def conj_physical(input: Tensor) -> Tensor:
    """The conjugate: the tensor itself. Follows ``torch.conj_physical``.

    >>> import fastgrad as torch
    >>> torch.conj_physical(torch.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return _itself(input, "conj_physical")


def _itself(input: Tensor, name: str) -> Tensor:
    if not isinstance(input, _core.TensorBase):
        raise TypeError(f"{name}: expected a Tensor, got {type(input).__name__}")
    return input


def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself, for no conjugate is put off. Follows ``torch.resolve_conj``.

    >>> import fastgrad as torch
    >>> torch.resolve_conj(torch.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return _itself(input, "resolve_conj")


def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself, for no negation is put off. Follows ``torch.resolve_neg``.

    >>> import fastgrad as torch
    >>> torch.resolve_neg(torch.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return _itself(input, "resolve_neg")


def real(input: Tensor) -> Tensor:
    """The real part: the tensor itself. Follows ``torch.real``.

    >>> import fastgrad as torch
    >>> torch.real(torch.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return _itself(input, "real")


def imag(input: Tensor) -> Tensor:
    """The imaginary part, which real tensors do not have. Follows ``torch.imag``.

    Raises:
        RuntimeError: always.

    >>> import fastgrad as torch
    >>> torch.imag(torch.tensor([1.0]))
    Traceback (most recent call last):
    RuntimeError: imag is not implemented for tensors with non-complex dtypes.
    """
    raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")


def sgn(input: Tensor) -> Tensor:
    """-1, 0 or 1, as :func:`sign`. Follows ``torch.sgn``.

    >>> import fastgrad as torch
    >>> torch.sgn(torch.tensor([3.0, -2.0, 0.0]))
    tensor([ 1., -1.,  0.])
    """
    return sign(input)


def angle(input: Tensor) -> Tensor:
    """0, or pi for negative numbers; its gradient is 0. Follows ``torch.angle``.

    >>> import fastgrad as torch
    >>> torch.angle(torch.tensor([1.0, -2.0]))
    tensor([0.0000, 3.1416])
    """
    zero = _core.full((), 0.0, _core.result_type(input, 0.0))
    out = _core.where(isnan(input), input, _core.where(lt(input, 0), pi, zero))
    if out.requires_grad:
        record(out, angle_vjp, _core.edges(input))
    return out


def angle_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return no_slope(grad)


def isreal(input: Tensor) -> Tensor:
    """Whether x has no imaginary part: always. Follows ``torch.isreal``.

    >>> import fastgrad as torch
    >>> torch.isreal(torch.tensor([1.0, -2.0]))
    tensor([True, True])
    """
    return _core.full_at(input.get_device(), input.shape, True, _core.bool)


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex: never. Follows ``torch.is_complex``.

    >>> import fastgrad as torch
    >>> torch.is_complex(torch.tensor([1.0]))
    False
    """
    return False


def is_conj(input: Tensor) -> bool:
    """Whether a conjugate is put off: never. Follows ``torch.is_conj``.

    >>> import fastgrad as torch
    >>> torch.is_conj(torch.tensor([1.0]))
    False
    """
    return False


def is_neg(input: Tensor) -> bool:
    """Whether a negation is put off: never. Follows ``torch.is_neg``.

    >>> import fastgrad as torch
    >>> torch.is_neg(torch.tensor([1.0]))
    False
    """
    return False
