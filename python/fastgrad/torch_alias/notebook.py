"""Notebooks: their code cells as Python, with what only IPython understands taken out."""

from __future__ import annotations

import ast
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TIMED = re.compile(r"(\s*)%{1,2}time\b\s*(.*)")  # the statement is run, and not timed
_SPECIAL = re.compile(r"\s*[%!?]|.*\?\s*$|.*=\s*[%!]")


class NotebookError(ValueError):
    """A file is no notebook of Python."""


@dataclass(frozen=True)
class Cell:
    """A code cell: its number among the code cells, its text, and what was left out."""

    number: int
    source: str
    skipped: tuple[str, ...] = ()


def read_notebook(path: Path) -> list[Cell]:
    """The code cells of a notebook, in order.

    Raises:
        NotebookError: the file is no JSON, no notebook, or not one of Python.
        OSError: the file cannot be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NotebookError(f"{path} is not a notebook: {error}") from None
    sources = [_source(cell, path) for cell in _cells(document, path)]
    return [_cleaned(number, source) for number, source in enumerate(sources, start=1)]


def _cells(document: Any, path: Path) -> list[Any]:
    try:
        language = document.get("metadata", {}).get("kernelspec", {}).get("language", "python")
        sheets = document.get("worksheets", [document])  # version 3 has sheets of cells
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
    except (AttributeError, KeyError, TypeError):
        raise NotebookError(f"{path} is not a notebook: it has no cells") from None
    if language != "python":
        raise NotebookError(f"{path} is a notebook of {language}; only Python can be run")
    return code


def _source(cell: Any, path: Path) -> str:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    if isinstance(source, str):
        return source
    raise NotebookError(f"{path} is not a notebook: a cell's source is no text")


def _cleaned(number: int, source: str) -> Cell:
    """Take out what Python cannot parse and IPython can: the lines keep their numbers."""
    lines = source.splitlines()
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].startswith("%%"):
        if not _TIMED.match(lines[first]) and not lines[first].startswith("%%capture"):
            return Cell(number, "", (lines[first],))
        lines[first] = ""
    skipped = []
    while (at := _refused_line(lines)) is not None:
        timed = _TIMED.fullmatch(lines[at])
        if timed:
            lines[at] = "".join(timed.groups())
            continue
        skipped.append(lines[at].strip())
        lines[at] = re.match(r"\s*", lines[at])[0] + "pass"  # type: ignore[index]
    return Cell(number, "\n".join(lines), tuple(skipped))


def _refused_line(lines: list[str]) -> int | None:
    """The index of the line that Python refuses, if it is one of IPython's."""
    try:
        ast.parse("\n".join(lines))
    except SyntaxError as error:
        at = (error.lineno or 1) - 1
        return at if at < len(lines) and _SPECIAL.match(lines[at]) else None
    return None


def warn_of_skipped(cell: Cell) -> None:
    """Say on standard error which lines of a cell are not run, but for ``%matplotlib``."""
    for line in cell.skipped:
        if not line.startswith(("%matplotlib", "%config", "%load_ext", "%autoreload")):
            print(f"fastgrad: cell {cell.number}: skipped {line}", file=sys.stderr)
