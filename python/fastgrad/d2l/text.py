"""Text: tokens, vocabularies, and batches of a novel's characters or words."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import fastgrad as torch
from fastgrad import Tensor
from fastgrad.d2l.files import DEFAULT, download
from fastgrad.d2l.framework import DataModule

Corpus = list[int]


class Vocab:
    """Numbers for tokens: 0 for unknown ones, then the reserved, then the others.

    Args:
        tokens: a list of tokens, or of lines of tokens.
        min_freq: tokens that are rarer than this are unknown.
        reserved_tokens: words such as ``<pad>`` that have numbers in any case.
        by_name: number all tokens in alphabetical order (the book's classes do), instead of the
            others by falling frequency.
    """

    def __init__(
        self,
        tokens: Iterable[Any] | None = None,
        min_freq: int = 0,
        reserved_tokens: Sequence[str] | None = None,
        by_name: bool = False,
    ) -> None:
        counts = count_corpus(list(tokens or ()))
        self.token_freqs = sorted(counts.items(), key=lambda pair: pair[1], reverse=True)
        special = ["<unk>", *(reserved_tokens or ())]
        frequent = [token for token, count in self.token_freqs if count >= min_freq]
        self.idx_to_token: list[str] = list(dict.fromkeys([*special, *frequent]))
        if by_name:
            self.idx_to_token.sort()
        self.token_to_idx = {token: i for i, token in enumerate(self.idx_to_token)}

    def __len__(self) -> int:
        return len(self.idx_to_token)

    def __getitem__(self, tokens: Any) -> Any:
        if isinstance(tokens, list | tuple):
            return [self[token] for token in tokens]
        return self.token_to_idx.get(tokens, self.unk)

    def to_tokens(self, indices: Any) -> Any:
        """The token of a number, or the tokens of several."""
        if hasattr(indices, "__len__") and len(indices) > 1:
            return [self.idx_to_token[int(index)] for index in indices]
        return self.idx_to_token[int(indices[0] if hasattr(indices, "__len__") else indices)]

    @property
    def unk(self) -> int:
        """The number of unknown tokens."""
        return self.token_to_idx["<unk>"]


def count_corpus(tokens: Sequence[Any]) -> Counter[str]:
    """How often each token occurs in a list of tokens, or of lines of tokens."""
    if tokens and isinstance(tokens[0], list):
        tokens = [token for line in tokens for token in line]
    return Counter(tokens)


def tokenize(lines: Sequence[str], token: str = "word") -> list[list[str]]:
    """Split lines into words or characters (``'char'``).

    Raises:
        ValueError: another word for `token`.
    """
    if token not in ("word", "char"):
        raise ValueError(f"tokenize: expected 'word' or 'char', got {token!r}")
    return [line.split() if token == "word" else list(line) for line in lines]


def read_time_machine() -> list[str]:
    """The lines of *The Time Machine*, in lower-case letters and spaces."""
    with open(download("time_machine"), encoding="utf-8") as file:
        return [re.sub("[^A-Za-z]+", " ", line).strip().lower() for line in file]


def load_corpus_time_machine(max_tokens: int = -1) -> tuple[Corpus, Vocab]:
    """The novel's characters as numbers, the first `max_tokens` of them, and the vocabulary."""
    tokens = tokenize(read_time_machine(), "char")
    vocab = Vocab(tokens)
    corpus = [vocab[token] for line in tokens for token in line]
    return corpus[:max_tokens] if max_tokens > 0 else corpus, vocab


def seq_data_iter_random(
    corpus: Corpus, batch_size: int, num_steps: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of sequences from random places, with the sequences one step later."""
    corpus = corpus[random.randint(0, num_steps - 1) :]
    starts = [i * num_steps for i in range((len(corpus) - 1) // num_steps)]
    random.shuffle(starts)
    for first in range(0, batch_size * (len(starts) // batch_size), batch_size):
        batch = starts[first : first + batch_size]
        yield (
            torch.tensor([corpus[i : i + num_steps] for i in batch]),
            torch.tensor([corpus[i + 1 : i + 1 + num_steps] for i in batch]),
        )


def seq_data_iter_sequential(
    corpus: Corpus, batch_size: int, num_steps: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of sequences that continue those of the batch before."""
    offset = random.randint(0, num_steps)
    length = (len(corpus) - offset - 1) // batch_size * batch_size
    Xs = torch.tensor(corpus[offset : offset + length]).reshape(batch_size, -1)
    Ys = torch.tensor(corpus[offset + 1 : offset + 1 + length]).reshape(batch_size, -1)
    for i in range(0, Xs.shape[1] // num_steps * num_steps, num_steps):
        yield Xs[:, i : i + num_steps], Ys[:, i : i + num_steps]


class SeqDataLoader:
    """Batches of the novel, from random places or one after the other."""

    def __init__(
        self, batch_size: int, num_steps: int, use_random_iter: bool, max_tokens: int
    ) -> None:
        self.data_iter_fn: Callable[..., Iterator[tuple[Tensor, Tensor]]] = (
            seq_data_iter_random if use_random_iter else seq_data_iter_sequential
        )
        self.corpus, self.vocab = load_corpus_time_machine(max_tokens)
        self.batch_size, self.num_steps = batch_size, num_steps

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self.data_iter_fn(self.corpus, self.batch_size, self.num_steps)


def load_data_time_machine(
    batch_size: int, num_steps: int, use_random_iter: bool = False, max_tokens: int = 10000
) -> tuple[SeqDataLoader, Vocab]:
    """Batches of the novel's characters, and its vocabulary."""
    loader = SeqDataLoader(batch_size, num_steps, use_random_iter, max_tokens)
    return loader, loader.vocab


class TimeMachine(DataModule):
    """The novel's characters, as sequences and the sequences one step later."""

    def __init__(
        self, batch_size: int, num_steps: int, num_train: int = 10000, num_val: int = 5000
    ) -> None:
        super().__init__()
        self.num_train: int
        self.num_val: int
        self.save_hyperparameters()
        corpus, self.vocab = self.build(self._download())
        rows = [corpus[i : i + num_steps + 1] for i in range(len(corpus) - num_steps)]
        array = torch.tensor(rows)
        self.X, self.Y = array[:, :-1], array[:, 1:]

    def _download(self) -> str:
        with open(download("time_machine", getattr(self, "root", DEFAULT))) as file:
            return file.read()

    def _preprocess(self, text: str) -> str:
        return re.sub("[^A-Za-z]+", " ", text).lower()

    def _tokenize(self, text: str) -> list[str]:
        return list(text)

    def build(self, raw_text: str, vocab: Vocab | None = None) -> tuple[Corpus, Vocab]:
        """The numbers of a text's tokens, and the vocabulary."""
        tokens = self._tokenize(self._preprocess(raw_text))
        vocab = vocab or Vocab(tokens, by_name=True)
        return [vocab[token] for token in tokens], vocab

    def get_dataloader(self, train: bool) -> Any:
        """The first `num_train` sequences, or the `num_val` after them."""
        first = 0 if train else self.num_train
        count = self.num_train if train else self.num_val
        return self.get_tensorloader([self.X, self.Y], train, slice(first, first + count))
