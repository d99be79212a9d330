"""Batches of sequences of different lengths: padded to equal length, or packed without padding.

Follows torch.nn.utils.rnn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

from ... import Tensor, arange, as_tensor, full, int64, stack, zeros_like
from ...ops.resize import pad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """Sequences of different lengths without padding, as the recurrent layers take them.

    Made by `pack_padded_sequence` and `pack_sequence`, not by hand.

    Args:
        data: the elements of all sequences, (rows, ...): first those of step 0, then step 1 ...
        batch_sizes: how many sequences reach each step, int64.
        sorted_indices: the sequences by falling length, where they were given in another order.
        unsorted_indices: the way back.

    Follows torch.nn.utils.rnn.PackedSequence.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.rnn import pack_sequence
    >>> pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).data
    tensor([1, 3, 2])
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        """Make one of its parts, or of a pair of data and batch sizes."""
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> Self:
        if data is self.data:
            return self
        # The batch sizes stay on the CPU, which reads them.
        orders = (None if order is None else order.to(data.device) for order in self[2:])
        return type(self)(data, self.batch_sizes, *orders)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same with its data converted, as by `Tensor.to`."""
        return self._with(self.data.to(*args, **kwargs))

    def cpu(self) -> Self:
        """The same on the CPU."""
        return self._with(self.data.cpu())

    def double(self) -> Self:
        """The same in float64."""
        return self._with(self.data.double())

    def float(self) -> Self:
        """The same in float32."""
        return self._with(self.data.float())

    def half(self) -> Self:
        """The same in float16."""
        return self._with(self.data.half())

    def long(self) -> Self:
        """The same in int64."""
        return self._with(self.data.long())

    def int(self) -> Self:
        """The same in int32."""
        return self._with(self.data.int())

    def short(self) -> Self:
        """The same in int16."""
        return self._with(self.data.short())

    def char(self) -> Self:
        """The same in int8."""
        return self._with(self.data.char())

    def byte(self) -> Self:
        """The same in uint8."""
        return self._with(self.data.byte())

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return bool(self.data.is_cuda)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another; None for None.

    Follows torch.nn.utils.rnn.invert_permutation.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.rnn import invert_permutation
    >>> invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    places = arange(permutation.numel(), dtype=permutation.dtype, device=permutation.device)
    return zeros_like(permutation).scatter(0, permutation, places)


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Packs a batch of padded sequences.

    Args:
        input: (T, N, ...), or (N, T, ...) with `batch_first`.
        lengths: of the N sequences, integers from 1 to T.
        enforce_sorted: expect the lengths in falling order; otherwise the sequences are sorted.

    Raises:
        RuntimeError: the lengths are not N, not in [1, T], or not sorted where they must be.
        TypeError: the lengths are neither a tensor nor a list.

    Follows torch.nn.utils.rnn.pack_padded_sequence.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.rnn import pack_padded_sequence
    >>> padded = torch.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
    >>> packed = pack_padded_sequence(padded, [2, 1, 3], batch_first=True, enforce_sorted=False)
    >>> packed.data, packed.batch_sizes
    (tensor([4, 1, 3, 5, 2, 6]), tensor([3, 2, 1]))
    """
    if not isinstance(lengths, Iterable):
        raise TypeError(
            "pack_padded_sequence: expected lengths as a tensor or a list of one integer for each "
            f"sequence, got {type(lengths).__name__}"
        )
    sizes = as_tensor(lengths, device="cpu").to(int64)
    if input.dim() < 2 or input.numel() == 0:
        raise RuntimeError(
            "Cannot pack empty tensors: expected (T, N, ...) with elements, got shape "
            f"{list(input.shape)}"
        )
    steps_first = input.transpose(0, 1) if batch_first else input
    order = None
    if not enforce_sorted:
        sizes, order = sizes.sort(descending=True)
        order = order.to(input.device)
        if order.numel() == steps_first.shape[1]:
            steps_first = steps_first.index_select(1, order)
    _check_lengths(sizes, *steps_first.shape[:2])
    longest = int(sizes[0])
    reached = arange(longest, device="cpu").unsqueeze(1) < sizes
    places = reached.reshape(-1).nonzero().squeeze(1).to(input.device)
    rows = steps_first[:longest].reshape(longest * sizes.numel(), *steps_first.shape[2:])
    return PackedSequence(rows.index_select(0, places), reached.sum(1), order, None)


def _check_lengths(lengths: Tensor, steps: int, batch: int) -> None:
    """Of sequences that should be in falling order of length."""
    if tuple(lengths.shape) != (batch,):
        raise RuntimeError(
            "Expected `len(lengths)` to be equal to batch_size, but got lengths of shape "
            f"{list(lengths.shape)} (batch_size={batch})"
        )
    numbers = lengths.tolist()
    if min(numbers) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            f"that is <= 0: {min(numbers)}; leave empty sequences out of the batch"
        )
    if numbers != sorted(numbers, reverse=True):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to have "
            "them sorted"
        )
    if numbers[0] > steps:
        raise RuntimeError(
            f"Expected lengths of at most {steps}, the number of steps of the input, but got "
            f"{numbers[0]}"
        )


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The padded batch that a packed one stands for, and the lengths of its sequences.

    Args:
        sequence: the packed batch.
        batch_first: whether to give (N, T, ...) instead of (T, N, ...).
        padding_value: what fills the places behind a sequence.
        total_length: T; by default the longest sequence's length.

    Raises:
        ValueError: a sequence is longer than `total_length`.
        TypeError: the batch is not a packed one.

    Follows torch.nn.utils.rnn.pad_packed_sequence.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.rnn import pack_sequence, pad_packed_sequence
    >>> packed = pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    if not isinstance(sequence, PackedSequence):
        raise TypeError(
            f"pad_packed_sequence: expected a PackedSequence, got {type(sequence).__name__}"
        )
    rows, sizes, _, order = sequence
    longest, batch = sizes.shape[0], int(sizes[0])
    steps = longest if total_length is None else total_length
    if steps < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {longest}"
        )
    reached = arange(batch, device="cpu") < sizes.unsqueeze(1)
    places = reached.reshape(-1).nonzero().squeeze(1).to(rows.device)
    shape = (steps * batch, *rows.shape[1:])
    padded = full(shape, padding_value, dtype=rows.dtype, device=rows.device)
    padded = padded.index_copy(0, places, rows).reshape(steps, batch, *rows.shape[1:])
    lengths = reached.sum(0)
    padded = padded.transpose(0, 1) if batch_first else padded
    if order is None:
        return padded, lengths
    padded = padded.index_select(0 if batch_first else 1, order)
    return padded, lengths.index_select(0, order.cpu())


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of different lengths as one tensor, the shorter ones padded.

    Args:
        sequences: tensors (L, ...) that differ in L only.
        batch_first: whether to give (N, T, ...) instead of (T, N, ...), T the longest's length.
        padding_value: what fills the other places.
        padding_side: "right" or "left".

    Raises:
        RuntimeError: there are no sequences, or they differ in more than their lengths.

    Follows torch.nn.utils.rnn.pad_sequence.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.rnn import pad_sequence
    >>> pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    given = list(sequences)
    if not given:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    if padding_side not in ("right", "left"):
        raise RuntimeError(f"padding_side must be 'left' or 'right', got '{padding_side}'")
    if any(x.dim() == 0 or x.shape[1:] != given[0].shape[1:] for x in given):
        shapes = ", ".join(str(list(x.shape)) for x in given)
        raise RuntimeError(
            f"pad_sequence: expected sequences (L, ...) that differ in L only, got shapes {shapes}"
        )
    longest = max(len(x) for x in given)
    padded = [_padded(x, longest - len(x), padding_value, padding_side) for x in given]
    return stack(padded, 0 if batch_first else 1)


def _padded(x: Tensor, missing: int, value: float, side: str) -> Tensor:
    if missing == 0:
        return x
    ends = (0, missing) if side == "right" else (missing, 0)
    return pad(x, (0, 0) * (x.dim() - 1) + ends, value=value)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch, one by one.

    Args:
        padded_sequences: (T, N, ...), or (N, T, ...) with `batch_first`.
        lengths: of the N sequences.

    Raises:
        ValueError: there is not one length for each sequence.

    Follows torch.nn.utils.rnn.unpad_sequence.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.rnn import unpad_sequence
    >>> unpad_sequence(torch.tensor([[1, 2], [3, 0]]), torch.tensor([2, 1]), batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    numbers = as_tensor(lengths).tolist()
    return [x[:length] for x, length in zip(batch, numbers, strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences of different lengths: `pad_sequence`, then `pack_padded_sequence`.

    Args:
        sequences: tensors (L, ...) that differ in L only.
        enforce_sorted: expect them in the order of falling length; otherwise they are sorted.

    Raises:
        RuntimeError: one is empty, or they are not sorted where they must be.

    Follows torch.nn.utils.rnn.pack_sequence.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.rnn import pack_sequence
    >>> packed = pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5]), torch.tensor([6])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 6, 2, 5, 3]), tensor([3, 2, 1]))
    """
    lengths = [len(x) for x in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed batch, one by one, in the order in which they were given.

    Follows torch.nn.utils.rnn.unpack_sequence.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.rnn import pack_sequence, unpack_sequence
    >>> unpack_sequence(pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
