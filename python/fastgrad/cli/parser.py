"""What all commands share in reading their line."""

import argparse
import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from fastgrad.hints import chosen, hint

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction["OneLineParser"]

USAGE_ERROR = 2


class OneLineParser(argparse.ArgumentParser):
    """A parser that tells of an error in one line, and does not guess at abbreviations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message} (see {self.prog} --help)\n")


def complain(prog: str, message: object) -> None:
    """Print an error in one line, and the hint in another language that it may have."""
    print(f"{prog}: {' '.join(str(message).split())}", file=sys.stderr)
    if chosen() == "zh" and (text := hint(str(message))):
        print(text, file=sys.stderr)
