"""Encoders and decoders, and the data of a translation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.d2l.files import download_extract
from fastgrad.d2l.regression import load_array
from fastgrad.d2l.text import Vocab

SPECIAL = ["<pad>", "<bos>", "<eos>"]


class Encoder(nn.Module):
    """Turns a sequence into a state; to be written by the subclass."""

    def forward(self, X: Any, *args: Any) -> Any:
        """The state."""
        raise NotImplementedError(f"{type(self).__name__}.forward")


class Decoder(nn.Module):
    """Turns a state into a sequence; to be written by the subclass."""

    def init_state(self, enc_outputs: Any, *args: Any) -> Any:
        """The first state, from what the encoder gives."""
        raise NotImplementedError(f"{type(self).__name__}.init_state")

    def forward(self, X: Any, state: Any) -> Any:
        """What comes next, and the new state."""
        raise NotImplementedError(f"{type(self).__name__}.forward")


class AttentionDecoder(Decoder):
    """A decoder that can show what it attends to."""

    @property
    def attention_weights(self) -> Any:
        """The weights of the last sequence; to be written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__}.attention_weights")


class EncoderDecoder(nn.Module):
    """An encoder, and a decoder that goes on from its state."""

    def __init__(self, encoder: Encoder, decoder: Decoder, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder

    def forward(self, enc_X: Any, dec_X: Any, *args: Any) -> Any:
        """What the decoder gives."""
        state = self.decoder.init_state(self.encoder(enc_X, *args), *args)
        return self.decoder(dec_X, state)


def read_data_nmt() -> str:
    """The text of English sentences and their French translations."""
    with open(f"{download_extract('fra-eng')}/fra.txt", encoding="utf-8") as file:
        return file.read()


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


def truncate_pad(line: Sequence[Any], num_steps: int, padding_token: Any) -> list[Any]:
    """A sequence cut, or filled up, to a length."""
    return [*line[:num_steps], *[padding_token] * (num_steps - len(line))]


def build_array_nmt(
    lines: Sequence[Sequence[str]], vocab: Vocab, num_steps: int
) -> tuple[Tensor, Tensor]:
    """Token numbers [N, num_steps] of sentences with their ends, and the valid lengths [N]."""
    rows = [[*vocab[list(line)], vocab["<eos>"]] for line in lines]
    array = torch.tensor([truncate_pad(row, num_steps, vocab["<pad>"]) for row in rows])
    return array, (array != vocab["<pad>"]).type(torch.int32).sum(1)


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


def bleu(pred_seq: str, label_seq: str, k: int) -> float:
    """How much a translation shares with the right one: BLEU of phrases up to `k` words."""
    predicted, right = pred_seq.split(" "), label_seq.split(" ")
    score = math.exp(min(0.0, 1 - len(right) / len(predicted)))
    for n in range(1, min(k, len(predicted)) + 1):
        phrases = [
            Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
            for words in (predicted, right)
        ]
        shared = (phrases[0] & phrases[1]).total()
        score *= math.pow(shared / (len(predicted) - n + 1), math.pow(0.5, n))
    return score
