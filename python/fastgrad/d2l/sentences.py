"""Sentences with labels: opinions on films (IMDb), and what follows from what (SNLI)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastgrad as torch
from fastgrad import Tensor
from fastgrad.d2l.classification import get_dataloader_workers
from fastgrad.d2l.devices import try_gpu
from fastgrad.d2l.files import download_extract
from fastgrad.d2l.regression import load_array
from fastgrad.text import Vocab, tokenize, truncate_pad
from fastgrad.utils import data

SNLI_LABELS = ("entailment", "contradiction", "neutral")


def read_imdb(data_dir: str, is_train: bool) -> tuple[list[str], list[int]]:
    """The reviews in a folder, and 1 for each that likes its film, 0 for the others."""
    reviews: list[str] = []
    labels: list[int] = []
    for label, kind in ((1, "pos"), (0, "neg")):
        folder = Path(data_dir) / ("train" if is_train else "test") / kind
        for path in sorted(folder.iterdir()):
            reviews.append(path.read_text(encoding="utf-8").replace("\n", ""))
            labels.append(label)
    return reviews, labels


def load_data_imdb(
    batch_size: int, num_steps: int = 500
) -> tuple[data.DataLoader[Any], data.DataLoader[Any], Vocab]:
    """Batches of reviews [N, num_steps] with their labels, to train and to test; the vocabulary.

    Short reviews are filled up with the unknown word.
    """
    folder = download_extract("aclImdb", "aclImdb")
    parts = [read_imdb(folder, is_train) for is_train in (True, False)]
    words = [tokenize(reviews) for reviews, _ in parts]
    vocab = Vocab(words[0], min_freq=5)
    train, test = (
        load_array((_rows(lines, vocab, num_steps), torch.tensor(labels)), batch_size, is_train)
        for lines, (_, labels), is_train in zip(words, parts, (True, False), strict=True)
    )
    return train, test, vocab


def _rows(lines: Sequence[list[str]], vocab: Vocab, num_steps: int) -> Tensor:
    return torch.tensor([truncate_pad(vocab[line], num_steps, vocab["<pad>"]) for line in lines])


def predict_sentiment(net: Any, vocab: Vocab, sequence: str) -> str:
    """Whether a network says that a review is ``"positive"`` or ``"negative"``."""
    tokens = torch.tensor(vocab[sequence.split()], device=try_gpu())
    label = net(tokens.reshape(1, -1)).argmax(dim=1)
    return "positive" if label == 1 else "negative"


def read_snli(data_dir: str, is_train: bool) -> tuple[list[str], list[str], list[int]]:
    """Premises, hypotheses and labels: 0 for what follows, 1 for what contradicts, 2 for neither.

    Pairs on whose label the annotators did not agree are left out.
    """
    path = Path(data_dir) / ("snli_1.0_train.txt" if is_train else "snli_1.0_test.txt")
    with open(path, encoding="utf-8") as file:
        next(file)  # the names of the columns
        rows = [row.split("\t") for row in file]
    rows = [row for row in rows if row[0] in SNLI_LABELS]
    premises, hypotheses = ([_sentence(row[column]) for row in rows] for column in (1, 2))
    return premises, hypotheses, [SNLI_LABELS.index(row[0]) for row in rows]


def _sentence(tree: str) -> str:
    """The words of a sentence that is written as a tree, with parentheses."""
    return re.sub(r"\s{2,}", " ", tree.replace("(", "").replace(")", "")).strip()


class SNLIDataset(data.Dataset[tuple[tuple[Tensor, Tensor], Tensor]]):
    """Pairs of sentences as numbers [num_steps], and their labels.

    Args:
        dataset: what :func:`read_snli` gives.
        num_steps: words of each sentence; longer ones are cut, shorter ones filled up.
        vocab: made of the words that occur five times or more where None.
    """

    def __init__(
        self,
        dataset: tuple[Sequence[str], Sequence[str], Sequence[int]],
        num_steps: int,
        vocab: Vocab | None = None,
    ) -> None:
        self.num_steps = num_steps
        premises, hypotheses = tokenize(dataset[0]), tokenize(dataset[1])
        self.vocab = vocab or Vocab(premises + hypotheses, 5, reserved_tokens=["<pad>"])
        self.premises, self.hypotheses = self._pad(premises), self._pad(hypotheses)
        self.labels = torch.tensor(dataset[2])
        print(f"read {len(self.premises)} examples")

    def _pad(self, lines: Sequence[list[str]]) -> Tensor:
        return _rows(lines, self.vocab, self.num_steps)

    def __getitem__(self, idx: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
        return (self.premises[idx], self.hypotheses[idx]), self.labels[idx]

    def __len__(self) -> int:
        return len(self.premises)


def load_data_snli(
    batch_size: int, num_steps: int = 50
) -> tuple[data.DataLoader[Any], data.DataLoader[Any], Vocab]:
    """Batches of ([premises, hypotheses], labels), to train and to test; the vocabulary."""
    folder = download_extract("SNLI")
    train = SNLIDataset(read_snli(folder, True), num_steps)
    test = SNLIDataset(read_snli(folder, False), num_steps, train.vocab)
    workers = get_dataloader_workers()
    return (
        data.DataLoader(train, batch_size, shuffle=True, num_workers=workers),
        data.DataLoader(test, batch_size, shuffle=False, num_workers=workers),
        train.vocab,
    )


def predict_snli(net: Any, vocab: Vocab, premise: Sequence[str], hypothesis: Sequence[str]) -> str:
    """What a network says of two lists of words: one of ``SNLI_LABELS``."""
    net.eval()
    sides = [
        torch.tensor(vocab[list(words)], device=try_gpu()).reshape(1, -1)
        for words in (premise, hypothesis)
    ]
    return SNLI_LABELS[int(net(sides).argmax(dim=1))]
