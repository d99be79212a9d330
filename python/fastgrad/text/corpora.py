"""Reading text: whole files, books of Project Gutenberg, and simple tokens."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Literal

from fastgrad.io.atomic import PathLike

_GUTENBERG = re.compile(
    r"^\*\*\* ?START OF (?:THIS|THE) PROJECT GUTENBERG.*?\*\*\*$(.*?)"
    r"^(?:END OF (?:THE )?PROJECT GUTENBERG|\*\*\* ?END OF (?:THIS|THE) PROJECT GUTENBERG)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


def read_text(path: PathLike, encoding: str = "utf-8") -> str:
    """Return the text of a file, with every end of line as ``"\\n"``.

    Args:
        path: The file to read. A byte order mark at its beginning is left out.
        encoding: How its characters are written as bytes.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty, or a byte of it is no character in this encoding.

    >>> import pathlib
    >>> from fastgrad.text import read_text
    >>> _ = pathlib.Path("note.txt").write_bytes(b"one\\r\\ntwo")
    >>> read_text("note.txt")
    'one\\ntwo'
    """
    with open(path, "rb") as file:
        data = file.read()
    name = os.fspath(path)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        likely = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "latin-1"
        raise ValueError(
            f"{name}: byte 0x{data[error.start]:02x} in line {line} (offset {error.start}) is no "
            f"{encoding} text: pass the encoding that the file was written in, such as {likely!r}"
        ) from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise ValueError(f"{name} is empty: it has no text to read")
    return text


def strip_gutenberg(text: str) -> str:
    """Return a book of Project Gutenberg without the licence before and after it.

    Text without the lines ``*** START OF ...`` and ``*** END OF ...`` is returned as it is.

    >>> from fastgrad.text import strip_gutenberg
    >>> strip_gutenberg(
    ...     "Licence\\n*** START OF THIS PROJECT GUTENBERG EBOOK X ***\\nBook\\n"
    ...     "*** END OF THIS PROJECT GUTENBERG EBOOK X ***"
    ... )
    'Book'
    """
    found = _GUTENBERG.search(text)
    return found[1].strip("\n") if found else text


def letters_only(text: str) -> str:
    """Return text in small letters, with one space for whatever is no letter from a to z.

    That is how *Dive into Deep Learning* reads The Time Machine.

    >>> from fastgrad.text import letters_only
    >>> letters_only("The Time Machine, by H. G. Wells [1898]")
    'the time machine by h g wells '
    """
    return re.sub("[^a-z]+", " ", text.lower())


def tokenize(lines: Iterable[str], token: Literal["word", "char"] = "word") -> list[list[str]]:
    """Split lines of text into words (at spaces) or characters.

    Raises:
        ValueError: ``token`` is neither ``"word"`` nor ``"char"``.

    Source: Dive into Deep Learning, https://d2l.ai (``d2l.tokenize``).

    >>> from fastgrad.text import tokenize
    >>> tokenize(["to be", "or"]), tokenize(["or"], "char")
    ([['to', 'be'], ['or']], [['o', 'r']])
    """
    if isinstance(lines, str):
        raise TypeError("tokenize: expected lines, got one string: pass text.splitlines()")
    if token == "word":
        return [line.split() for line in lines]
    if token == "char":
        return [list(line) for line in lines]
    raise ValueError(f"tokenize: token must be 'word' or 'char', got {token!r}")
