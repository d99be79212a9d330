"""Byte-pair encoding: tokens learned from text, and any bytes back exactly.

Source: R. Sennrich et al., "Neural machine translation of rare words with subword units",
ACL 2016; over bytes as in A. Radford et al., "Language models are unsupervised multitask
learners", 2019.
"""

from __future__ import annotations

import heapq
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from fastgrad import Tensor
from fastgrad.io.atomic import PathLike, write_text
from fastgrad.text.tokenizers import checked_text
from fastgrad.text.vocabulary import read_json

_FORMAT = "fastgrad.text.BPETokenizer"
# Where tokens may not reach across: between words (each with the space before it), numbers,
# marks, and runs of spaces; GPT-2's rule in the words of Python's own regular expressions.
_WORDS = re.compile(
    r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s+", re.DOTALL
)
Pair = tuple[int, int]


class BPETokenizer:
    """Byte-pair encoding: the 256 bytes, and tokens made by joining two tokens again and again.

    Any text, even any bytes, has an encoding, and decoding gives it back exactly.

    Args:
        merges: The pairs of tokens that are joined, in order: the first makes token 256.
        special_tokens: Texts that are one token each; they follow the others. They are made by
            ``encode(..., allow_special=True)`` only, so that no foreign text can forge them.

    Raises:
        ValueError: A pair names a token that is not made before it, or one is given twice.

    >>> from fastgrad.text import BPETokenizer
    >>> tokenizer = BPETokenizer.train("low lower lowest low low", vocab_size=260)
    >>> len(tokenizer), tokenizer.encode("low lower")
    (260, [257, 259, 114])
    >>> tokenizer.decode([257, 259, 114])
    'low lower'
    """

    def __init__(self, merges: Sequence[Pair], special_tokens: Sequence[str] = ()) -> None:
        self.merges = [(int(left), int(right)) for left, right in merges]
        self.token_bytes = [bytes([byte]) for byte in range(256)]
        for left, right in self.merges:
            if not (0 <= left < len(self.token_bytes) and 0 <= right < len(self.token_bytes)):
                raise ValueError(
                    f"BPETokenizer: merge {len(self.token_bytes) - 256} joins ({left}, {right}), "
                    f"but only tokens from 0 to {len(self.token_bytes) - 1} are there"
                )
            self.token_bytes.append(self.token_bytes[left] + self.token_bytes[right])
        self._ranks = {pair: 256 + rank for rank, pair in enumerate(self.merges)}
        if len(self._ranks) < len(self.merges):
            raise ValueError("BPETokenizer: a pair is joined twice")
        texts = [text for text in special_tokens if isinstance(text, str) and text]
        if len(set(texts)) < len(special_tokens):
            raise ValueError("BPETokenizer: special tokens must be different texts, not empty ones")
        self.special_tokens = {
            text: len(self.token_bytes) + index for index, text in enumerate(special_tokens)
        }
        self.token_bytes += [text.encode() for text in special_tokens]
        self._word = lru_cache(maxsize=1 << 16)(self._encode_word)

    @classmethod
    def train(
        cls, text: str | bytes, vocab_size: int, special_tokens: Sequence[str] = ()
    ) -> BPETokenizer:
        """Learn tokens from a text: the most frequent pair becomes a token, and so on.

        Of equally frequent pairs the one with the smaller numbers is joined first, so the same
        text gives the same tokens. Training ends early when no pair occurs twice.

        Args:
            text: What to learn from.
            vocab_size: How many tokens there may be, with 256 bytes and the special ones.
            special_tokens: Texts that are one token each.

        Raises:
            ValueError: The text is empty, or ``vocab_size`` has no room for the bytes.
        """
        room = vocab_size - 256 - len(special_tokens)
        if room < 0:
            raise ValueError(
                f"BPETokenizer: vocab_size must be at least {256 + len(special_tokens)} (bytes and "
                f"special tokens), got {vocab_size}"
            )
        words = Counter(_split(text))
        if not words:
            raise ValueError("BPETokenizer: expected text to learn from, got none")
        return cls(_Learner(words).learn(room), special_tokens)

    def encode(self, text: str | bytes, allow_special: bool = False) -> list[int]:
        """Return the tokens of a text.

        Args:
            text: Text, or bytes that need not be text.
            allow_special: Whether special tokens in the text become their numbers.

        Raises:
            ValueError: The text has half of a surrogate pair, which no bytes stand for.
        """
        if allow_special and self.special_tokens and isinstance(text, str):
            parts = re.split("(" + "|".join(map(re.escape, self._longest_first())) + ")", text)
        else:
            return [token for word in _split(text) for token in self._word(word)]
        special = self.special_tokens
        return [
            token
            for part in parts
            for token in ([special[part]] if part in special else self.encode(part))
        ]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of tokens; bytes that are no UTF-8 become U+FFFD.

        Raises:
            IndexError: A number is out of range.
        """
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the bytes of tokens: exactly those that were encoded.

        Raises:
            IndexError: A number is out of range.
        """
        numbers = ids.tolist() if isinstance(ids, Tensor) else list(ids)
        for number in numbers:
            if not 0 <= number < len(self):
                raise IndexError(
                    f"BPETokenizer: expected tokens from 0 to {len(self) - 1}, got {number}"
                )
        return b"".join(self.token_bytes[number] for number in numbers)

    def __len__(self) -> int:
        return len(self.token_bytes)

    def save(self, path: PathLike) -> None:
        """Write the merges and special tokens to a JSON file, whole or not at all."""
        content = {
            "format": _FORMAT,
            "merges": self.merges,
            "special_tokens": list(self.special_tokens),
        }
        write_text(path, json.dumps(content, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: PathLike) -> BPETokenizer:
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is damaged, or holds something else.
        """
        content = read_json(path, _FORMAT)
        try:
            return cls(content["merges"], content["special_tokens"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: damaged tokenizer ({error})") from error

    def _longest_first(self) -> list[str]:
        return sorted(self.special_tokens, key=len, reverse=True)

    def _encode_word(self, word: bytes) -> tuple[int, ...]:
        """Join the pair that was learned first, wherever it is, until none is left."""
        ids = list(word)
        while len(ids) > 1:
            pair = min(pairwise(ids), key=lambda pair: self._ranks.get(pair, len(self)))
            if pair not in self._ranks:
                break
            ids = _join(ids, pair, self._ranks[pair])
        return tuple(ids)


def _split(text: str | bytes) -> list[bytes]:
    if isinstance(text, bytes):
        words = _WORDS.findall(text.decode("utf-8", errors="surrogateescape"))
        return [word.encode("utf-8", errors="surrogateescape") for word in words]
    return [word.encode() for word in _WORDS.findall(checked_text("BPETokenizer", text))]


def _join(ids: list[int], pair: Pair, token: int) -> list[int]:
    joined, position = [], 0
    while position < len(ids):
        if ids[position] == pair[0] and tuple(ids[position : position + 2]) == pair:
            joined.append(token)
            position += 2
        else:
            joined.append(ids[position])
            position += 1
    return joined


class _Learner:
    """The words of a text as tokens, how often each pair occurs, and in which words."""

    def __init__(self, words: Counter[bytes]) -> None:
        self.words = [list(word) for word in words]
        self.times = list(words.values())
        self.counts: Counter[Pair] = Counter()
        self.places: defaultdict[Pair, set[int]] = defaultdict(set)
        for index in range(len(self.words)):
            self._count(index)
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapq.heapify(self.heap)

    def learn(self, room: int) -> list[Pair]:
        merges: list[Pair] = []
        while len(merges) < room and self.heap:
            count, pair = heapq.heappop(self.heap)
            if -count != self.counts[pair]:
                continue  # an old entry: the pair's count has changed since
            if -count < 2:
                break
            self._merge(pair, 256 + len(merges))
            merges.append(pair)
        return merges

    def _merge(self, pair: Pair, token: int) -> None:
        changed: set[Pair] = set()
        for index in self.places[pair].copy():
            changed |= self._count(index, -1)
            self.words[index] = _join(self.words[index], pair, token)
            changed |= self._count(index)
        for other in changed:
            if self.counts[other] > 0:
                heapq.heappush(self.heap, (-self.counts[other], other))

    def _count(self, index: int, sign: int = 1) -> set[Pair]:
        """Add or take away the pairs of one word, and return them."""
        pairs = list(pairwise(self.words[index]))
        for pair in pairs:
            self.counts[pair] += sign * self.times[index]
            (self.places[pair].add if sign > 0 else self.places[pair].discard)(index)
        return set(pairs)
