"""``fastgrad launch``."""

import argparse
import sys
from typing import TYPE_CHECKING

from fastgrad.cli.parser import USAGE_ERROR, complain

if TYPE_CHECKING:
    from fastgrad.cli.parser import Commands

PROG = "fastgrad launch"
DESCRIPTION = """\
Run a script as several processes, which find each other by torch.distributed's
init_process_group(). MPI starts them: pip install 'fastgrad[mpi]' brings it.

Each rank gets an equal part of the machine's processors and torchrun's variables (RANK, WORLD_SIZE,
LOCAL_RANK, MASTER_ADDR ...); its lines on standard error begin with its number. When one fails,
the others are stopped. Arguments after the script are its own."""


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "launch",
        help="run a script as several processes",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("-n", "--nproc", type=count, default=1, metavar="N", help="how many processes (1)")
    add("--hosts", metavar="NAMES", help="machines to start them on, with commas between")
    add("--timeout", type=seconds, metavar="S", help="seconds an operation waits for others (1800)")
    add("-m", "--module", action="store_true", help="the script is the name of a module")
    add("--alias", action="store_true", help="the script says torch: run it with fastgrad run")
    add("script", metavar="SCRIPT", help="the script")
    add("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="passed to the script")
    parser.set_defaults(command=run)


def count(text: str) -> int:
    """A number of processes."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expects a positive integer, got {text!r}")
    return number


def seconds(text: str) -> float:
    """A time to wait."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expects a positive number, got {text!r}")
    return number


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    if options.alias and options.module:
        complain(PROG, "--alias runs a file: leave -m out")
        return USAGE_ERROR
    program = [sys.executable, "-u"]
    if options.alias:
        program += ["-m", "fastgrad", "run"]
    elif options.module:
        program += ["-m"]
    program += [options.script, *options.arguments]
    return start(PROG, program, options.nproc, options.hosts, options.timeout)


def start(
    prog: str,
    program: list[str],
    processes: int,
    hosts: str | None = None,
    timeout: float | None = None,
) -> int:
    """Run a program as several processes, and return the exit code."""
    from fastgrad.distributed.errors import DistBackendError
    from fastgrad.distributed.launch import launch

    try:
        return launch(program, processes, hosts, timeout)
    except (ModuleNotFoundError, DistBackendError, OSError) as error:
        complain(prog, error)
        return 1
