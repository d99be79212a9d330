"""``fastgrad info``."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgrad.cli.parser import Commands


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "info",
        help="show versions, instruction set, threads, dependencies and CUDA state",
        description="Show what a report of a fault or of a speed should contain.",
    )
    parser.set_defaults(command=info)


def info(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    from fastgrad.machine import facts

    rows = list(facts())
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    return 0
