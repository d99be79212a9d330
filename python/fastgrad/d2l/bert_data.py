"""What the book's BERT is pre-trained on: WikiText-2, in pairs of sentences with masked words."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Sequence
from typing import Any

import fastgrad as torch
from fastgrad import Tensor
from fastgrad.d2l.bert import get_tokens_and_segments
from fastgrad.d2l.classification import get_dataloader_workers
from fastgrad.d2l.files import download_extract
from fastgrad.text import Vocab, tokenize, truncate_pad
from fastgrad.utils import data

Words = list[str]
MASKED_SHARE = 0.15


def _read_wiki(data_dir: str) -> list[list[str]]:
    """The paragraphs of two or more sentences, in random order."""
    with open(os.path.join(data_dir, "wiki.train.tokens"), encoding="utf-8") as file:
        lines = [line.strip().lower().split(" . ") for line in file if line.count(" . ") > 0]
    random.shuffle(lines)
    return lines


def _get_next_sentence(
    sentence: Words, next_sentence: Words, paragraphs: Sequence[Sequence[Words]]
) -> tuple[Words, Words, bool]:
    """A sentence with the next one or, half of the time, with any other; and which it is."""
    is_next = random.random() < 0.5
    if not is_next:
        next_sentence = random.choice(random.choice(paragraphs))
    return sentence, next_sentence, is_next


def _get_nsp_data_from_paragraph(
    paragraph: Sequence[Words], paragraphs: Sequence[Sequence[Words]], vocab: Vocab, max_len: int
) -> list[tuple[Words, list[int], bool]]:
    """Pairs of sentences as (tokens, segments, whether the second follows).

    Those with more than `max_len` tokens are left out.
    """
    pairs = (
        _get_next_sentence(first, second, paragraphs)
        for first, second in itertools.pairwise(paragraph)
    )
    found = ((*get_tokens_and_segments(first, second), is_next) for first, second, is_next in pairs)
    return [pair for pair in found if len(pair[0]) <= max_len]


def _replace_mlm_tokens(
    tokens: Words, candidate_pred_positions: list[int], num_mlm_preds: int, vocab: Vocab
) -> tuple[Words, list[tuple[int, str]]]:
    """The tokens with some masked, and (position, token) of those that are to be guessed.

    Of these 80 % become ``<mask>``, 10 % stay, and 10 % become a random token.
    """
    masked = list(tokens)
    random.shuffle(candidate_pred_positions)
    chosen = candidate_pred_positions[:num_mlm_preds]
    for position in chosen:
        if random.random() < 0.8:
            masked[position] = "<mask>"
        elif random.random() >= 0.5:
            masked[position] = random.choice(vocab.idx_to_token)
    return masked, [(position, tokens[position]) for position in chosen]


def _get_mlm_data_from_tokens(
    tokens: Words, vocab: Vocab
) -> tuple[list[int], list[int], list[int]]:
    """Numbers of tokens with 15 % to be guessed, their positions, and their numbers."""
    candidates = [i for i, token in enumerate(tokens) if token not in ("<cls>", "<sep>")]
    number = max(1, round(len(tokens) * MASKED_SHARE))
    masked, answers = _replace_mlm_tokens(tokens, candidates, number, vocab)
    answers.sort()
    return vocab[masked], [place for place, _ in answers], vocab[[token for _, token in answers]]


def _pad_bert_inputs(
    examples: Sequence[tuple[list[int], list[int], list[int], list[int], bool]],
    max_len: int,
    vocab: Vocab,
) -> tuple[list[Tensor], ...]:
    """Examples (tokens, positions, answers, segments, is next), each filled up to one length.

    Returns:
        Lists of tensors: tokens [max_len], segments [max_len], valid lengths [], positions
        [words], their weights (0 where filled up), answers [words], and labels [].
    """
    most = round(max_len * MASKED_SHARE)

    def ids(rows: Sequence[Sequence[int]], length: int, padding: int = 0) -> list[Tensor]:
        return [torch.tensor(truncate_pad(row, length, padding)) for row in rows]

    tokens, positions, answers, segments, is_next = zip(*examples, strict=True)
    weights = [truncate_pad([1] * len(row), most, 0) for row in positions]
    return (
        ids(tokens, max_len, vocab["<pad>"]),
        ids(segments, max_len),
        [torch.tensor(len(row), dtype=torch.float32) for row in tokens],
        ids(positions, most),
        [torch.tensor(row, dtype=torch.float32) for row in weights],
        ids(answers, most),
        [torch.tensor(label, dtype=torch.int64) for label in is_next],
    )


class _WikiTextDataset(data.Dataset[tuple[Tensor, ...]]):
    def __init__(self, paragraphs: Sequence[Sequence[str]], max_len: int) -> None:
        words = [tokenize(paragraph) for paragraph in paragraphs]
        special = ["<pad>", "<mask>", "<cls>", "<sep>"]
        sentences = [sentence for paragraph in words for sentence in paragraph]
        self.vocab = Vocab(sentences, min_freq=5, reserved_tokens=special)
        pairs = [
            pair
            for paragraph in words
            for pair in _get_nsp_data_from_paragraph(paragraph, words, self.vocab, max_len)
        ]
        examples = [
            (*_get_mlm_data_from_tokens(tokens, self.vocab), segments, is_next)
            for tokens, segments, is_next in pairs
        ]
        self.columns = _pad_bert_inputs(examples, max_len, self.vocab)

    def __getitem__(self, idx: int) -> tuple[Tensor, ...]:
        return tuple(column[idx] for column in self.columns)

    def __len__(self) -> int:
        return len(self.columns[0])


def load_data_wiki(batch_size: int, max_len: int) -> tuple[data.DataLoader[Any], Vocab]:
    """Batches of WikiText-2 as :func:`_pad_bert_inputs` orders them, and the vocabulary."""
    folder = download_extract("wikitext-2", "wikitext-2")
    dataset = _WikiTextDataset(_read_wiki(folder), max_len)
    workers = get_dataloader_workers()
    return data.DataLoader(dataset, batch_size, shuffle=True, num_workers=workers), dataset.vocab
