"""Makes the notebooks of examples/lessons/ from the lessons, which are scripts in percent format.

python examples/notebooks.py
"""

import json
from pathlib import Path

LESSONS = Path(__file__).parent / "lessons"
CODE, TEXT = "# %%", "# %% [markdown]"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def lessons() -> list[Path]:
    """Return the scripts that are lessons, by name."""
    return sorted(path for path in LESSONS.glob("*.py") if path.stem != "lesson")


def cells(script: str) -> list[tuple[str, list[str]]]:
    """Return the cells of a script: ``markdown`` or ``code``, and the lines.

    Raises:
        ValueError: the script does not begin with a cell, or a line of text is no comment.
    """
    found: list[tuple[str, list[str]]] = []
    for number, line in enumerate(script.splitlines(), start=1):
        if line in (CODE, TEXT):
            found.append(("code" if line == CODE else "markdown", []))
        elif not found:
            raise ValueError(f"line {number}: expected {TEXT!r} first, got {line!r}")
        elif found[-1][0] == "code":
            found[-1][1].append(line)
        elif line and not line.startswith("#"):
            raise ValueError(f"line {number}: text has to be a comment, got {line!r}")
        else:
            found[-1][1].append(line.removeprefix("#").removeprefix(" "))
    return [(kind, _without_blank_ends(lines)) for kind, lines in found]


def _without_blank_ends(lines: list[str]) -> list[str]:
    return "\n".join(lines).strip("\n").split("\n")


def notebook(path: Path) -> str:
    """Return the notebook of a lesson, without outputs, as the text of its file."""
    made = []
    for number, (kind, lines) in enumerate(cells(path.read_text(encoding="utf-8")), start=1):
        source = "\n".join(lines).splitlines(keepends=True)
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source}
        made.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    document = {"cells": made, "metadata": {"kernelspec": KERNEL}, "nbformat": 4}
    text = json.dumps(document | {"nbformat_minor": 5}, indent=1, ensure_ascii=False)
    return text + "\n"


def main() -> None:
    """Write each lesson's notebook beside it."""
    for path in lessons():
        path.with_suffix(".ipynb").write_text(notebook(path), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
