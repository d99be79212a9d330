"""Words: the data that word2vec is trained on, and vectors of words that others trained."""

from __future__ import annotations

import os
import random
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import fastgrad as torch
from fastgrad import Tensor
from fastgrad.d2l.classification import get_dataloader_workers
from fastgrad.d2l.files import download_extract
from fastgrad.d2l.text import count_corpus
from fastgrad.text import Vocab
from fastgrad.text import subsample as subsample_ids
from fastgrad.text.sampling import context_windows
from fastgrad.utils import data

Example = tuple[int, list[int], list[int]]


def read_ptb() -> list[list[str]]:
    """The sentences of the Penn Tree Bank's training set, as lists of words."""
    path = os.path.join(download_extract("ptb"), "ptb.train.txt")
    with open(path, encoding="utf-8") as file:
        return [line.split() for line in file.read().split("\n")]


def subsample(
    sentences: Sequence[Sequence[str]], vocab: Vocab
) -> tuple[list[list[str]], Counter[str]]:
    """The sentences without unknown words and most of the frequent ones; the words' counts.

    The counts are those before frequent words were left out. See
    :func:`fastgrad.text.subsample`.
    """
    known = [[token for token in line if vocab[token] != vocab.unk] for line in sentences]
    kept = subsample_ids([vocab[line] for line in known])
    return [vocab.to_tokens(line) for line in kept], count_corpus(known)


def get_centers_and_contexts(
    corpus: Sequence[Sequence[int]], max_window_size: int
) -> tuple[list[int], list[list[int]]]:
    """Each word of a sentence, and those near it; sentences of one word have no pair.

    A word's window is of a random size, 1 to `max_window_size` to each side.
    """
    lines = [line for line in corpus if len(line) > 1]
    pairs = list(context_windows(lines, max_window_size))
    return [center for center, _ in pairs], [near for _, near in pairs]


class RandomGenerator:
    """Draws 1, 2, ..., n with chances in proportion to n weights."""

    def __init__(self, sampling_weights: Sequence[float]) -> None:
        self.population = list(range(1, len(sampling_weights) + 1))
        self.sampling_weights = sampling_weights
        self.candidates: list[int] = []
        self.i = 0

    def draw(self) -> int:
        """The next number; ten thousand of them are drawn at once."""
        if self.i == len(self.candidates):
            self.candidates = random.choices(self.population, self.sampling_weights, k=10000)
            self.i = 0
        self.i += 1
        return self.candidates[self.i - 1]


def get_negatives(
    all_contexts: Sequence[Sequence[int]], vocab: Vocab, counter: Counter[str], K: int
) -> list[list[int]]:
    """For each list of context words, K times as many noise words that are not among them.

    A word is drawn in proportion to ``counter[word] ** 0.75``, the unknown word never.

    Raises:
        ValueError: all words are context words of one center, so that none is left.
    """
    weights = [counter[token] ** 0.75 for token in vocab.to_tokens(range(1, len(vocab)))]
    generator = RandomGenerator(weights)
    possible = {
        number for number, weight in zip(generator.population, weights, strict=True) if weight
    }
    return [_noise(contexts, generator, possible, K) for contexts in all_contexts]


def _noise(
    contexts: Sequence[int], generator: RandomGenerator, possible: set[int], K: int
) -> list[int]:
    excluded = set(contexts)
    if len(excluded) >= len(possible) and possible <= excluded:
        raise ValueError(
            f"get_negatives: all {len(possible)} words are context words of one center: "
            "no noise word is left"
        )
    found: list[int] = []
    while len(found) < len(contexts) * K:
        number = generator.draw()
        if number not in excluded:
            found.append(number)
    return found


def batchify(data: Iterable[Example]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Examples (center, contexts, noise) as one batch.

    Returns:
        The centers [N, 1]; contexts and noise together [N, longest], filled up with 0; a mask that
        is 0 where they were filled up; labels that are 1 at contexts.
    """
    rows = [(center, len(near), [*near, *noise]) for center, near, noise in data]
    longest = max(len(words) for _, _, words in rows)

    def ones(number: int) -> list[int]:
        return [1] * number + [0] * (longest - number)

    return (
        torch.tensor([center for center, _, _ in rows]).reshape((-1, 1)),
        torch.tensor([words + [0] * (longest - len(words)) for _, _, words in rows]),
        torch.tensor([ones(len(words)) for _, _, words in rows]),
        torch.tensor([ones(number) for _, number, _ in rows]),
    )


class _Examples(data.Dataset[Example]):
    def __init__(self, *columns: Sequence[Any]) -> None:
        self.rows: list[Example] = list(zip(*columns, strict=True))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Example:
        return self.rows[index]


def load_data_ptb(
    batch_size: int, max_window_size: int, num_noise_words: int
) -> tuple[data.DataLoader[Any], Vocab]:
    """Batches of the Penn Tree Bank as :func:`batchify` makes them, and the vocabulary."""
    sentences = read_ptb()
    vocab = Vocab(sentences, min_freq=10)
    kept, counter = subsample(sentences, vocab)
    centers, contexts = get_centers_and_contexts([vocab[line] for line in kept], max_window_size)
    negatives = get_negatives(contexts, vocab, counter, num_noise_words)
    loader = data.DataLoader(
        _Examples(centers, contexts, negatives),
        batch_size,
        shuffle=True,
        collate_fn=batchify,
        num_workers=get_dataloader_workers(),
    )
    return loader, vocab


class TokenEmbedding:
    """Vectors of words from a file of GloVe or fastText; unknown words have zeros.

    Args:
        embedding_name: a name of ``DATA_HUB``, such as ``"glove.6b.50d"``.

    Raises:
        ValueError: a line of the file is no word with as many numbers as the others have.
    """

    def __init__(self, embedding_name: str) -> None:
        self.idx_to_token, self.idx_to_vec = self._load_embedding(embedding_name)
        self.unknown_idx = 0
        self.token_to_idx = {token: i for i, token in enumerate(self.idx_to_token)}

    def _load_embedding(self, embedding_name: str) -> tuple[list[str], Tensor]:
        path = os.path.join(download_extract(embedding_name), "vec.txt")
        tokens, numbers, size = ["<unk>"], array("f"), 0
        with open(path, encoding="utf-8") as file:
            for line in file:
                token, *values = line.rstrip().split(" ")
                if len(values) < 2:  # the first line of fastText's files: how much follows
                    continue
                size = size or len(values)
                if len(values) != size:
                    raise ValueError(f"{path}: expected {size} numbers after {token!r}")
                tokens.append(token)
                numbers.extend(map(float, values))
        vectors = torch.frombuffer(numbers, dtype=torch.float32).reshape(-1, size)
        return tokens, torch.cat((torch.zeros(1, size), vectors))

    def __getitem__(self, tokens: Sequence[str]) -> Tensor:
        """The vectors of a list of words, [words, size]."""
        places = [self.token_to_idx.get(token, self.unknown_idx) for token in tokens]
        return self.idx_to_vec[torch.tensor(places)]

    def __len__(self) -> int:
        return len(self.idx_to_token)
