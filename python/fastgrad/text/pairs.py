"""Pairs of sentences, padding, and batches of sentences of about equal length."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeVar

import fastgrad
from fastgrad import Generator, Tensor
from fastgrad.io.atomic import PathLike
from fastgrad.text.corpora import read_text
from fastgrad.text.vocabulary import Vocab
from fastgrad.utils.data import Dataset, Sampler

Example: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
Token = TypeVar("Token", int, str)


def read_pairs(
    path: PathLike, separator: str = "\t", encoding: str = "utf-8"
) -> list[tuple[str, str]]:
    """Return the two columns of a file of sentence pairs, one pair in a line.

    Columns after the second are left out; empty lines, too.

    Args:
        path: The file to read.
        separator: What is between the columns.
        encoding: How its characters are written as bytes.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty or not in this encoding, or a line has no two columns.

    >>> import pathlib
    >>> from fastgrad.text import read_pairs
    >>> _ = pathlib.Path("pairs.txt").write_text("go .\\tva !\\n")
    >>> read_pairs("pairs.txt")
    [('go .', 'va !')]
    """
    pairs = []
    for number, line in enumerate(read_text(path, encoding).split("\n"), 1):
        columns = [column.strip() for column in line.split(separator)]
        if len(columns) < 2 and columns[0]:
            raise ValueError(
                f"{os.fspath(path)}: line {number} has one column: expected two sentences with "
                f"{separator!r} between them"
            )
        if len(columns) > 1:
            pairs.append((columns[0], columns[1]))
    return pairs


def truncate_pad(line: Sequence[Token], num_steps: int, padding_token: Token) -> list[Token]:
    """Return a sequence cut, or filled up at its end, to ``num_steps`` tokens.

    Source: Dive into Deep Learning, https://d2l.ai (``d2l.truncate_pad``).

    >>> from fastgrad.text import truncate_pad
    >>> truncate_pad([5, 6, 7], 2, 0), truncate_pad([5, 6], 4, 0)
    ([5, 6], [5, 6, 0, 0])
    """
    return list(line[:num_steps]) + [padding_token] * (num_steps - len(line))


def pad_batch(
    sequences: Sequence[Sequence[int] | Tensor], padding: int = 0
) -> tuple[Tensor, Tensor]:
    """Return sequences as the rows of one tensor, and their valid lengths.

    Args:
        sequences: Numbers of tokens, each of its own length.
        padding: What fills the rows up.

    Returns:
        int64 [batch, longest] and int64 [batch].

    Raises:
        ValueError: There are no sequences.

    >>> from fastgrad.text import pad_batch
    >>> pad_batch([[5, 6, 7], [8]])
    (tensor([[5, 6, 7],
            [8, 0, 0]]), tensor([3, 1]))
    """
    if not len(sequences):
        raise ValueError("pad_batch: expected at least one sequence, got none")
    rows = [row.tolist() if isinstance(row, Tensor) else list(row) for row in sequences]
    longest = max(map(len, rows))
    padded = [truncate_pad(row, longest, padding) for row in rows]
    lengths = fastgrad.tensor([len(row) for row in rows])
    return fastgrad.tensor(padded, dtype=fastgrad.int64), lengths


class SentencePairs(Dataset[Example]):
    """Pairs of sentences as numbers, for translation.

    Both sentences end with ``<eos>``. With ``num_steps`` all have one length; without, give
    ``dataset.collate`` to the DataLoader as ``collate_fn``, which pads each batch.

    Args:
        pairs: Source and target sentences; they are split at spaces.
        num_steps: Tokens of each sentence: longer ones are cut, shorter ones padded.
        min_freq: Words that are rarer are unknown.
        src_vocab: The vocabulary of the sources; made of the pairs where None.
        tgt_vocab: The vocabulary of the targets; made of the pairs where None.

    Attributes:
        src_vocab: The sources' vocabulary, with ``<unk> <pad> <bos> <eos>``.
        tgt_vocab: The targets' vocabulary.

    Raises:
        ValueError: There are no pairs, or a given vocabulary lacks a reserved token.

    An item is the source, its valid length, the target, and its valid length.

    Source: Dive into Deep Learning, https://d2l.ai (``d2l.load_data_nmt``).

    >>> from fastgrad.text import SentencePairs
    >>> pairs = SentencePairs([("va !", "go !"), ("il va", "he goes")], num_steps=4)
    >>> pairs[0]
    (tensor([4, 5, 3, 1]), tensor(3), tensor([5, 4, 3, 1]), tensor(3))
    """

    reserved_tokens = ("<pad>", "<bos>", "<eos>")

    def __init__(
        self,
        pairs: Sequence[tuple[str, str]],
        num_steps: int | None = None,
        min_freq: int = 1,
        src_vocab: Vocab | None = None,
        tgt_vocab: Vocab | None = None,
    ) -> None:
        if not pairs:
            raise ValueError("SentencePairs: expected at least one pair of sentences, got none")
        if num_steps is not None and num_steps < 1:
            raise ValueError(f"SentencePairs: num_steps must be at least 1, got {num_steps}")
        self.num_steps = num_steps
        sources, targets = ([pair[side].split() for pair in pairs] for side in (0, 1))
        self.src_vocab = self._vocab(src_vocab, sources, min_freq)
        self.tgt_vocab = self._vocab(tgt_vocab, targets, min_freq)
        self._sources = [self.src_vocab[[*words, "<eos>"]] for words in sources]
        self._targets = [self.tgt_vocab[[*words, "<eos>"]] for words in targets]

    def _vocab(self, given: Vocab | None, lines: list[list[str]], min_freq: int) -> Vocab:
        if given is None:
            return Vocab(lines, min_freq, self.reserved_tokens)
        missing = [token for token in self.reserved_tokens if token not in given]
        if missing:
            raise ValueError(
                f"SentencePairs: the vocabulary lacks {missing}: "
                f"Vocab(..., reserved_tokens={list(self.reserved_tokens)})"
            )
        return given

    @property
    def lengths(self) -> list[int]:
        """The length of the longer sentence of each pair, for :class:`BucketBatchSampler`."""
        return [
            max(len(source), len(target))
            for source, target in zip(self._sources, self._targets, strict=True)
        ]

    def __len__(self) -> int:
        return len(self._sources)

    def __getitem__(self, index: int) -> Example:
        source, target = self._sources[index], self._targets[index]
        return (*self._row(source, self.src_vocab), *self._row(target, self.tgt_vocab))

    def _row(self, ids: list[int], vocab: Vocab) -> tuple[Tensor, Tensor]:
        steps = len(ids) if self.num_steps is None else self.num_steps
        row = truncate_pad(ids, steps, vocab["<pad>"])
        return fastgrad.tensor(row), fastgrad.tensor(min(len(ids), steps))

    def collate(self, examples: Sequence[Example]) -> Example:
        """Return examples as one batch, padded to the longest: [batch, steps], [batch], twice."""
        sources, source_lengths, targets, target_lengths = zip(*examples, strict=True)
        return (
            pad_batch(sources, self.src_vocab["<pad>"])[0],
            fastgrad.stack(source_lengths),
            pad_batch(targets, self.tgt_vocab["<pad>"])[0],
            fastgrad.stack(target_lengths),
        )


class BucketBatchSampler(Sampler[list[int]]):
    """Batches of indices of sequences of about equal length, so that little is padded.

    A random order is cut into pools of ``pool`` batches; each pool is sorted by length and cut
    into batches, which come in random order.

    Args:
        lengths: The length of each sequence.
        batch_size: Indices in a batch.
        shuffle: Whether the order is random; otherwise all are sorted by length.
        drop_last: Leave out the batches with fewer indices.
        pool: Batches in a pool: more make the lengths more equal and the order less random.
        generator: Where random numbers come from.

    Raises:
        ValueError: ``batch_size`` or ``pool`` is less than 1.

    >>> from fastgrad.text import BucketBatchSampler
    >>> list(BucketBatchSampler([7, 2, 9, 3], batch_size=2, shuffle=False))
    [[1, 3], [0, 2]]
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        shuffle: bool = True,
        drop_last: bool = False,
        pool: int = 100,
        generator: Generator | None = None,
    ) -> None:
        if batch_size < 1 or pool < 1:
            raise ValueError(
                f"BucketBatchSampler: batch_size and pool must be at least 1, got {batch_size} and "
                f"{pool}"
            )
        self.lengths, self.batch_size, self.shuffle = list(lengths), batch_size, shuffle
        self.drop_last, self.pool, self.generator = drop_last, pool, generator

    def __len__(self) -> int:
        whole, rest = divmod(len(self.lengths), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        order = list(range(len(self.lengths)))
        if self.shuffle:
            order = fastgrad.randperm(len(order), generator=self.generator).tolist()
        size = self.batch_size * self.pool if self.shuffle else max(len(order), 1)
        for start in range(0, len(order), size):
            yield from self._batches(order[start : start + size])

    def _batches(self, indices: list[int]) -> list[list[int]]:
        indices = sorted(indices, key=lambda index: self.lengths[index])
        size = self.batch_size
        batches = [indices[start : start + size] for start in range(0, len(indices), size)]
        if self.drop_last and len(batches[-1]) < size:
            batches.pop()
        if self.shuffle:
            mixed = fastgrad.randperm(len(batches), generator=self.generator).tolist()
            batches = [batches[index] for index in mixed]
        return batches
