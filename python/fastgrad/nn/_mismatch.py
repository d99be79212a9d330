"""What to say when a state dict does not fit a model."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

_MOST_ROWS = 30


class Mismatch:
    """How a state dict differs from what a model has; collects the differences.

    Args:
        expected: for each name of the model's state dict the shape there.
        given: the state dict.
    """

    def __init__(self, expected: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        self.expected = expected
        self.given = given
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.wrong: dict[str, str] = {}  # sentences about values, by name
        self.others: list[str] = []  # what hooks have to say

    def lines(self) -> Iterator[str]:
        """Sentences in PyTorch's words."""
        yield from self.others
        if self.missing:
            yield f"Missing key(s) in state_dict: {_quoted(self.missing)}."
        if self.unexpected:
            yield f"Unexpected key(s) in state_dict: {_quoted(self.unexpected)}."
        yield from self.wrong.values()

    def table(self) -> list[str]:
        """One line for each name: what is wrong, the shapes, and the nearest name opposite."""
        rows = [("name", "problem", "model", "state_dict", "nearest name")]
        for name in self.missing:
            nearest = _nearest(name, self.unexpected)
            rows.append((name, "missing", _shape(self.expected.get(name)), "-", nearest))
        for name in self.unexpected:
            nearest = _nearest(name, self.missing) or _nearest(name, self.expected)
            rows.append((name, "unexpected", "-", _shape(self.given.get(name)), nearest))
        for name in self.wrong:
            shapes = _shape(self.expected[name]), _shape(self.given[name])
            rows.append((name, "wrong shape" if shapes[1][:1] == "(" else "no tensor", *shapes, ""))
        shown = rows[: _MOST_ROWS + 1]
        more = [f"... and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else []
        return [*_aligned(shown), *more]


def report(header: str, mismatch: Mismatch) -> str:
    """The whole message: PyTorch's sentences, then the table."""
    lines = list(mismatch.lines())
    if mismatch.missing or mismatch.unexpected or mismatch.wrong:
        lines += ["", *mismatch.table()]
    return "\n\t".join([header, *lines])


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _shape(value: Any) -> str:
    """The shape of a tensor, or what else a value is."""
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else str(tuple(shape))


def _nearest(name: str, others: Iterable[str]) -> str:
    """The most similar of other names, or nothing where none is similar."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(others), n=1, cutoff=0.6)), "")


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
