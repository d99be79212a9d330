"""A run of the benchmark, from what was asked to what is printed and written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from . import cuda, distributed, footprint, report
from .backends import chosen_rivals, other_isas
from .driver import Plan, Result, measure
from .row import Goal, Row
from .sections import SECTIONS, chosen_rows

PARITY = Goal(1.1)
WHY_ABSENT = {"cuda": cuda.why_absent}  # sections that not every machine can run
MEASURES = {"footprint": footprint.measure, "distributed": distributed.measure}
PICTURES = (".png", ".svg", ".pdf")


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
    if request.section not in (*SECTIONS, "all"):
        names = ", ".join(SECTIONS)
        raise BenchError(f"unknown section {request.section!r}: choose from {names}, all")
    sections = list(SECTIONS) if request.section == "all" else [request.section]
    rows = [row for section in sections for row in chosen_rows(section, request.rows)]
    if not rows:
        patterns = " or ".join(repr(pattern) for pattern in request.rows or ())
        raise BenchError(f"no row of {request.section} fits {patterns}; --list shows the rows")
    return [held_to_parity(row) for row in rows] if request.isa else rows


def held_to_parity(row: Row) -> Row:
    """Kernels of a lesser instruction set have one goal: to keep up with PyTorch's of the same."""
    return replace(row, goal=PARITY if row.section == "kernels" else Goal())


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


def check_picture(request: Request) -> None:
    """An error now where the picture cannot be drawn."""
    if request.picture is None:
        return
    if find_spec("matplotlib") is None:
        raise BenchError(
            "--picture needs matplotlib, which an extra brings: pip install 'fastgrad[train]'"
        )
    if request.picture.suffix not in PICTURES:
        raise BenchError(f"--picture writes {', '.join(PICTURES)}, not {request.picture.name}")


def run(request: Request) -> list[Result]:
    """Measure what was asked for; print the tables and write the files."""
    rows = rows_of(request)
    for path in (request.json, request.markdown, request.picture):
        check_writable(path)
    check_picture(request)
    plan = plan_of(request)
    print(report.machine_line(plan), flush=True)
    tables: list[tuple[Plan, list[Result]]] = []
    try:
        for section in dict.fromkeys(row.section for row in rows):
            why = WHY_ABSENT.get(section, lambda: None)()
            if why is not None:
                print(f"\n{section}: skipped: {why}", flush=True)
                continue
            of_section = plan_for(section, plan)
            chosen = [row for row in rows if row.section == section]
            tables.append((of_section, print_table(section, chosen, of_section)))
    finally:  # a section that fails, or is interrupted, takes nothing from those before it
        if tables:
            write_files(request, tables, plan)
    return [result for _, results in tables for result in results]


def plan_of(request: Request) -> Plan:
    """How to measure what was asked for."""
    return Plan(
        rivals=chosen_rivals(request.rivals, request.isa),
        isa=request.isa,
        threads=request.threads,
        rounds=request.rounds or (3 if request.quick else 7),
        seconds=0.01 if request.quick else 0.05,
    )


def print_table(section: str, rows: Sequence[Row], plan: Plan) -> list[Result]:
    """Measure a section's rows and print each line as it comes."""
    table = report.Table(plan)
    print(f"\n{section}\n{table.line(table.heading())}")

    def show(result: Result) -> None:
        print(table.line(table.cells(result)), *table.notes(result), sep="\n", flush=True)

    return MEASURES.get(section, measure)(rows, plan, show)


def plan_for(section: str, plan: Plan) -> Plan:
    """The plan of a section: which rivals it has; the limits' are other instruction sets."""
    if section == "limits":
        return replace(plan, rivals=[] if plan.isa else other_isas())
    if section == "distributed":
        return replace(plan, rivals=[])
    if section == "cuda":
        return replace(plan, rivals=[r for r in plan.rivals if r.name == "torch"])
    return plan


def write_files(request: Request, tables: report.Tables, plan: Plan) -> None:
    """The files that were asked for."""
    if request.json is not None:
        request.json.write_text(report.as_json(tables, plan), encoding="utf-8")
    if request.markdown is not None:
        request.markdown.write_text(report.markdown(tables, plan), encoding="utf-8")
    if request.picture is not None:
        from .picture import draw

        results = [result for _, results in tables for result in results]
        draw(results, report.machine_line(plan), request.picture)
