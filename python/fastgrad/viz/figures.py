"""What the pictures share: figures of matplotlib, colours, the error where that is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which the colour-blind can tell apart; black and the palest are left out.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, GREY, BLUE = "#222222", "#8C8C8C", PALETTE[0]
DIVERGING = "RdBu_r"  # white at zero
DPI = 120


def new_figure(width: float, height: float, *, arranged: bool = True) -> Figure:
    """A figure, in inches, that needs neither pyplot nor a display.

    Args:
        width: of the figure.
        height: of the figure.
        arranged: whether matplotlib makes room for labels.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ModuleNotFoundError(
            "fastgrad.viz draws with matplotlib: pip install 'fastgrad[train]'", name="matplotlib"
        ) from error
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained" if arranged else None)
