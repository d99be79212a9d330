"""``fastgrad run``."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgrad.cli.parser import Commands

DESCRIPTION = """\
Run a script or a notebook (.ipynb) written for PyTorch, unchanged: torch, torchvision and d2l are
fastgrad. Arguments after the file are the script's own, and so are its exit code and tracebacks.

The code cells of a notebook run in order; %magics and !commands are skipped with a note. A name
that fastgrad lacks raises an error with the nearest name that is there; fastgrad check finds them
beforehand."""


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "run",
        help="run a script or notebook written for PyTorch",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the script or notebook")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="passed to the script"
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    from fastgrad.torch_alias.run import run_or_complain

    return run_or_complain(options.file, options.arguments)
