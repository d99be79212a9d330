"""``fastgrad bench``."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastgrad.cli.parser import USAGE_ERROR, complain

if TYPE_CHECKING:
    from fastgrad.cli.parser import Commands

PROG = "fastgrad bench"
DESCRIPTION = """\
Time fastgrad and its rivals in turn, round by round, after their results were compared.

Each workload is written once against PyTorch's API. A row shows fastgrad's median time, its
rate, its share of what the machine did in the same rounds, the rivals' times, the ratio to
PyTorch, and the goal: xR means at most R of PyTorch's time, >=N at least that rate (in the
row's unit), >=N% at least that share of the limit, <=N at most that value. A backend whose
results are wrong is refused, which makes the exit code 1; a row during which other programs
ran is marked NOISY."""
EPILOG = """\
sections:
  limits      multiply-adds and bandwidth that the machine reaches, by instruction set
  overhead    calls on tiny tensors: plain, recorded, in chains with backward
  kernels     operations with the sizes of the courses' models
  training    steps of softmax regression, MLP, LeNet, ResNet-18, recurrent networks, a GPT
  generation  a text that a GPT writes token by token, with a cache
  loading     shuffled batches from memory through a DataLoader
  footprint   time and memory of the import, size on disk, memory of training
  random      a million random numbers of each kind
  distributed exchanges and training steps of two processes, and what they say of more
  cuda        kernels and training steps on a CUDA device, against PyTorch on the same

rivals (all that are installed take part unless --rivals says otherwise):
  torch           PyTorch as installed
  torch-tuned     with its math library unlocked, kept memory and huge pages
  torch-compile   under torch.compile
  numpy, jax      where a workload has a natural form there; jax under jit

examples:
  fastgrad bench kernels --rows "matmul 512" --rivals torch
  fastgrad bench kernels --isa avx2 --rivals torch
  fastgrad bench --quick --json run.json --markdown run.md --picture run.png"""


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "bench",
        help="time fastgrad and its rivals on the same work",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("section", nargs="?", default="all", metavar="SECTION", help="one of those below (all)")
    add("--rows", action="append", metavar="PATTERN", help="only rows with this in their names")
    add("--rivals", type=_names, metavar="NAMES", help="with commas between; or none")
    add("--isa", choices=("avx2", "baseline"), help="hold fastgrad and rivals to it")
    add("--threads", type=_positive, metavar="N", help="threads of every library")
    add("--rounds", type=_positive, metavar="N", help="turns of each backend (7; quick 3)")
    add("--quick", action="store_true", help="short turns: a first look")
    add("--list", action="store_true", help="print the names of the rows and stop")
    add("--json", type=Path, metavar="FILE", help="write every round's times")
    add("--markdown", type=Path, metavar="FILE", help="write the tables")
    add("--picture", type=Path, metavar="FILE", help="write a picture of the ratios")
    parser.set_defaults(command=bench)


def _names(text: str) -> list[str]:
    return [] if text == "none" else [name.strip() for name in text.split(",")]


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expects a positive integer, got {text!r}")
    return number


def bench(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    if find_spec("fastgrad.bench") is None:
        complain(PROG, "this installation has no fastgrad.bench; install fastgrad again")
        return 1
    from fastgrad.bench.backends import BackendError
    from fastgrad.bench.run import BenchError, Request, rows_of, run

    given: dict[str, Any] = dict(vars(options))
    del given["command"]
    only_list = given.pop("list")
    request = Request(**given)
    try:
        if only_list:
            print(*(row.key for row in rows_of(request)), sep="\n")
            return 0
        results = run(request)
    except (BenchError, BackendError) as error:
        complain(PROG, error)
        return USAGE_ERROR
    except BrokenPipeError:
        raise  # for `main`: the output's reader has enough
    except (OSError, RuntimeError) as error:
        print(f"{PROG}: {error}", file=sys.stderr)
        return 1
    return 1 if any(result.refused for result in results) else 0
