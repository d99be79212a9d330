"""Padding, and exchanging channels for pixels."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.device import placed
from fastgrad.ops import shape
from fastgrad.ops.indexing import index_select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "channel_shuffle",
    "pixel_shuffle",
    "pixel_unshuffle",
]


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """The tensor made longer (or, by negative numbers, shorter) at the ends of its last dimensions.

    Args:
        pad: how much, as (left, right) of the last dimension, then of the one before, and so on.
        mode: what is added: 'constant' for `value`; 'reflect' for the elements in reverse, without
            the outermost; 'replicate' for the outermost; 'circular' for those of the other end.
            All but 'constant' want one or two dimensions more than are padded.
        value: the constant, 0 by default.

    Raises:
        RuntimeError: a number is too large for the mode, or too many are given.
        NotImplementedError: there is no such mode, or not for these dimensions.

    Follows ``torch.nn.functional.pad``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([[1, 2, 3]])
    >>> torch.nn.functional.pad(x, (1, 1))
    tensor([[0, 1, 2, 3, 0]])
    >>> torch.nn.functional.pad(x, (1, 1), mode="reflect")
    tensor([[2, 1, 2, 3, 2]])
    """
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad(): argument 'pad' must be tuple of ints, not {type(pad).__name__}")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise RuntimeError(
            "pad: Padding length must be divisible by 2 and at most two times the input dimension, "
            f"but got padding {tuple(pad)} and input of dimension {input.ndim}"
        )
    if mode == "constant":
        return _constant_pad(input, tuple(pad), 0 if value is None else value)
    return _pad_from_within(input, tuple(pad), mode, value)


def _ends(pad: tuple[int, ...], dims: int) -> list[tuple[int, int, int]]:
    """(dimension, left, right) of what `pad` changes."""
    pairs = zip(range(dims - 1, -1, -1), pad[::2], pad[1::2], strict=False)
    return [(d, left, right) for d, left, right in pairs if left or right]


def _constant_pad(input: Tensor, pad: tuple[int, ...], value: float) -> Tensor:
    kept, shape = _core.detach(input), list(input.shape)
    ends = _ends(pad, input.ndim)
    for d, left, right in ends:
        shape[d] += left + right
        if shape[d] < 0:
            raise RuntimeError(
                f"pad: the padding {pad} takes more elements than dimension {d} of an input of "
                f"shape {list(input.shape)} has"
            )
        start = max(-left, 0)
        length = max(input.shape[d] - start - max(-right, 0), 0)
        kept = _core.narrow(kept, d, min(start, input.shape[d]), length)
    out = _core.zeros_for(input, input, tuple(shape))
    if value:
        _core.fill_(out, value)
    inside = out
    for d, left, _ in ends:
        inside = _core.narrow(inside, d, min(max(left, 0), shape[d]), kept.shape[d])
    _core.copy_(inside, kept)
    if _core.is_grad_enabled() and input.requires_grad:
        record(out, constant_pad_vjp, _core.edges(input), pad)
    return out


def constant_pad_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (_constant_pad(grad, tuple(-n for n in saved), 0),)


def _pad_from_within(input: Tensor, pad: tuple[int, ...], mode: str, value: float | None) -> Tensor:
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            f"pad: Unrecognised padding mode {mode}; use 'constant', 'reflect', 'replicate' or "
            "'circular'"
        )
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    dims = len(pad) // 2
    if dims not in (1, 2, 3) or input.ndim not in (dims + 1, dims + 2):
        raise NotImplementedError(
            f"pad: padding of length {len(pad)} is not supported for {input.ndim}D input in mode "
            f"{mode!r}: expected (channels, ...) or (batch, channels, ...) with as many more "
            "dimensions, one to three, as there are pairs of numbers"
        )
    for d, left, right in _ends(pad, input.ndim):
        _check_room(input, d, left, right, mode)
    if mode == "circular" and min(pad) < 0:  # what is cut off does not come back
        input = _constant_pad(input, tuple(min(n, 0) for n in pad), 0)
        pad = tuple(max(n, 0) for n in pad)
    # One look-up for all dimensions: the numbers of the elements in what is padded, seen as a line.
    index: Tensor | None = None
    sizes = []
    for d in range(input.ndim - dims, input.ndim):
        left, right = pad[2 * (input.ndim - 1 - d) :][:2]
        places = placed(_sources(input.shape[d], left, right, mode), input.device)
        sizes.append(places.shape[0])
        index = places if index is None else _crossed(index, input.shape[d], places)
    flat = input if dims == 1 else shape.flatten(input, -dims)
    assert index is not None
    out = index_select(flat, -1, index)
    return out if dims == 1 else shape.unflatten(out, -1, sizes)


def _crossed(index: Tensor, n: int, places: Tensor) -> Tensor:
    """index * n + place for all pairs, as a line."""
    pairs = _core.add(_core.unsqueeze(_core.mul(index, n), 1), places)
    return _core.reshape(pairs, (-1,))


def _check_room(input: Tensor, d: int, left: int, right: int, mode: str) -> None:
    n = input.shape[d]
    most = {"reflect": n - 1, "circular": n}.get(mode, max(left, right))
    if max(left, right) > max(most, 0) or n + left + right < 1 or n < 1:
        raise RuntimeError(
            f"pad: Padding size should be less than the corresponding input dimension, but got: "
            f"padding ({left}, {right}) in mode {mode!r} at dimension {d} of input "
            f"{list(input.shape)}; at most {max(most, 0)} fits"
        )


def _sources(n: int, left: int, right: int, mode: str) -> Tensor:
    """Where each element of a padded dimension of n elements comes from."""
    places = _core.arange(-left, 1, n + left + right, _core.int64)
    if mode == "circular":
        return _core.remainder(places, n)
    if mode == "replicate":
        return _core.clamp(places, 0, n - 1)
    from_end = _core.abs(_core.sub(_core.abs(places), n - 1))  # mirrored at 0, then at the end
    return _core.sub(n - 1, from_end)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels as finer pixels: (..., C r r, H, W) becomes (..., C, H r, W r), r the factor.

    Raises:
        RuntimeError: the number of channels is not divisible by r * r.

    Source: W. Shi et al., "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", CVPR 2016.
    Follows ``torch.nn.functional.pixel_shuffle``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.pixel_shuffle(torch.arange(4).view(4, 1, 1), 2)
    tensor([[[0, 1],
             [2, 3]]])
    """
    r = upscale_factor
    channels, high, wide = _image("pixel_shuffle", input, r)
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    blocks = input.reshape(-1, channels // (r * r), r, r, high, wide).permute(0, 1, 4, 2, 5, 3)
    return blocks.reshape(*input.shape[:-3], channels // (r * r), high * r, wide * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of :func:`pixel_shuffle`: (..., C, H r, W r) becomes (..., C r r, H, W).

    Raises:
        RuntimeError: height or width is not divisible by the factor.

    Follows ``torch.nn.functional.pixel_unshuffle``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.pixel_unshuffle(torch.arange(4).view(1, 2, 2), 2).flatten()
    tensor([0, 1, 2, 3])
    """
    r = downscale_factor
    channels, high, wide = _image("pixel_unshuffle", input, r)
    if high % r or wide % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but "
            f"the sizes {high} and {wide} are not both divisible by {r}"
        )
    blocks = input.reshape(-1, channels, high // r, r, wide // r, r).permute(0, 1, 3, 5, 2, 4)
    return blocks.reshape(*input.shape[:-3], channels * r * r, high // r, wide // r)


def _image(op: str, input: Tensor, factor: int) -> tuple[int, ...]:
    """Channels, height and width."""
    if input.ndim < 3 or factor < 1:
        raise RuntimeError(
            f"{op} expects input to have at least 3 dimensions and a positive factor, but got "
            f"input with {input.ndim} dimension(s) and factor {factor}"
        )
    return input.shape[-3:]


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels taken from each group in turn, of an input of shape (N, C, ...).

    Raises:
        RuntimeError: the number of channels is not divisible by `groups`.

    Source: X. Zhang et al., "ShuffleNet", CVPR 2018. Follows ``torch.channel_shuffle``.

    >>> import fastgrad as torch
    >>> torch.channel_shuffle(torch.arange(4).view(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise RuntimeError(
            "channel_shuffle: expected an input of more than 2 dimensions, (batch, channels, ...), "
            "and a number of groups that divides the channels. Got shape "
            f"{list(input.shape)} and {groups} groups"
        )
    n, channels, *rest = input.shape
    parts = input.reshape(n, groups, channels // groups, *rest).transpose(1, 2)
    return parts.reshape(input.shape)
