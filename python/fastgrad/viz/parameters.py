"""Pictures of numbers that a network has learned, or computes: weights, filters, attention."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from fastgrad import Tensor
from fastgrad.nn import Module
from fastgrad.viz.figures import BLUE, DIVERGING, GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 40
TICK_LABELS = 40  # more words than this along an axis cannot be read


def weights(
    model: Module | Mapping[str, Tensor] | Iterable[tuple[str, Tensor]], limit: int = 24
) -> Figure:
    """Histograms of a network's parameters, one for each, with its shape, mean and deviation.

    Args:
        model: a module, a state dict, or pairs such as ``named_parameters()``.
        limit: how many tensors to draw, the first ones.

    Raises:
        ValueError: there is no tensor, or `limit` is below 1.
        ModuleNotFoundError: matplotlib is not installed.

    >>> import fastgrad as torch
    >>> figure = torch.viz.weights(torch.nn.Linear(4, 2))
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['weight (2, 4)', 'bias (2)']
    """
    _at_least_one("weights", limit)
    pairs: Any = model.named_parameters() if isinstance(model, Module) else model
    if isinstance(pairs, Mapping):
        pairs = pairs.items()
    tensors = [(name, tensor) for name, tensor in pairs if tensor.numel()]
    if not tensors:
        raise ValueError("viz.weights: there is no tensor to draw; give a module with parameters")
    shown = list(islice(tensors, limit))
    columns = min(4, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = new_figure(2.9 * columns, 2.1 * rows)
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (name, tensor) in zip(grid, shown, strict=False):
        _histogram(axes, name, tensor)
    for axes in grid[len(shown) :]:
        axes.remove()
    if len(tensors) > len(shown):
        more = f"{len(tensors) - len(shown)} more, left out: limit={len(tensors)} shows all"
        figure.supxlabel(more, fontsize=8, color=GREY)
    return figure


def _histogram(axes: Axes, name: str, tensor: Tensor) -> None:
    numbers = tensor.detach().double().flatten()
    spread = numbers.std(correction=0).item()
    axes.hist(numbers.numpy(), bins=BINS, color=BLUE)
    axes.axvline(0, color=GREY, lw=0.8)
    shape = ", ".join(map(str, tensor.shape))
    axes.set_title(f"{name} ({shape})", loc="left", fontsize=9, fontweight="bold")
    axes.set_xlabel(f"mean {numbers.mean().item():.3g}, deviation {spread:.3g}", fontsize=8)
    axes.locator_params(axis="x", nbins=5)
    axes.locator_params(axis="y", nbins=5)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def filters(
    weight: Tensor | Module, shape: tuple[int, int] | None = None, limit: int = 64
) -> Figure:
    """The filters of a convolution as a grid of small pictures, one for each output channel.

    Red is positive and blue negative, in one scale for all. Filters of three input channels are
    drawn as colours; of other numbers of channels, each row of the picture is an output channel
    and each column an input channel.

    Args:
        weight: the weight (out, in, height, width) of a convolution, or a module that has one; with
            `shape`, also the weight (out, height * width) of a linear layer on images.
        shape: height and width of the images that a linear layer sees.
        limit: how many output channels, and how many input channels, to draw: the first ones.

    Raises:
        ValueError: the weight does not have such a shape, or `limit` is below 1.
        ModuleNotFoundError: matplotlib is not installed.

    >>> import fastgrad as torch
    >>> figure = torch.viz.filters(torch.nn.Conv2d(1, 6, 5))
    >>> len(figure.axes)
    6
    """
    _at_least_one("filters", limit)
    kernels = _kernels(weight, shape)[:limit]
    channels = kernels.shape[1]
    if channels in (1, 3):
        columns = min(8, len(kernels))
        pictures = [kernel.permute(1, 2, 0) if channels == 3 else kernel[0] for kernel in kernels]
    else:
        columns = min(limit, channels)
        pictures = [plane for kernel in kernels for plane in kernel[:limit]]
    rows = math.ceil(len(pictures) / columns)
    size = 0.8 if channels in (1, 3) else 0.45
    figure = new_figure(size * columns, size * rows, arranged=False)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.99, wspace=0.1, hspace=0.1)
    largest = kernels.abs().max().item() or 1.0
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, picture in zip(grid, pictures, strict=False):
        numbers = picture / largest
        if channels == 3:
            axes.imshow((numbers / 2 + 0.5).numpy())
        else:
            axes.imshow(numbers.numpy(), cmap=DIVERGING, vmin=-1, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(GREY)
        axes.spines[:].set_linewidth(0.6)
    for axes in grid[len(pictures) :]:
        axes.remove()
    return figure


def _kernels(weight: Tensor | Module, shape: tuple[int, int] | None) -> Tensor:
    """The weight as float32 (out, in, height, width)."""
    tensor = getattr(weight, "weight", None) if isinstance(weight, Module) else weight
    if not isinstance(tensor, Tensor):
        name = type(weight).__name__
        raise ValueError(f"viz.filters: {name} has no weight; give one of its parts")
    tensor = tensor.detach().float()
    if shape is not None and tensor.ndim == 2 and tensor.shape[1] == math.prod(shape):
        tensor = tensor.reshape(-1, 1, *shape)
    if tensor.ndim != 4 or not tensor.numel():
        raise ValueError(
            f"viz.filters: expected a weight (out, in, height, width), got {list(tensor.shape)}; "
            "for a linear layer on images give their size, as in shape=(28, 28)"
        )
    return tensor


def attention(
    weights: Tensor,
    queries: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Attention weights as heat maps: a row for each query, a column for each key.

    Args:
        weights: (queries, keys), or (heads, queries, keys) for one map for each head.
        queries: the words of the rows.
        keys: the words of the columns.
        titles: of the maps; "head 1", "head 2", ... unless told.

    Raises:
        ValueError: `weights` has another number of dimensions, or the words do not fit its shape.
        ModuleNotFoundError: matplotlib is not installed.

    >>> import fastgrad as torch
    >>> figure = torch.viz.attention(torch.eye(3), ["a", "b", "c"], ["x", "y", "z"])
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['x', 'y', 'z']
    """
    if weights.ndim not in (2, 3) or not weights.numel():
        raise ValueError(
            "viz.attention: expected weights (queries, keys) or (heads, queries, keys), got "
            f"{list(weights.shape)}; choose one sample of a batch"
        )
    maps = weights.detach().float()
    heads = [maps] if maps.ndim == 2 else list(maps)
    if titles is None:
        titles = [""] if maps.ndim == 2 else [f"head {n}" for n in range(1, len(heads) + 1)]
    for name, words, count in (
        ("queries", queries, maps.shape[-2]),
        ("keys", keys, maps.shape[-1]),
        ("titles", titles, len(heads)),
    ):
        if words is not None and len(words) != count:
            raise ValueError(f"viz.attention: expected {count} {name}, got {len(words)}")
    columns = min(4, len(heads))
    rows = math.ceil(len(heads) / columns)
    height, width = (min(max(0.28 * n, 1.6), 7.0) for n in maps.shape[-2:])
    figure = new_figure((width + 0.9) * columns + 0.6, (height + 0.8) * rows)
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    top = max(maps.max().item(), 1e-12)
    for axes, head, title in zip(grid, heads, titles, strict=False):
        drawn = axes.imshow(head.numpy(), cmap="Blues", vmin=0, vmax=top, aspect="auto")
        axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
        _label(axes, queries, keys)
    for axes in grid[len(heads) :]:
        axes.remove()
    figure.colorbar(drawn, ax=grid[: len(heads)], shrink=0.7, aspect=30)
    return figure


def _label(axes: Axes, queries: Sequence[str] | None, keys: Sequence[str] | None) -> None:
    axes.set_xlabel("key", fontsize=8)
    axes.set_ylabel("query", fontsize=8)
    axes.tick_params(labelsize=8)
    if keys is not None and len(keys) <= TICK_LABELS:
        axes.set_xticks(range(len(keys)), keys, rotation=60, ha="right", rotation_mode="anchor")
    if queries is not None and len(queries) <= TICK_LABELS:
        axes.set_yticks(range(len(queries)), queries)


def _at_least_one(name: str, limit: int) -> None:
    if limit < 1:
        raise ValueError(f"viz.{name}: limit must be at least 1, got {limit}")
