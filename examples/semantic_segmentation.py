"""Semantic segmentation: a fully convolutional network names the class of each pixel of a scene.

Transposed convolutions enlarge its maps of scores; they begin as bilinear interpolation. Prints the
loss and the mean intersection over union of each epoch, and draws scenes, truth and prediction.
"""

from collections.abc import Sequence

from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

import fastgrad as torch
from common import (
    BLUE,
    ORANGE,
    Stopwatch,
    options,
    predict,
    print_table,
    save_figure,
    train_epoch,
)
from fastgrad import Tensor, nn
from fastgrad.utils.data import DataLoader, TensorDataset
from fastgrad.vision.metrics import class_iou, mean_iou
from scenes import CLASSES, Scenes, scenes

# Of the ground and of each digit: Paul Tol's, which the colour-blind can tell apart, and more.
COLOURS = ListedColormap(
    [
        *("#222222", "#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE"),
        *("#AA3377", "#BBBBBB", "#EE7733", "#009988", "#FFFFFF"),
    ]
)


def bilinear_kernel(channels: int, size: int) -> Tensor:
    """The weight of a transposed convolution that interpolates, each channel for itself."""
    centre = (size - 1) / 2
    line = 1 - (torch.arange(size) - centre).abs() / ((size + 1) // 2)
    weight = torch.zeros(channels, channels, size, size)
    weight[range(channels), range(channels)] = line[:, None] * line
    return weight


def enlarging(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A transposed convolution that begins as bilinear interpolation to a larger size."""
    size = 2 * factor
    layer = nn.ConvTranspose2d(channels, channels, size, factor, factor // 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(bilinear_kernel(channels, size))
    return layer


def stage(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions, the first of which halves the size."""
    layers: list[nn.Module] = []
    for channels, stride in ((inputs, 2), (outputs, 1)):
        layers += [
            nn.Conv2d(channels, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


class FCN(nn.Module):
    """A fully convolutional network: each map of scores, enlarged, adds to the next larger one."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 32, 48, 64)
        self.stages = nn.ModuleList(map(stage, (3, *widths), widths))
        self.scores = nn.ModuleList(nn.Conv2d(width, CLASSES + 1, 1) for width in widths)
        self.enlarge = nn.ModuleList(enlarging(CLASSES + 1, 2) for _ in widths)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), whose sides are multiples of 16; scores (N, CLASSES + 1, H, W)."""
        maps = []
        for stage in self.stages:
            images = stage(images)
            maps.append(images)
        layers = zip(self.scores, self.enlarge, maps, strict=True)
        total: Tensor | None = None
        for score, enlarge, features in reversed(list(layers)):
            here = score(features)
            total = enlarge(here if total is None else here + total)
        assert total is not None
        return total


def draw(test: Scenes, predicted: Tensor, rows: list[dict[str, float]]) -> Figure:
    """Draw the curves above the first scenes, the truth, and what the network says."""
    figure = Figure(figsize=(9, 7.5), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 2])
    losses, overlap = above.subplots(1, 2)
    curves = ((losses, "loss", ORANGE), (overlap, "mean IoU", BLUE))
    for axes, name, colour in curves:
        axes.plot([row["epoch"] for row in rows], [row[name] for row in rows], "o-", color=colour)
        axes.set(xlabel="epoch", ylabel=name, ylim=(0, 1 if name == "mean IoU" else None))
        axes.xaxis.get_major_locator().set_params(integer=True)
    grid = below.subplots(3, 6)
    for k, (scene, truth, answer) in enumerate(grid.T):
        scene.imshow(test.images[k].permute(1, 2, 0).numpy())
        for axes, mask in ((truth, test.masks[k]), (answer, predicted[k])):
            axes.imshow(mask.numpy(), cmap=COLOURS, vmin=0, vmax=CLASSES, interpolation="nearest")
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    for axes, name in zip(grid[:, 0], ("scene", "truth", "predicted"), strict=True):
        axes.set_ylabel(name)
    patches = [below.axes[0].scatter([], [], color=COLOURS(k + 1), label=k) for k in range(CLASSES)]
    below.legend(handles=patches, ncols=CLASSES, loc="outside lower center", facecolor="#DDDDDD")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    count, tests, epochs = (400, 48, 5) if chosen.quick else (4000, 500, 12)
    train = scenes(chosen.data, count, train=True, seed=chosen.seed)
    test = scenes(chosen.data, tests, train=False, seed=chosen.seed)
    net = FCN()
    batches = DataLoader(TensorDataset(train.images, train.masks), batch_size=8, shuffle=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    rows: list[dict[str, float]] = []
    for epoch in range(1, epochs + 1):
        watch = Stopwatch()
        loss = train_epoch(net, batches, optimizer)
        schedule.step()
        seconds = watch.seconds
        predicted = predict(net, test.images)
        rows.append(
            {
                "epoch": epoch,
                "loss": loss,
                "pixels right": (predicted == test.masks).float().mean().item(),
                "mean IoU": mean_iou(predicted, test.masks, CLASSES + 1),
                "seconds": seconds,
            }
        )
    print_table(rows)
    each = class_iou(predicted, test.masks, CLASSES + 1).tolist()
    names = ["ground", *map(str, range(CLASSES))]
    print_table([{"class": name, "IoU": value} for name, value in zip(names, each, strict=True)])
    save_figure(draw(test, predicted, rows), chosen.out / "semantic_segmentation.png")
    return {"mean_iou": rows[-1]["mean IoU"], "pixels": rows[-1]["pixels right"]}


if __name__ == "__main__":
    main()
