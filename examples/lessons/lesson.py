"""What the lessons share: where data lies and pictures go, colours, regions of a plane."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastgrad as torch
from fastgrad import Tensor

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
    "draw_regions",
    "mnist",
    "print_table",
    "save",
]

DATA = Path(os.environ.get("FASTGRAD_DATA", "data"))
OUT = Path(os.environ.get("FASTGRAD_OUT", "runs"))


def save(figure: Any, name: str) -> None:
    """Write a figure into the folder ``$FASTGRAD_OUT`` (``runs``) as ``name.png``."""
    save_figure(figure, OUT / f"{name}.png")


@torch.no_grad()
def draw_regions(
    axes: Any, probability: Callable[[Tensor], Tensor], points: Tensor, labels: Tensor
) -> None:
    """Draw points [n, 2] of two classes, and where in their plane the second is the likelier.

    Args:
        axes: matplotlib's.
        probability: gives each row of a tensor [m, 2] the probability of class 1, [m].
        points: float32 [n, 2].
        labels: 0 or 1 each, [n].
    """
    low, high = points.amin(0) - 0.5, points.amax(0) + 0.5
    x, y = (torch.linspace(low[i].item(), high[i].item(), 200) for i in (0, 1))
    plane = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    values = probability(plane.reshape(-1, 2)).reshape(200, 200).float()
    axes.contourf(x, y, values, [-1, 0.5, 2], colors=[BLUE, ORANGE], alpha=0.25)
    for label, color, marker in ((0, BLUE, "o"), (1, ORANGE, "s")):
        chosen = points[labels == label].numpy()
        axes.plot(
            chosen[:, 0], chosen[:, 1], marker, color=color, markersize=5, markeredgecolor=INK
        )
