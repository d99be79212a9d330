"""A run of the benchmark, from what was asked to what is printed and written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import report
from .backends import chosen_rivals
from .driver import Plan, Result, measure
from .row import Row
from .sections import SECTIONS, chosen_rows


class BenchError(ValueError):
    """What was asked for cannot be run."""


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    section: str = "all"
    rows: list[str] | None = None
    rivals: list[str] | None = None
    isa: str | None = None
    threads: int | None = None
    rounds: int | None = None
    quick: bool = False
    json: Path | None = None
    markdown: Path | None = None
    picture: Path | None = None


def rows_of(request: Request) -> list[Row]:
    """The rows that were asked for."""
    sections = list(SECTIONS) if request.section == "all" else [request.section]
    rows = [row for section in sections for row in chosen_rows(section, request.rows)]
    if not rows:
        patterns = " or ".join(repr(pattern) for pattern in request.rows or ())
        raise BenchError(f"no row of {request.section} fits {patterns}; --list shows the rows")
    return rows


def check_writable(path: Path | None) -> None:
    """An error now rather than after minutes of measuring."""
    if path is None:
        return
    if path.is_dir():
        raise BenchError(f"{path} is a folder; name a file")
    place = path if path.exists() else path.absolute().parent
    if not place.exists():
        raise BenchError(f"there is no folder {place} to write {path.name} to")
    if not os.access(place, os.W_OK):
        raise BenchError(f"{path} cannot be written")


def run(request: Request) -> list[Result]:
    """Measure what was asked for; print the tables and write the files."""
    rows = rows_of(request)
    for path in (request.json, request.markdown, request.picture):
        check_writable(path)
    quick = request.quick
    plan = Plan(
        rivals=chosen_rivals(request.rivals, request.isa),
        isa=request.isa,
        threads=request.threads,
        rounds=request.rounds or (3 if quick else 7),
        seconds=0.01 if quick else 0.05,
    )
    results = print_tables(rows, plan)
    write_files(request, results, plan)
    return results


def print_tables(rows: Sequence[Row], plan: Plan) -> list[Result]:
    """Measure and print each line as it comes."""
    table = report.Table(plan)
    print(report.machine_line(plan), flush=True)
    section = ""

    def show(result: Result) -> None:
        nonlocal section
        if result.row.section != section:
            section = result.row.section
            print(f"\n{section}\n{table.line(table.heading())}")
        print(table.line(table.cells(result)), *table.notes(result), sep="\n", flush=True)

    return measure(rows, plan, show)


def write_files(request: Request, results: Sequence[Result], plan: Plan) -> None:
    """The files that were asked for."""
    if request.json is not None:
        request.json.write_text(report.as_json(results, plan), encoding="utf-8")
    if request.markdown is not None:
        request.markdown.write_text(report.markdown(results, plan), encoding="utf-8")
