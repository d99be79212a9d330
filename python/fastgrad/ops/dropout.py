"""Dropout."""

from __future__ import annotations

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

__all__ = [
    "dropout",
]


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, zeros with probability p and the other elements divided by 1 - p.

    Raises:
        ValueError: p lies outside [0, 1].

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014. Follows ``torch.nn.functional.dropout``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.dropout(torch.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0 or not input.numel():
        return input
    if p == 1.0:  # no number is drawn, as in PyTorch
        kept = _core.full((), 0, input.dtype)
    else:
        kept = _core.bernoulli_(_core.empty_in_order_of(input, input.dtype), 1.0 - p, None)
        _core.div_(kept, 1.0 - p)
    return input.mul_(kept) if inplace else input * kept
