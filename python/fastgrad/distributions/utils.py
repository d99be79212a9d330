"""What the distributions share: parameters of one shape, probabilities and their logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fastgrad
from fastgrad import Size, Tensor
from fastgrad.nn import functional as F

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "one_of",
    "probs_to_logits",
    "standard_normal",
]


def broadcast_all(*values: float | Tensor) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the dtype of the tensors.

    Raises:
        ValueError: a value is neither.

    Follows ``torch.distributions.utils.broadcast_all``.

    >>> import fastgrad as torch
    >>> torch.distributions.utils.broadcast_all(1.0, torch.zeros(2))
    (tensor([1., 1.]), tensor([0., 0.]))
    """
    if not all(isinstance(value, Tensor | int | float) for value in values):
        kinds = ", ".join(type(value).__name__ for value in values)
        raise ValueError(f"parameters must be numbers or tensors, got {kinds}")
    dtypes = [value.dtype for value in values if isinstance(value, Tensor)]
    dtype = dtypes[-1] if dtypes else fastgrad.get_default_dtype()
    tensors = [v if isinstance(v, Tensor) else fastgrad.tensor(v, dtype=dtype) for v in values]
    return tuple(fastgrad.broadcast_tensors(*tensors))


def one_of(**named: Any) -> str:
    """The name of the only argument that is not None.

    Raises:
        ValueError: there are more, or none.

    >>> import fastgrad.distributions.utils
    >>> fastgrad.distributions.utils.one_of(probs=None, logits=1.0)
    'logits'
    """
    given = [name for name, value in named.items() if value is not None]
    if len(given) != 1:
        raise ValueError(
            f"exactly one of {' and '.join(named)} must be given, got {' and '.join(given) or 0}"
        )
    return given[0]


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities away from 0 and 1 by the dtype's epsilon, so that logarithms are finite.

    Follows ``torch.distributions.utils.clamp_probs``.

    >>> import fastgrad as torch
    >>> bool(torch.distributions.utils.clamp_probs(torch.tensor(0.0)) > 0)
    True
    """
    eps = fastgrad.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """The logits of probabilities: logarithms, or log odds where there are two categories.

    Follows ``torch.distributions.utils.probs_to_logits``.

    >>> import fastgrad as torch
    >>> torch.distributions.utils.probs_to_logits(torch.tensor(0.5), is_binary=True)
    tensor(0.)
    """
    clamped = clamp_probs(probs)
    return fastgrad.log(clamped) - fastgrad.log1p(-clamped) if is_binary else fastgrad.log(clamped)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """The probabilities of logits: their softmax, or sigmoid where there are two categories.

    Follows ``torch.distributions.utils.logits_to_probs``.

    >>> import fastgrad as torch
    >>> torch.distributions.utils.logits_to_probs(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """
    return fastgrad.sigmoid(logits) if is_binary else F.softmax(logits, dim=-1)


def standard_normal(shape: Size, like: Tensor) -> Tensor:
    """Standard normal numbers of a shape, with the dtype of a tensor.

    >>> import fastgrad as torch
    >>> from fastgrad.distributions.utils import standard_normal
    >>> standard_normal(torch.Size([2, 3]), torch.zeros(1)).shape
    torch.Size([2, 3])
    """
    return fastgrad.normal(
        fastgrad.zeros(shape, dtype=like.dtype), fastgrad.ones(shape, dtype=like.dtype)
    )


class lazy_property:
    """An attribute that is computed when it is first asked for, and may be set before.

    It is recorded even where the first to ask is inside ``no_grad``, because others come later.

    Follows ``torch.distributions.utils.lazy_property``.
    """

    def __init__(self, wrapped: Callable[[Any], Tensor]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Tensor:
        if instance is None:
            return self  # type: ignore[return-value]  # the class's attribute is of no use
        with fastgrad.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value
