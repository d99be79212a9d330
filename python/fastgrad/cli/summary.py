"""``fastgrad summary``."""

import argparse
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastgrad.cli.parser import USAGE_ERROR, complain

if TYPE_CHECKING:
    from fastgrad.cli.parser import Commands

PROG = "fastgrad summary"
DESCRIPTION = """\
List the layers of a network: output shapes, parameters and floating-point operations."""
EPILOG = """\
MODEL is the name of a network of fastgrad.vision.models (resnet18, lenet, small.vgg), or
MODULE:NAME for a module that Python can import from here and a network in it, or what makes one
(my_project.networks:Net). It is called on zeros of the shape.

examples:
  fastgrad summary lenet 1x1x28x28
  fastgrad summary resnet18 1x3x224x224
  fastgrad summary my_project.networks:Net 8x20"""


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "summary",
        help="list the layers of a network: shapes, parameters, FLOPs",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a network's name, or MODULE:NAME")
    parser.add_argument(
        "shapes", metavar="SHAPE", nargs="+", type=_shape, help="of each input, such as 1x3x224x224"
    )
    parser.set_defaults(command=summary)


def _shape(text: str) -> tuple[int, ...]:
    sizes = text.split("x")
    if not all(size.isdecimal() for size in sizes):
        raise argparse.ArgumentTypeError(f"expects sizes such as 1x3x224x224, got {text!r}")
    return tuple(map(int, sizes))


def summary(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    import fastgrad

    try:
        net = _network(options.model)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        complain(PROG, error)
        return USAGE_ERROR
    try:
        print(fastgrad.summary(net, *options.shapes))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        complain(PROG, f"{options.model} cannot be called on zeros of this shape: {error}")
        return 1
    return 0


def _network(name: str) -> Any:
    """Find a network by name, or make it."""
    from fastgrad.nn import Module

    found = _imported(name) if ":" in name else _built_in(name)
    made = found if isinstance(found, Module) else found()
    if not isinstance(made, Module):
        raise TypeError(f"{name} is no network: expected an nn.Module, got {type(made).__name__}")
    return made


def _imported(name: str) -> Callable[[], Any]:
    module, _, path = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def _built_in(name: str) -> Callable[[], Any]:
    from fastgrad.vision import models

    found: Any = models
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        small = ("alexnet", "densenet", "googlenet", "resnet", "vgg")
        names = [n for n in models.__all__ if n.islower()] + [f"small.{n}" for n in small]
        raise ValueError(f"no network is called {name!r}; there are {', '.join(names)}")
    return found  # type: ignore[no-any-return]
