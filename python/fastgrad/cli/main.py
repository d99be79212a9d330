"""The entry: read the line, run the command, turn what stops it into an exit code."""

import os
import signal
import sys
from collections.abc import Sequence

import fastgrad
from fastgrad.cli import bench, check, info, launch, run, summary, train
from fastgrad.cli.parser import OneLineParser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``fastgrad``.

    Args:
        arguments: The words after the command's name; by default those of the process.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 128 + number of the signal that stopped it.

    Example:
        >>> from fastgrad.cli import main
        >>> main(["train", "--model", "linear", "--epochs", "0"])
        2
    """
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:  # argparse leaves by this way, after --help as well
        return int(stop.code or 0)
    try:
        code = int(options.command(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read the output, such as `head`, has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or leaving would flush
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        print("fastgrad: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="fastgrad", description="Train models with fastgrad.")
    parser.add_argument("--version", action="version", version=f"fastgrad {fastgrad.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    train.add_command(commands)
    run.add_command(commands)
    launch.add_command(commands)
    check.add_command(commands)
    summary.add_command(commands)
    bench.add_command(commands)
    info.add_command(commands)
    return parser
