"""The numbers of tokens."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import Any, overload

from fastgrad import Tensor
from fastgrad.io.atomic import PathLike, write_text

_FORMAT = "fastgrad.text.Vocab"


class Vocab:
    """A list of tokens: each has a number, and one stands for all that are not in the list.

    The unknown token comes first, then the reserved ones, then the others: frequent ones
    before rare ones, and equally frequent ones in alphabetical order.

    Args:
        tokens: Tokens of a corpus, or lists of them (lines); each as often as it occurs.
        min_freq: Tokens that occur less often are left out.
        reserved_tokens: Tokens that are always there, such as ``"<pad>"``.
        unk_token: What stands for tokens that are not in the list; None for a vocabulary
            that refuses them.
        max_tokens: At most this many tokens, with the unknown and reserved ones.

    Attributes:
        idx_to_token: The tokens in order.
        token_to_idx: Token -> number.
        unk_token: The token for unknown ones, or None.

    Raises:
        TypeError: A token is no text.
        ValueError: A reserved token is given twice, ``min_freq`` or ``max_tokens`` is too small.

    Follows ``d2l.Vocab``.

    >>> from fastgrad.text import Vocab
    >>> vocab = Vocab("to be or not to be".split(), reserved_tokens=["<pad>"])
    >>> vocab.idx_to_token
    ['<unk>', '<pad>', 'be', 'to', 'not', 'or']
    >>> vocab["be"], vocab[["to", "see"]], vocab.to_tokens([3, 1])
    (2, [3, 0], ['to', '<pad>'])
    """

    def __init__(
        self,
        tokens: Iterable[str] | Iterable[Iterable[str]] = (),
        min_freq: int = 1,
        reserved_tokens: Iterable[str] = (),
        unk_token: str | None = "<unk>",
        max_tokens: int | None = None,
    ) -> None:
        special = [*([] if unk_token is None else [unk_token]), *reserved_tokens]
        if min_freq < 0:
            raise ValueError(f"Vocab: min_freq must not be negative, got {min_freq}")
        if max_tokens is not None and max_tokens < max(len(special), 1):
            raise ValueError(
                f"Vocab: max_tokens must have room for {len(special)} unknown and reserved tokens "
                f"and be at least 1, got {max_tokens}"
            )
        counts: Counter[str] = Counter()
        _count(tokens, counts)
        known = set(special)
        by_frequency = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        kept = [t for t, count in by_frequency if count >= min_freq and t not in known]
        self._fill([*special, *kept][:max_tokens], unk_token)
        self._counts = counts

    def _fill(self, tokens: list[str], unk_token: str | None) -> None:
        self.idx_to_token = tokens
        self.token_to_idx = {token: index for index, token in enumerate(tokens)}
        self.unk_token = unk_token
        if len(self.token_to_idx) < len(tokens):
            twice = next(token for token, n in Counter(tokens).items() if n > 1)
            raise ValueError(f"Vocab: the token {twice!r} is given twice")

    @property
    def token_freqs(self) -> list[tuple[str, int]]:
        """The tokens of the corpus and how often each occurred, from the most frequent one.

        Empty for a vocabulary that was loaded.
        """
        return sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))

    @property
    def unk(self) -> int:
        """The number of the unknown token.

        Raises:
            KeyError: This vocabulary has none.
        """
        if self.unk_token is None:
            raise KeyError("this vocabulary has no unknown token: Vocab(..., unk_token='<unk>')")
        return self.token_to_idx[self.unk_token]

    def __len__(self) -> int:
        return len(self.idx_to_token)

    def __contains__(self, token: object) -> bool:
        return token in self.token_to_idx

    def __iter__(self) -> Iterator[str]:
        return iter(self.idx_to_token)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocab):
            return NotImplemented
        same = self.idx_to_token == other.idx_to_token
        return same and self.unk_token == other.unk_token

    __hash__ = None  # type: ignore[assignment]  # as for every object that compares its content

    @overload
    def __getitem__(self, tokens: str) -> int: ...
    @overload
    def __getitem__(self, tokens: list[str] | tuple[str, ...]) -> list[int]: ...
    @overload
    def __getitem__(self, tokens: list[list[str]]) -> list[list[int]]: ...

    def __getitem__(self, tokens: Any) -> Any:
        """Return the number of a token, or the numbers of a list (of lists) of them.

        Raises:
            KeyError: A token is not in the vocabulary, which has none for unknown ones.
        """
        if isinstance(tokens, list | tuple):
            known = self.token_to_idx
            return [
                known[token] if isinstance(token, str) and token in known else self[token]
                for token in tokens
            ]
        index = self.token_to_idx.get(tokens)
        if index is not None:
            return index
        if not isinstance(tokens, str):
            raise TypeError(
                f"Vocab: expected a token (str) or a list of them, got {type(tokens).__name__}; "
                "numbers become tokens with to_tokens"
            )
        if self.unk_token is None:
            raise KeyError(
                f"the token {tokens!r} is not among the {len(self)} of this vocabulary, which has "
                "no token for unknown ones"
            )
        return self.unk

    @overload
    def to_tokens(self, indices: int) -> str: ...
    @overload
    def to_tokens(self, indices: Iterable[int]) -> list[str]: ...

    def to_tokens(self, indices: Any) -> Any:
        """Return the token of a number, or the tokens of a list or int64 tensor of numbers.

        Raises:
            IndexError: A number is negative or too large.
        """
        if isinstance(indices, Tensor):
            indices = indices.tolist()
        if not isinstance(indices, Integral):  # of Python or NumPy
            return [self.to_tokens(each) for each in indices]
        index = int(indices)
        if not 0 <= index < len(self):
            raise IndexError(
                f"Vocab: expected a number of a token from 0 to {len(self) - 1}, got {index}"
            )
        return self.idx_to_token[index]

    def save(self, path: PathLike) -> None:
        """Write the tokens to a JSON file, whole or not at all."""
        content = {"format": _FORMAT, "unk_token": self.unk_token, "tokens": self.idx_to_token}
        write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: PathLike) -> Vocab:
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is damaged, or holds something else.
        """
        content = read_json(path, _FORMAT)
        tokens, unk_token = content.get("tokens"), content.get("unk_token")
        is_list = isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)
        if tokens is None or not is_list or unk_token not in (None, *tokens):
            raise ValueError(f"{os.fspath(path)}: damaged vocabulary: its tokens are not whole")
        vocab = cls()
        try:
            vocab._fill(tokens, unk_token)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: damaged vocabulary: {error}") from error
        return vocab


def read_json(path: PathLike, format: str) -> dict[str, Any]:
    """Return the content of a JSON file of this package, after a look at what it claims to be."""
    name = os.fspath(path)
    with open(path, "rb") as file:
        data = file.read()
    try:
        content = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no whole JSON file ({error})") from error
    found = content.get("format") if isinstance(content, dict) else type(content).__name__
    if found != format:
        raise ValueError(f"{name}: expected a file of {format}, but it holds {found!r}")
    checked: dict[str, Any] = content
    return checked


def _count(tokens: Iterable[Any], counts: Counter[str]) -> None:
    for token in tokens:
        if isinstance(token, str):
            counts[token] += 1
        elif isinstance(token, Iterable):
            _count(token, counts)
        else:
            raise TypeError(f"Vocab: expected tokens (str), got {type(token).__name__}")
