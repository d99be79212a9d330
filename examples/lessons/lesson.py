"""What the lessons share: where data lies and pictures go, and colours."""

import os
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # examples/, whatever folder a lesson starts in

from common import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PINK,
    airfoils,
    mnist,
    print_table,
    save_figure,
)

__all__ = [
    "BLUE",
    "DATA",
    "GREEN",
    "GREY",
    "INK",
    "ORANGE",
    "PINK",
    "airfoils",
    "mnist",
    "print_table",
    "save",
]

DATA = Path(os.environ.get("FASTGRAD_DATA", "data"))
OUT = Path(os.environ.get("FASTGRAD_OUT", "runs"))


def save(figure: Any, name: str) -> None:
    """Write a figure into the folder ``$FASTGRAD_OUT`` (``runs``) as ``name.png``."""
    save_figure(figure, OUT / f"{name}.png")
