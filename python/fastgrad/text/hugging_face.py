"""Tokenizers of Hugging Face, read from their files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from fastgrad import Tensor
from fastgrad.io.atomic import PathLike


class HuggingFaceTokenizer:
    """A tokenizer from a ``tokenizer.json`` of Hugging Face, run by their package ``tokenizers``.

    Args:
        tokenizer: A ``tokenizers.Tokenizer``; see :meth:`load`.

    >>> import tokenizers
    >>> from fastgrad.text import HuggingFaceTokenizer
    >>> model = tokenizers.models.WordLevel({"[UNK]": 0, "time": 1}, unk_token="[UNK]")
    >>> tokenizers.Tokenizer(model).save("tokenizer.json")
    >>> HuggingFaceTokenizer.load("tokenizer.json").encode("time")
    [1]
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, path: PathLike) -> HuggingFaceTokenizer:
        """Read a ``tokenizer.json``.

        Raises:
            ImportError: The package ``tokenizers`` is not installed; the message names the extra.
            FileNotFoundError: There is no such file.
            ValueError: The file is damaged, or holds something else.
        """
        try:
            import tokenizers
        except ImportError as error:
            raise ImportError(
                "reading tokenizer.json needs the package tokenizers: pip install 'fastgrad[text]'"
            ) from error
        with open(path, "rb") as file:
            data = file.read()
        try:
            return cls(tokenizers.Tokenizer.from_str(data.decode()))
        except Exception as error:  # the package raises no more specific type
            raise ValueError(f"{os.fspath(path)} is no tokenizer.json ({error})") from error

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        """Return the tokens of a text.

        Args:
            text: The text.
            add_special_tokens: Whether to add those that the file puts around a text.
        """
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=add_special_tokens).ids
        return ids

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """Return the text of tokens.

        Args:
            ids: Numbers of tokens.
            skip_special_tokens: Whether to leave out special tokens.

        Raises:
            IndexError: A number is out of range.
        """
        numbers = ids.tolist() if isinstance(ids, Tensor) else list(ids)
        for number in numbers:
            if number < 0 or self.tokenizer.id_to_token(number) is None:
                raise IndexError(f"HuggingFaceTokenizer: no token has the number {number}")
        text: str = self.tokenizer.decode(numbers, skip_special_tokens=skip_special_tokens)
        return text

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())
