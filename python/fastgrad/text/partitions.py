"""A long text as short sequences: random and sequential partitions, windows, random batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import fastgrad
from fastgrad import Generator, Tensor
from fastgrad.utils.data import Dataset

Corpus: TypeAlias = Sequence[int] | Tensor
Batch: TypeAlias = tuple[Tensor, Tensor]


def seq_data_iter_random(
    corpus: Corpus, batch_size: int, num_steps: int, generator: Generator | None = None
) -> Iterator[Batch]:
    """Cut a corpus into sequences from a random start, and yield them in random order.

    Args:
        corpus: Numbers of tokens, [n].
        batch_size: Sequences in a batch; what is left over is not yielded.
        num_steps: Tokens in a sequence.
        generator: Where random numbers come from.

    Yields:
        int64 [batch_size, num_steps] twice: the tokens, and the token after each.

    Raises:
        ValueError: The corpus is too short for one batch.

    Source: Dive into Deep Learning, https://d2l.ai (``d2l.seq_data_iter_random``).

    >>> from fastgrad.text import seq_data_iter_random
    >>> for x, y in seq_data_iter_random(range(13), batch_size=2, num_steps=4):
    ...     print(x.shape, (y - x).unique().tolist())
    torch.Size([2, 4]) [1]
    """
    tokens = _tokens(corpus, "seq_data_iter_random", batch_size, num_steps)
    tokens = tokens[_below(num_steps, generator) :]
    starts = fastgrad.randperm((len(tokens) - 1) // num_steps, generator=generator) * num_steps
    steps = fastgrad.arange(num_steps)
    for chosen in starts.split(batch_size):
        if len(chosen) == batch_size:
            places = chosen.unsqueeze(1) + steps
            yield tokens[places], tokens[places + 1]


def seq_data_iter_sequential(
    corpus: Corpus, batch_size: int, num_steps: int, generator: Generator | None = None
) -> Iterator[Batch]:
    """Cut a corpus into sequences so that row i of a batch goes on in row i of the next one.

    A network can then keep its hidden state between batches.

    Args:
        corpus: Numbers of tokens, [n].
        batch_size: Sequences in a batch.
        num_steps: Tokens in a sequence; what is left over at the end is not yielded.
        generator: Where the random start comes from.

    Yields:
        int64 [batch_size, num_steps] twice: the tokens, and the token after each.

    Raises:
        ValueError: The corpus is too short for one batch.

    Source: Dive into Deep Learning, https://d2l.ai (``d2l.seq_data_iter_sequential``).

    >>> from fastgrad.text import seq_data_iter_sequential
    >>> first, second = seq_data_iter_sequential(range(20), batch_size=2, num_steps=4)
    >>> (second[0] - first[0]).unique().tolist()
    [4]
    """
    tokens = _tokens(corpus, "seq_data_iter_sequential", batch_size, num_steps)
    tokens = tokens[_below(num_steps, generator) :]
    length = (len(tokens) - 1) // batch_size
    inputs = tokens[: batch_size * length].reshape(batch_size, length)
    targets = tokens[1 : batch_size * length + 1].reshape(batch_size, length)
    for start in range(0, length - num_steps + 1, num_steps):
        yield inputs[:, start : start + num_steps], targets[:, start : start + num_steps]


class SeqDataLoader:
    """Batches of a corpus, partitioned anew each time it is iterated.

    Args:
        corpus: Numbers of tokens, [n].
        batch_size: Sequences in a batch.
        num_steps: Tokens in a sequence.
        use_random_iter: Partition by :func:`seq_data_iter_random`, not by
            :func:`seq_data_iter_sequential`.
        generator: Where random numbers come from.

    Raises:
        ValueError: The corpus is too short for one batch.

    Follows ``d2l.SeqDataLoader``, with the corpus in place of the book's file.

    >>> from fastgrad.text import SeqDataLoader
    >>> [x.shape[0] for x, y in SeqDataLoader(range(30), batch_size=3, num_steps=4)]
    [3, 3]
    """

    def __init__(
        self,
        corpus: Corpus,
        batch_size: int,
        num_steps: int,
        use_random_iter: bool = False,
        generator: Generator | None = None,
    ) -> None:
        self.corpus = _tokens(corpus, "SeqDataLoader", batch_size, num_steps)
        self.batch_size, self.num_steps = batch_size, num_steps
        self.use_random_iter = use_random_iter
        self.generator = generator

    def __iter__(self) -> Iterator[Batch]:
        cut = seq_data_iter_random if self.use_random_iter else seq_data_iter_sequential
        return cut(self.corpus, self.batch_size, self.num_steps, self.generator)


class LanguageModelDataset(Dataset[Batch]):
    """The windows of a corpus: tokens, and the token after each.

    Args:
        corpus: Numbers of tokens, [n].
        block_size: Tokens in a window.
        stride: From one window's beginning to the next one's.

    Raises:
        ValueError: The window is longer than the corpus.

    >>> from fastgrad.text import LanguageModelDataset
    >>> windows = LanguageModelDataset([5, 6, 7, 8, 9], block_size=2, stride=2)
    >>> len(windows), windows[1]
    (2, (tensor([7, 8]), tensor([8, 9])))
    """

    def __init__(self, corpus: Corpus, block_size: int, stride: int = 1) -> None:
        if stride < 1:
            raise ValueError(f"LanguageModelDataset: stride must be at least 1, got {stride}")
        self.corpus = _checked(corpus, "LanguageModelDataset", 1, block_size, block_size + 1)
        self.block_size, self.stride = block_size, stride

    def __len__(self) -> int:
        return (len(self.corpus) - 1 - self.block_size) // self.stride + 1

    def __getitem__(self, index: int) -> Batch:
        if not -len(self) <= index < len(self):
            raise IndexError(f"LanguageModelDataset: no window {index}: there are {len(self)}")
        start = index % len(self) * self.stride
        window = self.corpus[start : start + self.block_size + 1]
        return window[:-1], window[1:]


def get_batch(
    corpus: Tensor, block_size: int, batch_size: int, generator: Generator | None = None
) -> Batch:
    """Return windows of a corpus at random places, and the same windows one token later.

    Args:
        corpus: Numbers of tokens, [n].
        block_size: Tokens in a window.
        batch_size: The number of windows.
        generator: Where random numbers come from.

    Returns:
        int64 [batch_size, block_size] twice.

    Raises:
        ValueError: The window is longer than the corpus.

    Source: nanoGPT, https://github.com/karpathy/nanoGPT (``get_batch``).

    >>> import fastgrad as torch
    >>> from fastgrad.text import get_batch
    >>> x, y = get_batch(torch.arange(100), block_size=8, batch_size=4)
    >>> x.shape, (y - x).unique().tolist()
    (torch.Size([4, 8]), [1])
    """
    tokens = _checked(corpus, "get_batch", batch_size, block_size, block_size + 1)
    starts = fastgrad.randint(len(tokens) - block_size, (batch_size, 1), generator=generator)
    places = starts + fastgrad.arange(block_size)
    return tokens[places], tokens[places + 1]


def _tokens(corpus: Corpus, op: str, batch_size: int, num_steps: int) -> Tensor:
    """The corpus, if it has a batch after the latest random start and one token to predict."""
    return _checked(corpus, op, batch_size, num_steps, (batch_size + 1) * num_steps)


def _checked(corpus: Corpus, op: str, batch_size: int, length: int, least: int) -> Tensor:
    """The corpus as int64 [n], if it has at least so many tokens."""
    if batch_size < 1 or length < 1:
        raise ValueError(
            f"{op}: a batch must have at least one sequence of one token, got {batch_size} of "
            f"{length}"
        )
    if isinstance(corpus, str):
        raise TypeError(f"{op}: expected the numbers of tokens, got text: encode it first")
    tokens = corpus if isinstance(corpus, Tensor) else fastgrad.tensor(list(corpus))
    if tokens.ndim != 1 or (tokens.numel() and tokens.dtype.is_floating_point):
        raise ValueError(
            f"{op}: expected the numbers of tokens in one dimension, got {tokens.dtype} of shape "
            f"{list(tokens.shape)}"
        )
    if len(tokens) < least:
        raise ValueError(
            f"{op}: a corpus of {len(tokens)} tokens is too short for {batch_size} sequences of "
            f"{length}: it needs {least}; take fewer or shorter sequences, or more text"
        )
    return tokens.long()


def _below(end: int, generator: Generator | None) -> int:
    return int(fastgrad.randint(end, (1,), generator=generator).item())
