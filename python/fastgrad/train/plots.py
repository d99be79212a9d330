"""The pictures of a training run, drawn by matplotlib without a display."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastgrad import Tensor
from fastgrad.io.atomic import PathLike, atomic_write
from fastgrad.train.errors import EXTRA_HINT, MissingExtraError
from fastgrad.train.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

# Okabe and Ito's palette, which the colour-blind can tell apart.
BLUE, ORANGE, GREY, INK = "#0072B2", "#D55E00", "#8C8C8C", "#222222"
DPI = 120
LOG_SCALE_RATIO = 30  # a loss that falls further than this is drawn on a logarithmic scale
ANNOTATED_CLASSES = 20
LEVEL_NAME = 6  # letters of a class name that fits below its column
TILES = (4, 10)  # rows and columns of test images
TILE_WIDTH, TILE_HEIGHT = 1.12, 1.48  # of which the image takes 1 x 1


def plot_curves(history: History, path: PathLike) -> None:
    """Draw the loss and, where there is one, the accuracy over the epochs.

    Args:
        history: The epochs to draw.
        path: The PNG file to write or to replace.

    Raises:
        ValueError: There is no epoch to draw.
    """
    if not len(history):
        raise ValueError("there is no epoch to draw: train first")
    panels: list[tuple[str, Sequence[float | None], Sequence[float | None]]]
    panels = [("loss", history.loss, history.val_loss)]
    if history.accuracy[0] is not None:
        panels.append(("accuracy", history.accuracy, history.val_accuracy))
    figure = _figure(4.6 * len(panels), 3.6, left=0.55, right=0.1, top=0.35, bottom=0.5)
    for axes, (name, training, held_out) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        _draw_curves(axes, name, training, held_out)
    _save(figure, path)


def _draw_curves(
    axes: "Axes", name: str, training: Sequence[float | None], held_out: Sequence[float | None]
) -> None:
    from matplotlib.ticker import MaxNLocator

    curves = [("training", training, GREY), ("held-out", held_out, BLUE)]
    for label, values, color in curves:
        if values[-1] is None:
            continue
        numbers = [math.nan if value is None else value for value in values]
        epochs = range(1, len(numbers) + 1)
        text = f"{label} {numbers[-1]:.4f}"
        axes.plot(epochs, numbers, color=color, label=text, marker="o", markersize=2.5, lw=1.6)
    known = [value for _, values, _ in curves for value in values if value]
    if name == "loss" and known and max(known) > LOG_SCALE_RATIO * min(known):
        axes.set_yscale("log")
    axes.set_title(name.capitalize(), loc="left", fontweight="bold")
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, len(training) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="#E5E5E5", lw=0.8)
    axes.legend(frameon=False, title="after the last epoch", alignment="left")
    axes.spines[["top", "right"]].set_visible(False)


def plot_confusion(matrix: "NDArray[Any]", classes: Sequence[str], path: PathLike) -> None:
    """Draw a confusion matrix: right answers in blue, mistakes in orange, darker for larger shares.

    Args:
        matrix: Counts; the rows are the true classes.
        classes: The names of the classes.
        path: The PNG file to write or to replace.
    """
    count = len(classes)
    longest = max(map(len, classes))
    slanted = longest > LEVEL_NAME
    cells, left = min(max(0.6 * count, 2.4), 9.0), 0.45 + 0.08 * longest
    bottom = 0.45 + 0.06 * longest if slanted else 0.55
    figure = _figure(
        left + cells + 0.2, 0.35 + cells + bottom, left=left, right=0.2, top=0.35, bottom=bottom
    )
    axes = figure.subplots()
    strength = _strength(matrix)
    axes.imshow(_confusion_colors(strength))
    wrong = matrix.sum() - matrix.trace()
    title = f"{wrong} of {matrix.sum()} wrong ({wrong / max(matrix.sum(), 1):.1%})"
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set(xlabel="predicted", ylabel="true", xticks=range(count), yticks=range(count))
    axes.set_yticklabels(classes)
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticklabels(classes, **(slant if slanted else {}))
    axes.tick_params(length=0)
    axes.set_xticks([place - 0.5 for place in range(1, count)], minor=True)
    axes.set_yticks([place - 0.5 for place in range(1, count)], minor=True)
    axes.grid(which="minor", color="#E5E5E5", lw=0.8)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_color(GREY)
    if count <= ANNOTATED_CLASSES:
        _annotate(axes, matrix, strength)
    _save(figure, path)


def _strength(matrix: "NDArray[Any]") -> Any:
    """Return how strongly to colour each cell: by its share of the row, mistakes amplified."""
    import numpy as np

    shares = matrix / matrix.sum(1, keepdims=True).clip(1)
    return np.where(np.eye(len(matrix), dtype=bool), shares, np.sqrt(4 * shares).clip(0, 1))


def _confusion_colors(strength: "NDArray[Any]") -> Any:
    import numpy as np
    from matplotlib.colors import to_rgb

    on_diagonal = np.eye(len(strength), dtype=bool)[..., None]
    full = np.where(on_diagonal, to_rgb(BLUE), to_rgb(ORANGE))
    return 1 - strength[..., None] * (1 - full)


def _annotate(axes: "Axes", matrix: "NDArray[Any]", strength: "NDArray[Any]") -> None:
    for row, column in zip(*matrix.nonzero(), strict=True):
        color = "white" if strength[row, column] > 0.6 else INK
        text = str(matrix[row, column])
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9)


def plot_predictions(
    images: Tensor,
    targets: Tensor,
    predictions: Tensor,
    classes: Sequence[str],
    path: PathLike,
) -> None:
    """Draw test images with true and predicted class: mistakes first and framed, then the others.

    Args:
        images: Shape (N, 1, height, width).
        targets: True classes, shape (N,).
        predictions: Predicted classes, shape (N,).
        classes: The names of the classes.
        path: The PNG file to write or to replace.
    """
    import numpy as np

    truth, answers = targets.numpy(), predictions.numpy()
    wrong, right = np.flatnonzero(truth != answers), np.flatnonzero(truth == answers)
    rows, columns = TILES
    order = np.concatenate([wrong[: max(rows * columns // 2, rows * columns - len(right))], right])
    order = order[: rows * columns]
    rows = math.ceil(len(order) / columns)
    width, height = columns * TILE_WIDTH, rows * TILE_HEIGHT
    figure = _figure(width + 0.1, height + 0.35, left=0.1, right=0, top=0.35, bottom=0)
    axes = figure.subplots()
    for place, index in enumerate(order):
        corner = place % columns * TILE_WIDTH, place // columns * TILE_HEIGHT
        names = classes[truth[index]], classes[answers[index]]
        _draw_tile(axes, images[int(index), 0].numpy(), corner, names)
    axes.set(xlim=(-0.02, width), ylim=(height, -0.02))
    axes.set_axis_off()
    title = f"{len(wrong)} of {len(truth)} test images wrong ({len(wrong) / len(truth):.1%})"
    axes.set_title(title, loc="left", fontweight="bold")
    _save(figure, path)


def _draw_tile(
    axes: "Axes", image: "NDArray[Any]", corner: tuple[float, float], names: tuple[str, str]
) -> None:
    """Draw one image, one unit wide, with the true and the predicted class below it."""
    from matplotlib.patches import Rectangle

    (left, top), (true, predicted) = corner, names
    wrong = true != predicted
    color = ORANGE if wrong else GREY
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, extent=(left, left + 1, top + 1, top))
    frame = Rectangle((left, top), 1, 1, fill=False, ec=color, lw=2.2 if wrong else 0.6)
    axes.add_patch(frame)
    middle, weight = left + 0.5, "bold" if wrong else "normal"
    style: dict[str, Any] = {"ha": "center", "va": "baseline", "fontsize": 7.5}
    axes.text(middle, top + 1.15, f"true {true}", color=INK, **style)
    axes.text(middle, top + 1.31, f"pred. {predicted}", color=color, fontweight=weight, **style)


def plot_quantities(targets: Tensor, predictions: Tensor, path: PathLike) -> None:
    """Draw predicted over true quantities; right predictions lie on the diagonal.

    Args:
        targets: True values, shape (N,).
        predictions: Predicted values, shape (N,).
        path: The PNG file to write or to replace.
    """
    truth, answers = targets.numpy(), predictions.numpy()
    figure = _figure(4.8, 4.8, left=0.65, right=0.15, top=0.35, bottom=0.55)
    axes = figure.subplots()
    ends = [min(truth.min(), answers.min()), max(truth.max(), answers.max())]
    axes.plot(ends, ends, color=GREY, lw=1, zorder=0)
    axes.scatter(truth, answers, s=14, color=BLUE, alpha=0.55, linewidths=0)
    axes.set(xlabel="true", ylabel="predicted", aspect="equal")
    axes.set_title(f"{len(truth)} test samples", loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _figure(
    width: float, height: float, *, left: float, right: float, top: float, bottom: float
) -> "Figure":
    """Return a figure with margins, all in inches, that needs neither pyplot nor a display.

    The margins are fixed, because measuring the texts for a layout doubles the time of drawing.

    Raises:
        MissingExtraError: matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(f"pictures need matplotlib: {EXTRA_HINT}") from error

    figure = Figure(figsize=(width, height), dpi=DPI)
    figure.subplots_adjust(
        left / width, bottom / height, 1 - right / width, 1 - top / height, wspace=0.18
    )
    return figure


def _save(figure: "Figure", path: PathLike) -> None:
    with atomic_write(path) as file:
        figure.savefig(file, format="png")
