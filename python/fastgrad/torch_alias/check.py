"""Reading scripts and notebooks, and saying what of them is in fastgrad."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastgrad.torch_alias.judge import ABSENT, DIFFERS, SAME, Verdict, has_methods, judge
from fastgrad.torch_alias.notebook import NotebookError, read_notebook
from fastgrad.torch_alias.uses import Reader, Use, is_ambiguous

_PASSED_OVER = ("__pycache__", "node_modules", "site-packages")
_HERE = {SAME: "yes", DIFFERS: "differs", ABSENT: "absent"}


@dataclass
class Checked:
    """A file: its verdicts with the places of use, or why it could not be read."""

    path: str
    verdicts: dict[Verdict, list[str]] = field(default_factory=dict)
    error: str = ""

    @property
    def absent(self) -> list[Verdict]:
        """What it uses and fastgrad lacks."""
        return [verdict for verdict in self.verdicts if verdict.status == ABSENT]


@dataclass
class Report:
    """What was found in all files."""

    files: list[Checked]

    @property
    def verdicts(self) -> dict[Verdict, list[str]]:
        """All verdicts with all places, the absent first."""
        places: dict[Verdict, list[str]] = {}
        for checked in self.files:
            for verdict, found in checked.verdicts.items():
                places.setdefault(verdict, []).extend(f"{checked.path}:{at}" for at in found)
        order = (ABSENT, DIFFERS, SAME)
        return dict(sorted(places.items(), key=lambda p: (order.index(p[0].status), p[0].name)))

    @property
    def score(self) -> float | None:
        """The share of the names that are present; None without names."""
        statuses = [verdict.status for verdict in self.verdicts]
        return 1 - statuses.count(ABSENT) / len(statuses) if statuses else None

    @property
    def complete(self) -> bool:
        """Whether every file was read and uses only what is present."""
        return not any(checked.absent or checked.error for checked in self.files)

    def as_json(self) -> dict[str, Any]:
        """The report for other programs."""
        names = [
            {"name": v.name, "status": v.status, "note": v.note, "uses": places}
            for v, places in self.verdicts.items()
        ]
        files = [
            {
                "path": checked.path,
                "names": len(checked.verdicts),
                "absent": [verdict.name for verdict in checked.absent],
                "error": checked.error or None,
            }
            for checked in self.files
        ]
        return {"score": self.score, "complete": self.complete, "names": names, "files": files}

    def as_text(self) -> str:
        """The report as a table and a summary."""
        rows = [("name", "uses", "here", "")]
        for verdict, places in self.verdicts.items():
            at = f"first at {places[0]}" if verdict.status == ABSENT else ""
            note = "; ".join(filter(None, (verdict.note, at)))
            rows.append((verdict.name, str(len(places)), _HERE[verdict.status], note))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [
            f"{name:<{widths[0]}}  {uses:>{widths[1]}}  {here:<{widths[2]}}  {note}".rstrip()
            for name, uses, here, note in rows
        ]
        table = [*lines, ""] if len(rows) > 1 else []
        return "\n".join([*table, *self._summary()])

    def _summary(self) -> Iterator[str]:
        for checked in self.files:
            if checked.error:
                yield f"cannot read {checked.path}: {checked.error}"
        using = [checked for checked in self.files if checked.verdicts]
        if self.score is None:
            yield f"{len(self.files)} files, none of which uses PyTorch"
            return
        names = self.verdicts
        absent = sum(verdict.status == ABSENT for verdict in names)
        whole = sum(not checked.absent for checked in using)
        yield (
            f"{len(names) - absent} of {len(names)} names are here ({100 * self.score:.1f} %); "
            f"{whole} of {len(using)} files that use PyTorch use only what is here"
        )


def check(paths: Sequence[str | os.PathLike[str]]) -> Report:
    """Read scripts (.py) and notebooks (.ipynb), in folders too, and judge the names they use.

    Nothing of them is run.

    Args:
        paths: files and folders; hidden folders and virtual environments are passed over.

    Raises:
        FileNotFoundError: there is no such file or folder.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastgrad.torch_alias import check
    >>> script = Path(tempfile.mkdtemp()) / "net.py"
    >>> _ = script.write_text("import torch.nn as nn; net = nn.Linear(2, 1); nn.Lineaer(2, 1)")
    >>> for verdict in check([script]).verdicts:
    ...     print(verdict.name, verdict.status, verdict.note)
    torch.nn.Lineaer absent nearest: torch.nn.Linear
    torch.nn same
    torch.nn.Linear same
    """
    return Report([_checked(file) for path in paths for file in _programs(Path(path))])


def _programs(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(2, "No such file or directory", str(path))
        yield path
        return
    for folder, folders, names in os.walk(path):
        inside = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _PASSED_OVER
            and not (inside / name / "pyvenv.cfg").exists()
        )
        yield from (inside / n for n in sorted(names) if n.endswith((".py", ".ipynb")))


def _checked(path: Path) -> Checked:
    checked = Checked(str(path))
    reader = Reader()
    try:
        for prefix, tree in _trees(path):
            before = len(reader.uses)
            reader.visit(tree)
            for use in reader.uses[before:]:
                _note(checked, use, f"{prefix}{use.line}")
    except (OSError, NotebookError, SyntaxError, ValueError, RecursionError) as error:
        checked.error = f"{type(error).__name__}: {error}"
    _forget_own(checked, reader.defined)
    return checked


def _trees(path: Path) -> Iterator[tuple[str, ast.Module]]:
    if path.suffix == ".ipynb":
        for cell in read_notebook(path):
            yield f"cell {cell.number}:", ast.parse(cell.source, f"cell {cell.number}")
    else:
        yield "", ast.parse(path.read_bytes(), str(path))


def _note(checked: Checked, use: Use, place: str) -> None:
    for verdict in judge(use.name, use.keywords):
        checked.verdicts.setdefault(verdict, []).append(place)


def _forget_own(checked: Checked, defined: set[str]) -> None:
    """Drop absent methods that the program defines, or that may be those of a list or a string."""
    for verdict in checked.absent:
        owner, _, method = verdict.name.rpartition(".")
        if has_methods(owner) and (method in defined or is_ambiguous(method)):
            del checked.verdicts[verdict]
