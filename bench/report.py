"""Results as lines of a table, as Markdown and as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .backends import processor_text
from .driver import Plan, Result

NAME_WIDTH = 36
BUSY = 0.1  # a processor's share used by other programs from which times are doubtful


def seconds_text(seconds: float | None) -> str:
    """A time with the unit that suits it."""
    if seconds is None:
        return "-"
    for factor, unit in ((1e6, "us"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def rate_text(result: Result) -> str:
    """fastgrad's rate with its unit."""
    return "-" if result.rate is None else f"{result.rate:.3g} {result.row.unit}"


def met(result: Result) -> str:
    """Whether the goal is met: yes, no, partly, or not known."""
    goal = result.row.goal
    found = []
    if goal.ratio is not None:
        found.append(None if result.ratio is None else result.ratio <= goal.ratio)
    if goal.rate is not None:
        found.append(None if result.rate is None else result.rate >= goal.rate)
    if goal.share is not None:
        found.append(None if result.share is None else result.share >= goal.share)
    if goal.at_most is not None:
        value = result.median("fastgrad")
        found.append(None if value is None else value <= goal.at_most)
    if not found or None in found:
        return "" if not found or not any(f is False for f in found) else "no"
    return "yes" if all(found) else "partly" if any(found) else "no"


class Table:
    """The columns of a run: fastgrad, its rate and share of the limit, the rivals, the goal."""

    def __init__(self, plan: Plan) -> None:
        self.rivals = [rival.name for rival in plan.rivals]

    def heading(self) -> list[str]:
        """The names of the columns."""
        return ["", "fastgrad", "rate", "of limit", *self.rivals, "ratio", "goal", "met"]

    def cells(self, result: Result) -> list[str]:
        """A result's cells."""
        share, ratio = result.share, result.ratio
        return [
            result.row.name,
            self.time(result, "fastgrad"),
            rate_text(result),
            "-" if share is None else f"{share:.0%}",
            *(self.time(result, rival) for rival in self.rivals),
            "-" if ratio is None else f"{ratio:.2f}",
            result.row.goal.text(),
            met(result),
        ]

    def time(self, result: Result, backend: str) -> str:
        """A backend's cell."""
        if backend in result.refused:
            return "refused"
        rate = result.rate_of(backend)
        if result.row.shows_rates and rate is not None:
            return f"{rate:.3g}"
        value = result.median(backend)
        if result.row.value_unit and value is not None:
            return f"{value:.3g} {result.row.value_unit}"
        return seconds_text(value)

    def line(self, cells: Sequence[str]) -> str:
        """A line of the table on a terminal."""
        widths = [10, 17, 9, *(max(9, len(name)) for name in self.rivals), 6, 12, 6]
        fitted = (f"{cell:>{width}}" for cell, width in zip(cells[1:], widths, strict=True))
        return f"{cells[0]:<{NAME_WIDTH}} " + " ".join(fitted)

    def notes(self, result: Result) -> Iterator[str]:
        """What has to be said below a line."""
        for name, reason in result.refused.items():
            yield f"    REFUSED {name}: {reason}"
        for note in result.notes:
            yield f"    {note}"
        if result.others > BUSY:
            yield f"    NOISY: other programs used {result.others:.0%} of a processor meanwhile"
        if result.absent.get("fastgrad"):
            yield f"    skipped: fastgrad lacks it: {result.absent['fastgrad']}"
        elif len(result.times) == 1 and not result.row.value_unit:
            yield "    not compared: no rival has it"


Tables = Sequence[tuple[Plan, Sequence[Result]]]  # one for each section


def markdown(tables: Tables, plan: Plan) -> str:
    """A table for each section, under a line that says where it was measured."""
    lines = [machine_line(plan), ""]
    for of_section, results in tables:
        table = Table(of_section)
        heading = table.heading()
        rule = ["---", *["---:"] * (len(heading) - 1)]
        lines += [f"### {results[0].row.section}", ""]
        lines += map(markdown_row, [heading, rule, *map(table.cells, results)])
        lines.append("")
    return "\n".join(lines)


def markdown_row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def machine(plan: Plan) -> dict[str, Any]:
    """Where and with what it was measured."""
    from fastgrad import _core, cuda

    model = re.search(r"^model name\s*:\s*(.+)$", processor_text(), re.MULTILINE)
    build = _core.build_info()
    return {
        "processor": model[1] if model else platform.processor(),
        "isa": plan.isa or build["isa"],
        "isas": list(build["isas"]),
        "cores": len(os.sched_getaffinity(0)),
        "threads": plan.threads or _core.get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "compiler": build["compiler"],
        "cuda": cuda.get_device_name() if cuda.is_available() else None,
        "versions": {name: found for name in VERSIONED if (found := installed_version(name))},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


VERSIONED = ("fastgrad", "torch", "numpy", "jax")


def installed_version(name: str) -> str | None:
    """A distribution's version, if it is installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def machine_line(plan: Plan) -> str:
    """The machine in one line."""
    about = machine(plan)
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return (
        f"{about['cuda'] + ', ' if about['cuda'] else ''}"
        f"{about['processor']}, {about['isa']}, {about['threads']} threads, "
        f"Python {about['python']}, {versions}; {about['date'][:10]}"
    )


def as_json(tables: Tables, plan: Plan) -> str:
    """Every round's time, with the machine and the settings."""
    document = {
        "machine": machine(plan),
        "rounds": plan.rounds,
        "seconds_per_turn": plan.seconds,
        "rows": [
            {
                "section": r.row.section,
                "name": r.row.name,
                "unit": r.row.unit or r.row.value_unit,
                "amount": r.row.amount,
                "calls": r.row.calls,
                "goal": {k: v for k, v in vars(r.row.goal).items() if v is not None},
                "seconds_per_call": r.times,
                "limit": r.limits,
                "ratio": r.ratio,
                "rate": r.rate,
                "share_of_limit": r.share,
                "met": met(r),
                "others_share_of_a_processor": r.others,
                "refused": r.refused,
                "absent": r.absent,
            }
            for _, results in tables
            for r in results
        ],
    }
    return json.dumps(document, indent=1) + "\n"
