"""``fastgrad info``."""

import argparse
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgrad.cli.parser import Commands

DEPENDENCIES = ("numpy", "safetensors")
EXTRAS = {
    "train": ("matplotlib", "scikit-learn", "tqdm"),
    "vision": ("pillow",),
}


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
    rows = list(_rows())
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    return 0


def _rows() -> Iterator[tuple[str, str]]:
    import fastgrad
    from fastgrad import _core

    build = _core.build_info()
    yield "fastgrad", fastgrad.__version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", f"{platform.system()} {platform.machine()}"
    yield "compiler", str(build["compiler"])
    yield "instruction set", f"{build['isa']} (of {', '.join(build['isas'])}; FASTGRAD_ISA chooses)"
    yield "threads", str(fastgrad.get_num_threads())
    yield "CUDA", "built in" if build["cuda"] else "not built in"
    for name in DEPENDENCIES:
        yield name, _version(name)
    for extra, names in EXTRAS.items():
        found = ", ".join(f"{name} {_version(name)}" for name in names)
        yield f"extra [{extra}]", found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
