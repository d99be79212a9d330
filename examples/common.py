"""What the examples share: options, data, one epoch of training, tables and pictures."""

import argparse
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.io.atomic import atomic_write
from fastgrad.text import read_text, strip_gutenberg
from fastgrad.utils.data import DataLoader
from fastgrad.vision.datasets import MNIST

# Okabe and Ito's palette, which the colour-blind can tell apart.
BLUE, ORANGE, GREEN, PINK, GREY, INK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#8C8C8C",
    "#222222",
)


def options(description: str, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what every example asks for: ``data``, ``out``, ``quick``, ``seed``.

    Args:
        description: The example's docstring.
        arguments: The words of the command line; those of the process where None.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("FASTGRAD_DATA", "data")),
        help="folder with mnist/, text/ and tabular/ ($FASTGRAD_DATA, or data)",
    )
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder for pictures (runs)")
    parser.add_argument("--quick", action="store_true", help="little data, few steps: seconds")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (0)")
    parsed = parser.parse_args(arguments)
    torch.manual_seed(parsed.seed)
    return parsed


def mnist(folder: Path, *, train: bool, count: int | None = None) -> tuple[Tensor, Tensor]:
    """Return handwritten digits: float32 (count, 1, 28, 28) in [0, 1], and int64 (count,).

    Args:
        folder: The folder ``--data``; MNIST's four files are in its ``mnist`` folder.
        train: Whether the 60,000 for training are wanted, or the 10,000 for tests.
        count: How many, from the first; all where None.
    """
    files = folder / "mnist"
    if not files.is_dir():
        raise SystemExit(f"{files} is not there: --data names the folder that holds mnist/")
    digits = MNIST(files, train=train)
    images, labels = digits.data[:count], digits.targets[:count]
    return images.float().div(255).unsqueeze(1), labels


def airfoils(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the measurements: five features each, and the sound level in dB."""
    path = folder / "tabular" / "airfoil_self_noise.dat"
    if not path.is_file():
        raise SystemExit(f"{path} is not there: --data names the folder that holds tabular/")
    table = np.loadtxt(path)
    return table[:, :-1], table[:, -1]


def read_corpus(folder: Path, name: str) -> str:
    """Return a text of the folder ``text`` in ``--data``, without the licence around a book."""
    path = folder / "text" / name
    if not path.is_file():
        raise SystemExit(f"{path} is not there: --data names the folder that holds text/")
    return strip_gutenberg(read_text(path))


def train_epoch(net: nn.Module, batches: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    """Train on every batch once and return the mean loss."""
    net.train()
    total = 0.0
    for images, labels in batches:
        loss = nn.functional.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    return total / len(batches.dataset)


@torch.no_grad()
def predict(net: nn.Module, images: Tensor) -> Tensor:
    """Return the most probable class of each image."""
    net.eval()
    return torch.cat([net(chunk).argmax(dim=1) for chunk in images.split(1000)])


def save_figure(figure: Any, path: Path) -> None:
    """Write a matplotlib figure as PNG, whole or not at all, and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120)
    print(f"wrote {path}")


def print_table(rows: Iterable[Mapping[str, object]]) -> None:
    """Print rows with equal keys as a table: words to the left, numbers to the right."""
    rows = list(rows)
    titles = list(rows[0])
    cells = [[_text(row[title]) for title in titles] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    numeric = [not isinstance(rows[0][title], str) for title in titles]
    for line in [titles, *cells]:
        parts = (
            word.rjust(width) if right else word.ljust(width)
            for word, width, right in zip(line, widths, numeric, strict=True)
        )
        print("  ".join(parts).rstrip())


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class Stopwatch:
    """The seconds since it was made."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start
