"""``fastgrad check``."""

import argparse
import json
import warnings
from typing import TYPE_CHECKING

from fastgrad.cli.parser import USAGE_ERROR, complain

if TYPE_CHECKING:
    from fastgrad.cli.parser import Commands

PROG = "fastgrad check"
DESCRIPTION = """\
Read scripts and notebooks written for PyTorch, without running them, and print which of its names
they use and whether these are in fastgrad: yes, differs (with a word how), or absent.

The exit code is 0 if every name is here, 1 if one is absent or a file cannot be read."""


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "check",
        help="say what scripts and notebooks use that is not here",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help="scripts, notebooks, or folders of them")
    add("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(command=check)


def check(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    from fastgrad.torch_alias import check as check_files

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of the programs' own text, such as "\d"
            report = check_files(options.paths)
    except FileNotFoundError as error:
        complain(PROG, f"there is no {error.filename}")
        return USAGE_ERROR
    print(json.dumps(report.as_json(), indent=2) if options.json else report.as_text())
    return 0 if report.complete else 1
