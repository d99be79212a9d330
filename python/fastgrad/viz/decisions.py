"""Which class a network gives to each point of a plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.nn import Module
from fastgrad.viz.figures import INK, PALETTE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MARGIN = 0.12  # of the span of the points


def decision_regions(
    model: Callable[[Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor,
    classes: Sequence[str] | None = None,
    resolution: int = 200,
    axes: Axes | None = None,
) -> Figure | SubFigure:
    """The plane in the colours of the classes that a network gives it, and the samples upon it.

    The network is asked in evaluation mode and without a graph. Of one output the sign is the
    class, as of a log-odds or of a perceptron; of several, the largest.

    Args:
        model: takes (N, 2), returns (N, C), (N, 1) or (N,).
        inputs: the samples (N, 2).
        targets: their classes, integers (N,) from 0 on; -1 and 1 are taken as 0 and 1.
        classes: the names of the classes, for the legend.
        resolution: points along each axis at which the network is asked.
        axes: where to draw; None for a new figure.

    Returns:
        The figure that was drawn on.

    Raises:
        ValueError: the inputs are not points of a plane, the targets do not fit, there are fewer
            names than classes, or `resolution` is below 2.
        ModuleNotFoundError: matplotlib is not installed.

    >>> import fastgrad as torch
    >>> points = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    >>> figure = torch.viz.decision_regions(lambda x: x.sum(1) - 1, points, torch.tensor([0, 1]))
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['class 0', 'class 1']
    """
    labels = _labels(inputs, targets)
    if resolution < 2:
        raise ValueError(f"viz.decision_regions: resolution must be at least 2, got {resolution}")
    low, high = inputs.min(0).values, inputs.max(0).values
    margin = ((high - low) * MARGIN).clamp(min=1e-3)
    low, high = low - margin, high + margin
    across, up = (
        fg.linspace(low[i].item(), high[i].item(), resolution, dtype=inputs.dtype) for i in (0, 1)
    )
    plane = _answers(model, fg.cartesian_prod(across, up)).reshape(resolution, resolution).T
    count = max(int(labels.max().item()), int(plane.max().item())) + 1
    if classes is not None and len(classes) < count:
        raise ValueError(
            f"viz.decision_regions: there are {count} classes, and {len(classes)} names"
        )
    names = classes or [f"class {number}" for number in range(count)]
    axes = axes or new_figure(5.2, 4.4).subplots()
    _paint(axes, across, up, plane, count)
    for number, name in enumerate(names[:count]):
        points = inputs[labels == number].numpy()
        color = PALETTE[number % len(PALETTE)]
        axes.scatter(points[:, 0], points[:, 1], s=22, c=color, ec="white", lw=0.7, label=name)
    axes.legend(loc="best", fontsize=8)
    axes.set(xlabel="first feature", ylabel="second feature")
    axes.spines[["top", "right"]].set_visible(False)
    return axes.figure


def _labels(inputs: Tensor, targets: Tensor) -> Tensor:
    if inputs.ndim != 2 or inputs.shape[1] != 2 or not len(inputs):
        raise ValueError(
            f"viz.decision_regions: expected points (N, 2), got {list(inputs.shape)}; choose two "
            "features"
        )
    if targets.shape != inputs.shape[:1]:
        raise ValueError(
            f"viz.decision_regions: expected targets ({len(inputs)},), got {list(targets.shape)}"
        )
    labels = targets.long()
    if set(labels.unique().tolist()) <= {-1, 1}:
        labels = (labels > 0).long()
    if labels.min() < 0:
        raise ValueError("viz.decision_regions: classes are numbered from 0 on")
    return labels


def _answers(model: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """The class of each point."""
    was_training = isinstance(model, Module) and model.training
    if isinstance(model, Module):
        model.eval()
    try:
        with fg.no_grad():
            outputs = model(points)
    finally:
        if isinstance(model, Module):
            model.train(was_training)
    outputs = outputs.reshape(len(points), -1)
    return (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)


def _paint(axes: Axes, across: Tensor, up: Tensor, plane: Tensor, count: int) -> None:
    """Fill the regions with pale colours, and draw the borders between them."""
    from matplotlib.colors import ListedColormap

    colors = ListedColormap([PALETTE[number % len(PALETTE)] for number in range(count)])
    ends = across[0].item(), across[-1].item(), up[0].item(), up[-1].item()
    picture = plane.numpy()
    axes.imshow(
        picture,
        origin="lower",
        extent=ends,
        cmap=colors,
        vmin=-0.5,
        vmax=count - 0.5,
        alpha=0.22,
        aspect="auto",
        interpolation="nearest",
    )
    for number in range(count):
        region = (picture == number).astype("float32")
        if 0 < region.mean() < 1:
            axes.contour(
                across.numpy(), up.numpy(), region, levels=[0.5], colors=INK, linewidths=0.8
            )
