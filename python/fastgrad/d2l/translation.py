"""The data of a translation: pairs of English and French sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastgrad as torch
from fastgrad import Tensor
from fastgrad.d2l.files import download, download_extract, extract
from fastgrad.d2l.framework import DataModule
from fastgrad.d2l.regression import load_array
from fastgrad.text import Vocab, truncate_pad

SPECIAL = ["<pad>", "<bos>", "<eos>"]


def read_data_nmt() -> str:
    """The text of English sentences and their French translations."""
    return _text(download_extract("fra-eng"))


def _text(folder: str | Path) -> str:
    return (Path(folder) / "fra.txt").read_text(encoding="utf-8")


def preprocess_nmt(text: str) -> str:
    """Lower-case letters, plain spaces, and a space before each mark."""
    text = text.replace("\u202f", " ").replace("\xa0", " ").lower()
    spaced = [
        f" {mark}" if i > 0 and mark in ",.!?" and text[i - 1] != " " else mark
        for i, mark in enumerate(text)
    ]
    return "".join(spaced)


def tokenize_nmt(
    text: str, num_examples: int | None = None
) -> tuple[list[list[str]], list[list[str]]]:
    """The words of the source's and the target's sentences, which a tab separates."""
    pairs = [line.split("\t") for line in text.split("\n")[:num_examples]]
    pairs = [pair for pair in pairs if len(pair) == 2]
    return [a.split(" ") for a, _ in pairs], [b.split(" ") for _, b in pairs]


def build_array_nmt(
    lines: Sequence[Sequence[str]], vocab: Vocab, num_steps: int
) -> tuple[Tensor, Tensor]:
    """Token numbers [N, num_steps] of sentences with their ends, and the valid lengths [N]."""
    rows = [[*vocab[list(line)], vocab["<eos>"]] for line in lines]
    array = torch.tensor([truncate_pad(row, num_steps, vocab["<pad>"]) for row in rows])
    return array, _lengths(array, vocab)


def _lengths(array: Tensor, vocab: Vocab) -> Tensor:
    return array.ne(vocab["<pad>"]).type(torch.int32).sum(1)


def load_data_nmt(
    batch_size: int, num_steps: int, num_examples: int = 600
) -> tuple[Any, Vocab, Vocab]:
    """Batches of the translation data, and the two vocabularies."""
    sentences = tokenize_nmt(preprocess_nmt(read_data_nmt()), num_examples)
    vocabs = [Vocab(words, min_freq=2, reserved_tokens=SPECIAL) for words in sentences]
    arrays = [
        part
        for words, vocab in zip(sentences, vocabs, strict=True)
        for part in build_array_nmt(words, vocab, num_steps)
    ]
    return load_array(arrays, batch_size), vocabs[0], vocabs[1]


class MTFraEng(DataModule):
    """English sentences and their French translations.

    A batch is (source [N, num_steps], decoder's input [N, num_steps], the sources' valid lengths
    [N], target [N, num_steps]); the decoder's input is the target one step later, after ``<bos>``.
    """

    def __init__(
        self, batch_size: int, num_steps: int = 9, num_train: int = 512, num_val: int = 128
    ) -> None:
        super().__init__()
        self.num_steps: int
        self.num_train: int
        self.num_val: int
        self.save_hyperparameters()
        self.arrays, self.src_vocab, self.tgt_vocab = self._build_arrays(self._download())

    def _download(self) -> str:
        path = download("fra-eng", self.root)
        extract(path)
        return _text(Path(path).with_suffix(""))

    def _preprocess(self, text: str) -> str:
        return preprocess_nmt(text)

    def _tokenize(
        self, text: str, max_examples: int | None = None
    ) -> tuple[list[list[str]], list[list[str]]]:
        source, target = tokenize_nmt(text, max_examples)
        # Words without the empty ones between two spaces.
        with_ends = [[[*filter(None, line), "<eos>"] for line in each] for each in (source, target)]
        return with_ends[0], with_ends[1]

    def _build_arrays(
        self, raw_text: str, src_vocab: Vocab | None = None, tgt_vocab: Vocab | None = None
    ) -> tuple[tuple[Tensor, ...], Vocab, Vocab]:
        number = self.num_train + self.num_val
        source, target = self._tokenize(self._preprocess(raw_text), number)
        sources, targets = (
            [truncate_pad(words, self.num_steps, "<pad>") for words in each]
            for each in (source, target)
        )
        X, src_vocab = _numbered(sources, src_vocab)
        Y, tgt_vocab = _numbered([["<bos>", *words] for words in targets], tgt_vocab)
        return (X, Y[:, :-1], _lengths(X, src_vocab), Y[:, 1:]), src_vocab, tgt_vocab

    def get_dataloader(self, train: bool) -> Any:
        """The first `num_train` pairs, or the others."""
        rows = slice(0, self.num_train) if train else slice(self.num_train, None)
        return self.get_tensorloader(self.arrays, train, rows)

    def build(
        self, src_sentences: Sequence[str], tgt_sentences: Sequence[str]
    ) -> tuple[Tensor, ...]:
        """A batch of sentences of one's own, with the vocabularies of this data."""
        pairs = zip(src_sentences, tgt_sentences, strict=True)
        text = "\n".join(f"{source}\t{target}" for source, target in pairs)
        return self._build_arrays(text, self.src_vocab, self.tgt_vocab)[0]


def _numbered(rows: list[list[str]], vocab: Vocab | None) -> tuple[Tensor, Vocab]:
    # The vocabulary has the padding even if no sentence is short.
    vocab = vocab or Vocab(rows, min_freq=2, reserved_tokens=["<pad>"])
    return torch.tensor([vocab[row] for row in rows]), vocab
