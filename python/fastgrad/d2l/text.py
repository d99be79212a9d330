"""Text: batches of a novel's characters, made of what fastgrad.text has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import fastgrad as torch
from fastgrad import Tensor
from fastgrad.d2l.files import download
from fastgrad.d2l.framework import DataModule
from fastgrad.text import (
    Vocab,
    letters_only,
    read_text,
    seq_data_iter_random,
    seq_data_iter_sequential,
    strip_gutenberg,
    tokenize,
)

Corpus = list[int]


def count_corpus(tokens: Sequence[Any]) -> Counter[str]:
    """How often each token occurs in a list of tokens, or of lines of tokens."""
    if tokens and isinstance(tokens[0], list):
        tokens = [token for line in tokens for token in line]
    return Counter(tokens)


def read_time_machine() -> list[str]:
    """The lines of *The Time Machine*, in lower-case letters and spaces."""
    lines = strip_gutenberg(read_text(download("time_machine"))).splitlines()
    return [letters_only(line).strip() for line in lines]


def load_corpus_time_machine(max_tokens: int = -1) -> tuple[Corpus, Vocab]:
    """The novel's characters as numbers, the first `max_tokens` of them, and the vocabulary."""
    tokens = tokenize(read_time_machine(), "char")
    vocab = Vocab(tokens)
    corpus = [vocab[token] for line in tokens for token in line]
    return corpus[:max_tokens] if max_tokens > 0 else corpus, vocab


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
        return strip_gutenberg(read_text(download("time_machine", self.root)))

    def _preprocess(self, text: str) -> str:
        return letters_only(text)

    def _tokenize(self, text: str) -> list[str]:
        return list(text)

    def build(self, raw_text: str, vocab: Vocab | None = None) -> tuple[Corpus, Vocab]:
        """The numbers of a text's tokens, and the vocabulary."""
        tokens = self._tokenize(self._preprocess(raw_text))
        vocab = vocab or Vocab(tokens)
        return [vocab[token] for token in tokens], vocab

    def get_dataloader(self, train: bool) -> Any:
        """The first `num_train` sequences, or the `num_val` after them."""
        first = 0 if train else self.num_train
        count = self.num_train if train else self.num_val
        return self.get_tensorloader([self.X, self.Y], train, slice(first, first + count))
