"""Dropout of elements and of whole channels.

The masks are PyTorch's: for the same seed, the same elements are dropped.
"""

from __future__ import annotations

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

# What selu gives for very negative numbers, with its sign changed: scale * alpha.
ALPHA = 1.7580993408473766


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
    _check_probability(p)
    if not training or p == 0.0 or not input.numel():
        return input
    return _masked(input, _elements(input), p, inplace)


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _mask(empty: Tensor, p: float) -> Tensor:
    """1 for what stays and 0 for what is dropped."""
    if p == 1.0:  # no number is drawn, as in PyTorch
        return _core.fill_(empty, 0)
    return _core.bernoulli_(empty, 1.0 - p, None)


def _masked(input: Tensor, empty: Tensor, p: float, inplace: bool) -> Tensor:
    """The input with a mask drawn into `empty`, whose shape broadcasts to its own."""
    kept = _mask(empty, p)
    if p < 1.0:
        _core.div_(kept, 1.0 - p)
    return input.mul_(kept) if inplace else input * kept


def _elements(input: Tensor) -> Tensor:
    """Room for a number for each element, which PyTorch draws in the order of the memory."""
    return _core.empty_in_order_of(input, input.dtype)


def _channels(input: Tensor) -> Tensor:
    """Room for a number for each channel of each element of the batch."""
    if input.ndim < 2:
        raise RuntimeError(
            "Feature dropout requires at least 2 dimensions in the input, (batch, channels, ...), "
            f"got shape {list(input.shape)}"
        )
    return _core.empty_at(
        input.get_device(), (*input.shape[:2], *(1,) * (input.ndim - 2)), input.dtype
    )


def _channel_dropout(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    _check_probability(p)
    if not training or p == 0.0:
        return input
    return _masked(input, _channels(input), p, inplace)


def _unbatched(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    """The same where the first dimension are the channels."""
    result = _channel_dropout(input.unsqueeze(0), p, training, inplace)
    return input if inplace else result.squeeze(0)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """:func:`dropout` of whole channels, of an input of shape (N, C, L) or (C, L).

    Raises:
        RuntimeError: the input has another number of dimensions.
        ValueError: p lies outside [0, 1].

    Follows ``torch.nn.functional.dropout1d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.dropout1d(torch.ones(2, 3), p=1.0)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, (channels, length) or (batch, channels, length), "
            f"but received a {input.ndim}D input"
        )
    batched = input.ndim == 3
    return (_channel_dropout if batched else _unbatched)(input, p, training, inplace)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """:func:`dropout` of whole channels, of an input of shape (N, C, H, W).

    An input of three dimensions is taken as (N, C, L), with PyTorch's warning.

    Raises:
        ValueError: p lies outside [0, 1].

    Follows ``torch.nn.functional.dropout2d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.dropout2d(torch.ones(1, 2, 1, 2), p=1.0)
    tensor([[[[0., 0.]],
    <BLANKLINE>
             [[0., 0.]]]])
    """
    if input.ndim == 3:
        _warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. For inputs of that shape use dropout1d."
        )
    elif input.ndim != 4:
        _warn(_unexpected("dropout2d", input, "3D or 4D"))
    return _channel_dropout(input, p, training, inplace)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """:func:`dropout` of whole channels, of an input of shape (N, C, D, H, W) or (C, D, H, W).

    Raises:
        ValueError: p lies outside [0, 1].

    Follows ``torch.nn.functional.dropout3d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.dropout3d(torch.ones(2, 1, 1, 1), p=1.0).sum()
    tensor(0.)
    """
    if input.ndim not in (4, 5):
        _warn(_unexpected("dropout3d", input, "4D or 5D"))
    batched = input.ndim == 5
    return (_channel_dropout if batched else _unbatched)(input, p, training, inplace)


def _unexpected(name: str, input: Tensor, expected: str) -> str:
    return (
        f"{name}: Received a {input.ndim}-D input to {name}, which is deprecated and will result "
        "in an error in a future release. To retain the behavior and silence this warning, please "
        f"use dropout instead. {name} is for {expected} inputs."
    )


def _warn(message: str) -> None:
    from warnings import warn

    warn(message, stacklevel=3)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean 0 and variance 1: what is dropped becomes selu's lowest value.

    Raises:
        ValueError: p lies outside [0, 1].

    Source: G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
    Follows ``torch.nn.functional.alpha_dropout``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.alpha_dropout(torch.ones(3), p=0.5)
    tensor([1., 1., 1.])
    """
    _check_probability(p)
    if not training or p == 0.0:
        return input
    return _alpha_masked(input, _elements(input), p, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """:func:`alpha_dropout` of whole channels, of an input of shape (N, C, ...).

    Raises:
        ValueError: p lies outside [0, 1].
        RuntimeError: the input has less than two dimensions.

    Follows ``torch.nn.functional.feature_alpha_dropout``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.feature_alpha_dropout(torch.ones(1, 3), p=0.5)
    tensor([[1., 1., 1.]])
    """
    _check_probability(p)
    if not training or p == 0.0:
        return input
    return _alpha_masked(input, _channels(input), p, inplace)


def _alpha_masked(input: Tensor, empty: Tensor, p: float, inplace: bool) -> Tensor:
    if p == 1.0:
        return _masked(input, empty, p, inplace)
    kept = _mask(empty, p)
    scale = 1.0 / ((ALPHA * ALPHA * p + 1.0) * (1.0 - p)) ** 0.5
    shift = _core.add(
        _core.mul(_core.sub(kept, 1.0), ALPHA * scale),
        ALPHA * scale * p,
    )
    _core.mul_(kept, scale)
    return input.mul_(kept).add_(shift) if inplace else input * kept + shift
