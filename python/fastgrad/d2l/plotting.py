"""Pictures: curves, images, heat maps, boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import fastgrad as torch
from fastgrad.machine import in_notebook

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("-", "m--", "g-.", "r:")


def pyplot() -> Any:
    """Matplotlib's pyplot.

    Raises:
        ModuleNotFoundError: it is not installed; the message says how to get it.
    """
    try:
        from matplotlib import pyplot as plt
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "fastgrad.d2l draws with Matplotlib: pip install 'fastgrad[train]'", name=error.name
        ) from error
    return plt


def show_again(fig: Figure) -> None:
    """In a notebook, put the picture in the place of what the cell has shown so far."""
    if in_notebook():
        from IPython import display

        display.display(fig)
        display.clear_output(wait=True)


def use_svg_display() -> None:
    """Let notebooks show pictures as SVG, which stays sharp."""
    if in_notebook():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


def set_figsize(figsize: tuple[float, float] = (3.5, 2.5)) -> None:
    """Set the size of pictures, in inches."""
    use_svg_display()
    pyplot().rcParams["figure.figsize"] = figsize


def limits(ends: Any) -> Any:
    """The ends of an axis; None, for automatic ones, where they are the same."""
    return None if ends is None or ends[0] == ends[1] else ends


def set_axes(
    axes: Axes,
    xlabel: str | None,
    ylabel: str | None,
    xlim: Any,
    ylim: Any,
    xscale: str,
    yscale: str,
    legend: Sequence[str] | None,
) -> None:
    """Set the labels, limits, scales and legend of a diagram."""
    looks = {"xlim": limits(xlim), "ylim": limits(ylim), "xscale": xscale, "yscale": yscale}
    axes.set(xlabel=xlabel or "", ylabel=ylabel or "", **looks)
    if legend:
        axes.legend(legend)
    axes.grid()


def plot(
    X: Any,
    Y: Any = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    legend: Sequence[str] | None = None,
    xlim: Any = None,
    ylim: Any = None,
    xscale: str = "linear",
    yscale: str = "linear",
    fmts: Sequence[str] = LINES,
    figsize: tuple[float, float] = (3.5, 2.5),
    axes: Axes | None = None,
) -> None:
    """Draw curves: of each `Y` over `X`, or of each `X` over its own indices."""
    set_figsize(figsize)
    axes = axes or pyplot().gca()
    xs, ys = _curves(X), None if Y is None else _curves(Y)
    if ys is None:
        xs, ys = [range(len(curve)) for curve in xs], xs
    elif len(xs) != len(ys):
        xs = xs * len(ys)
    axes.cla()
    for i, (x, y) in enumerate(zip(xs, ys, strict=False)):
        axes.plot(x, y, fmts[i % len(fmts)])
    set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend)


def _curves(values: Any) -> list[Any]:
    """One curve or several, as a list of curves."""
    values = _array(values)
    one = getattr(values, "ndim", None) == 1 or (
        isinstance(values, list) and bool(values) and not hasattr(values[0], "__len__")
    )
    return [values] if one else [_array(curve) for curve in values]


def _array(values: Any) -> Any:
    return values.detach().numpy() if isinstance(values, torch.Tensor) else values


class Animator:
    """Curves that grow while something trains."""

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        legend: Sequence[str] | None = None,
        xlim: Any = None,
        ylim: Any = None,
        xscale: str = "linear",
        yscale: str = "linear",
        fmts: Sequence[str] = LINES,
        nrows: int = 1,
        ncols: int = 1,
        figsize: tuple[float, float] = (3.5, 2.5),
    ) -> None:
        use_svg_display()
        self.fig, axes = pyplot().subplots(nrows, ncols, figsize=figsize)
        self.axes: list[Axes] = [axes] if nrows * ncols == 1 else list(axes.flat)
        self.X: list[list[float]] = []
        self.Y: list[list[float]] = []
        self.fmts = fmts
        self._looks = xlabel, ylabel, xlim, ylim, xscale, yscale, legend or []

    def config_axes(self) -> None:
        """Set the looks of the first diagram."""
        set_axes(self.axes[0], *self._looks)

    def add(self, x: Any, y: Any) -> None:
        """Add a point to each curve; None leaves a curve as it is."""
        ys = list(y) if hasattr(y, "__len__") else [y]
        xs = list(x) if hasattr(x, "__len__") else [x] * len(ys)
        while len(self.X) < len(ys):
            self.X.append([])
            self.Y.append([])
        for i, (a, b) in enumerate(zip(xs, ys, strict=False)):
            if a is not None and b is not None:
                self.X[i].append(float(a))
                self.Y[i].append(float(b))
        self.axes[0].cla()
        for x_values, y_values, fmt in zip(self.X, self.Y, self.fmts, strict=False):
            self.axes[0].plot(x_values, y_values, fmt)
        self.config_axes()
        show_again(self.fig)


def show_images(
    imgs: Any,
    num_rows: int,
    num_cols: int,
    titles: Sequence[str] | None = None,
    scale: float = 1.5,
) -> Any:
    """Draw images, tensors or Pillow's, in a grid; returns the diagrams."""
    _, axes = pyplot().subplots(num_rows, num_cols, figsize=(num_cols * scale, num_rows * scale))
    flat = axes.flatten() if num_rows * num_cols > 1 else [axes]
    for i, (ax, image) in enumerate(zip(flat, imgs, strict=False)):
        ax.imshow(_array(image))
        ax.xaxis.set_visible(False)
        ax.yaxis.set_visible(False)
        if titles:
            ax.set_title(titles[i])
    return flat


def show_heatmaps(
    matrices: torch.Tensor,
    xlabel: str,
    ylabel: str,
    titles: Sequence[str] | None = None,
    figsize: tuple[float, float] = (2.5, 2.5),
    cmap: str = "Reds",
) -> None:
    """Draw the matrices of a tensor [rows, columns, height, width] in shades of a colour."""
    use_svg_display()
    rows, columns = matrices.shape[:2]
    fig, axes = pyplot().subplots(
        rows, columns, figsize=figsize, sharex=True, sharey=True, squeeze=False
    )
    for i, row in enumerate(axes):
        for j, ax in enumerate(row):
            drawn = ax.imshow(_array(matrices[i][j]), cmap=cmap)
            if i == rows - 1:
                ax.set_xlabel(xlabel)
            if j == 0:
                ax.set_ylabel(ylabel)
            if titles:
                ax.set_title(titles[j])
    fig.colorbar(drawn, ax=axes, shrink=0.6)


def show_list_len_pair_hist(
    legend: Sequence[str], xlabel: str, ylabel: str, xlist: Iterable[Any], ylist: Iterable[Any]
) -> None:
    """Draw how long the sequences of two lists are."""
    set_figsize()
    lengths = [[len(sequence) for sequence in each] for each in (xlist, ylist)]
    _, _, patches = pyplot().hist(lengths)
    pyplot().xlabel(xlabel)
    pyplot().ylabel(ylabel)
    for patch in patches[1].patches:
        patch.set_hatch("/")
    pyplot().legend(legend)


def annotate(text: str, xy: tuple[float, float], xytext: tuple[float, float]) -> None:
    """Write a text with an arrow to a point of the current diagram."""
    pyplot().gca().annotate(text, xy=xy, xytext=xytext, arrowprops={"arrowstyle": "->"})


def show_trace_2d(f: Callable[[Any, Any], Any], results: Sequence[tuple[Any, Any]]) -> None:
    """Draw the points that an optimizer visited over the contour lines of `f`."""
    set_figsize()
    points = [tuple(map(float, point)) for point in results]
    pyplot().plot(*zip(*points, strict=True), "-o", color="#ff7f0e")
    x1, x2 = torch.meshgrid(
        torch.arange(-5.5, 1.0, 0.1), torch.arange(-3.0, 1.0, 0.1), indexing="ij"
    )
    pyplot().contour(_array(x1), _array(x2), _array(f(x1, x2)), colors="#1f77b4")
    pyplot().xlabel("x1")
    pyplot().ylabel("x2")


def bbox_to_rect(bbox: Sequence[float], color: str) -> Any:
    """A rectangle of Matplotlib from a box (left, top, right, bottom)."""
    left, top, right, bottom = (float(edge) for edge in bbox)
    return pyplot().Rectangle(
        (left, top), right - left, bottom - top, fill=False, edgecolor=color, linewidth=2
    )


def show_bboxes(
    axes: Axes, bboxes: Any, labels: Any = None, colors: str | Sequence[str] | None = None
) -> None:
    """Draw boxes (left, top, right, bottom) with their labels."""
    palette = [colors] if isinstance(colors, str) else colors or ["b", "g", "r", "m", "c"]
    words = [labels] if isinstance(labels, str) else labels
    for i, bbox in enumerate(bboxes):
        color = palette[i % len(palette)]
        rectangle = bbox_to_rect(bbox, color)
        axes.add_patch(rectangle)
        if words and len(words) > i:
            left, top = rectangle.get_xy()
            axes.text(
                left,
                top,
                words[i],
                va="center",
                ha="center",
                fontsize=9,
                color="k" if color == "w" else "w",
                bbox={"facecolor": color, "lw": 0},
            )
