"""Text to numbers and back: one form for all tokenizers, and the simple ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from fastgrad.io.atomic import PathLike
from fastgrad.text.vocabulary import Vocab

_WORDS = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


class Tokenizer(Protocol):
    """What turns text into numbers of tokens and back: the form of this package's tokenizers."""

    def encode(self, text: str) -> list[int]:
        """Return the numbers of the text's tokens."""

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of tokens."""

    def __len__(self) -> int:
        """Return the number of different tokens."""


class CharTokenizer:
    """One token per character; what is encoded decodes to the same text.

    Args:
        vocab: The characters; see :meth:`train`.

    >>> from fastgrad.text import CharTokenizer
    >>> tokenizer = CharTokenizer.train("hello")
    >>> tokenizer.encode("hole"), tokenizer.decode([1, 0, 2])
    ([1, 3, 2, 0], 'hel')
    """

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    @classmethod
    def train(cls, text: str) -> CharTokenizer:
        """Number the characters of a text in alphabetical order; others will be refused.

        Raises:
            ValueError: The text is empty.
        """
        if not text:
            raise ValueError("CharTokenizer: expected text to take characters from, got none")
        return cls(Vocab(sorted(set(text)), unk_token=None))

    def encode(self, text: str) -> list[int]:
        """Return the number of each character.

        Raises:
            KeyError: A character is unknown, and the vocabulary has no token for those.
            TypeError: It is no text.
        """
        return self.vocab[list(checked_text("CharTokenizer", text))]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the characters as text.

        Raises:
            IndexError: A number is out of range.
            TypeError: They are no integers.
            ValueError: They are of several texts.
        """
        return "".join(_tokens_of_one("CharTokenizer", self.vocab, ids))

    def __len__(self) -> int:
        return len(self.vocab)

    def save(self, path: PathLike) -> None:
        """Write the vocabulary to a JSON file."""
        self.vocab.save(path)

    @classmethod
    def load(cls, path: PathLike) -> CharTokenizer:
        """Read what :meth:`save` wrote."""
        return cls(Vocab.load(path))


class WordTokenizer:
    """One token per word or mark of punctuation, in small letters; others are unknown.

    Decoding puts spaces between words and none before marks, so the text is near the original.

    Args:
        vocab: The words; see :meth:`train`.

    >>> from fastgrad.text import WordTokenizer
    >>> tokenizer = WordTokenizer.train("You can't be serious, can you?")
    >>> tokenizer.split("Can't you?")
    ["can't", 'you', '?']
    >>> tokenizer.decode(tokenizer.encode("Can you be you?"))
    'can you be you?'
    """

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    @classmethod
    def train(
        cls,
        text: str,
        min_freq: int = 1,
        reserved_tokens: Iterable[str] = (),
        max_tokens: int | None = None,
    ) -> WordTokenizer:
        """Number the words of a text; the options are those of :class:`Vocab`.

        Raises:
            ValueError: The text has no words.
        """
        words = cls.split(text)
        if not words:
            raise ValueError("WordTokenizer: expected text to take words from, got none")
        return cls(Vocab(words, min_freq, reserved_tokens, max_tokens=max_tokens))

    @staticmethod
    def split(text: str) -> list[str]:
        """Return the words and marks of a text, in small letters."""
        return _WORDS.findall(checked_text("WordTokenizer", text).lower())

    def encode(self, text: str) -> list[int]:
        """Return the number of each word and mark."""
        return self.vocab[self.split(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the words as text.

        Raises:
            IndexError: A number is out of range.
            TypeError: They are no integers.
            ValueError: They are of several texts.
        """
        words = _tokens_of_one("WordTokenizer", self.vocab, ids)
        return re.sub(r" ([.,;:!?)\]])(?= |$)", r"\1", " ".join(words))

    def __len__(self) -> int:
        return len(self.vocab)

    def save(self, path: PathLike) -> None:
        """Write the vocabulary to a JSON file."""
        self.vocab.save(path)

    @classmethod
    def load(cls, path: PathLike) -> WordTokenizer:
        """Read what :meth:`save` wrote."""
        return cls(Vocab.load(path))


def checked_text(tokenizer: str, text: object) -> str:
    """Return text, or raise the TypeError that says what it is instead."""
    if not isinstance(text, str):
        raise TypeError(f"{tokenizer}: expected text (str), got {type(text).__name__}")
    return text


def _tokens_of_one(tokenizer: str, vocab: Vocab, ids: Iterable[int]) -> list[str]:
    tokens = vocab.to_tokens(ids)
    if not all(isinstance(token, str) for token in tokens):
        raise ValueError(
            f"{tokenizer}: expected the tokens of one text, got those of several: decode one row "
            "after the other"
        )
    return [tokens] if isinstance(tokens, str) else tokens
