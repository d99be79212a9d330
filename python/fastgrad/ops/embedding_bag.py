"""Reduced rows of a table, for bags of indices."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.device import placed
from fastgrad.ops.arrangement import repeat_interleave
from fastgrad.ops.embedding import embedding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, averages or maxima of the rows of a table, one for each bag of indices.

    Args:
        input: indices of shape (bags, n), or all bags in a row, (n).
        weight: the table, of shape (rows, features).
        offsets: for indices in a row, where each bag begins; empty bags give zeros.
        mode: 'sum', 'mean' or 'max'.
        per_sample_weights: in mode 'sum' what each row is multiplied by, shaped as the input.
        include_last_offset: the last offset is the end of the last bag instead of a begin.
        padding_idx: a row that counts for nothing.

    The other arguments are those of :func:`embedding`.

    Raises:
        ValueError: shapes or the mode do not fit together.
        NotImplementedError: weights with another mode than 'sum'.
        RuntimeError: offsets that do not rise from 0.
        IndexError: an index is out of range; says which.

    Follows ``torch.nn.functional.embedding_bag``.

    >>> import fastgrad as torch
    >>> table = torch.tensor([[1.0], [2.0], [4.0]])
    >>> torch.nn.functional.embedding_bag(torch.tensor([[0, 1], [1, 2]]), table)
    tensor([[1.5000],
            [3.0000]])
    """
    _check_mode(mode, scale_grad_by_freq, input, per_sample_weights)
    lengths = _lengths(input, offsets, include_last_offset)
    numbers = _core.arange_at(lengths.get_device(), 0, 1, len(lengths), _core.int64)
    bags = repeat_interleave(numbers, lengths)
    rows = input.reshape(-1)[: len(bags)]
    taken = embedding(rows, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        taken = taken * per_sample_weights.reshape(-1)[: len(bags)].unsqueeze(1)
    if padding_idx is not None:
        counted = rows != padding_idx % weight.shape[0]
        taken, bags = taken[counted], bags[counted]
    return _reduced(taken, bags, len(lengths), mode)


def _reduced(taken: Tensor, bags: Tensor, count: int, mode: str) -> Tensor:
    empty = _core.full_at(taken.get_device(), (count, taken.shape[1]), 0, taken.dtype)
    if mode == "max":
        places = bags.unsqueeze(1).expand_as(taken)
        return empty.scatter_reduce(0, places, taken, "amax", include_self=False)
    total = empty.index_add(0, bags, taken)
    if mode == "sum":
        return total
    return total / _core.bincount(bags, None, count).clamp_min(1).unsqueeze(1).to(taken.dtype)


def _check_mode(
    mode: str, scale_grad_by_freq: bool, input: Tensor, per_sample_weights: Tensor | None
) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"embedding_bag: mode has to be one of sum, mean or max, got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError(
            "embedding_bag: max mode does not support scaling the gradient by the frequency"
        )
    if per_sample_weights is None:
        return
    if mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}')"
        )
    if per_sample_weights.shape != input.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not None, "
            f"then it must have the same shape as the input ({list(input.shape)})"
        )


def _lengths(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> Tensor:
    """How many indices each bag has."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "embedding_bag: if input is 2D, then offsets has to be None, as input is treated "
                "is a mini-batch of fixed length sequences"
            )
        return _core.full_at(input.get_device(), (input.shape[0],), input.shape[1], _core.int64)
    if input.ndim != 1:
        raise ValueError(
            "embedding_bag: input has to be 1D or 2D Tensor, but got Tensor of dimension "
            f"{input.ndim}"
        )
    if offsets is None:
        raise ValueError("embedding_bag: offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1 or offsets.dtype not in (_core.int64, _core.int32):
        raise ValueError(
            f"embedding_bag: offsets has to be a 1D Tensor of integers, got {list(offsets.shape)} "
            f"of {offsets.dtype}"
        )
    lengths = _differences(offsets.tolist(), len(input), include_last_offset)
    return placed(lengths, input.device)


def _differences(begins: list[int], count: int, include_last_offset: bool) -> Tensor:
    if include_last_offset and not begins:
        raise RuntimeError(
            "embedding_bag: with include_last_offset, offsets need the end of the last bag"
        )
    ends = [*begins[1:], count] if begins else []
    if include_last_offset:
        begins, ends = begins[:-1], begins[1:]
    lengths = [end - begin for begin, end in zip(begins, ends, strict=True)]
    if (begins and begins[0] != 0) or min(lengths, default=0) < 0 or max(ends, default=0) > count:
        raise RuntimeError(
            "embedding_bag: offsets[0] has to be 0, i.e., the first sequence in the mini-batch has "
            f"to start from position 0, and offsets must rise up to at most {count}, the number of "
            f"indices; got {[*begins, *ends[-1:]] if include_last_offset else begins}"
        )
    return _core.tensor(lengths, _core.int64)
