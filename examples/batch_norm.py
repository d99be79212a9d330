"""Batch normalization in LeNet: none, written out, and the library's layer.

Trains the three from the same weights with a large learning rate, prints their losses and how far
the two normalized ones differ, and draws the curves.
"""

from collections.abc import Callable, Sequence
from functools import partial

from matplotlib.figure import Figure

import fastgrad as torch
from common import (
    BLUE,
    GREY,
    ORANGE,
    Stopwatch,
    mnist,
    options,
    predict,
    print_table,
    save_figure,
    train_epoch,
)
from fastgrad import Tensor, nn
from fastgrad.utils.data import DataLoader, TensorDataset


class BatchNorm(nn.Module):
    """Batch normalization written out, for images [N, C, H, W] and features [N, C]."""

    def __init__(self, channels: int, *, images: bool) -> None:
        super().__init__()
        self.dims = (0, 2, 3) if images else (0,)
        shape = (1, channels, 1, 1) if images else (1, channels)
        self.gamma, self.beta = (nn.Parameter(torch.full(shape, value)) for value in (1.0, 0.0))
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.mean, self.variance
        if self.training:
            mean = x.mean(self.dims, keepdim=True)
            variance = ((x - mean) ** 2).mean(self.dims, keepdim=True)
            count = x.numel() / mean.numel()
            with torch.no_grad():
                self.mean.lerp_(mean, 0.1)
                self.variance.lerp_(variance * count / (count - 1), 0.1)
        return (x - mean) / (variance + 1e-5).sqrt() * self.gamma + self.beta


def concise(channels: int, *, images: bool) -> nn.Module:
    """Return the library's layer."""
    return nn.BatchNorm2d(channels) if images else nn.BatchNorm1d(channels)


def lenet(norm: Callable[..., nn.Module] | None) -> nn.Sequential:
    """Make LeNet, with a normalization after each layer but the last."""

    def normed(channels: int, *, images: bool) -> list[nn.Module]:
        return [] if norm is None else [norm(channels, images=images)]

    image, features = partial(normed, images=True), partial(normed, images=False)
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), *image(6), nn.Sigmoid(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), *image(16), nn.Sigmoid(), nn.AvgPool2d(2)),
        nn.Flatten(),
        *(nn.Linear(256, 120), *features(120), nn.Sigmoid()),
        *(nn.Linear(120, 84), *features(84), nn.Sigmoid()),
        nn.Linear(84, 10),
    )


VARIANTS = {
    "none": (None, GREY, "o-"),
    "written out": (BatchNorm, ORANGE, "s-"),
    "nn.BatchNorm": (concise, BLUE, "x--"),
}


def draw(losses: dict[str, list[float]], accuracies: dict[str, list[float]]) -> Figure:
    """Draw training loss and test accuracy of the three."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, curves, title in zip(
        figure.subplots(1, 2), (losses, accuracies), ("training loss", "test accuracy"), strict=True
    ):
        for name, values in curves.items():
            _, color, style = VARIANTS[name]
            axes.plot(range(1, len(values) + 1), values, style, color=color, label=name)
        axes.set(xlabel="epoch", ylabel=title, xticks=range(1, len(values) + 1))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right", title="normalization")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit.

    Returns:
        The last accuracy "with" and "without", and the largest "difference" of the losses of the
        two normalized networks.
    """
    chosen = options(__doc__, arguments)
    epochs, count = (3, 2000) if chosen.quick else (8, 20_000)
    images, labels = mnist(chosen.data, train=True, count=count)
    test_images, test_labels = mnist(chosen.data, train=False, count=count)
    losses: dict[str, list[float]] = {name: [] for name in VARIANTS}
    accuracies: dict[str, list[float]] = {name: [] for name in VARIANTS}
    rows = []
    for name, (norm, _, _) in VARIANTS.items():
        torch.manual_seed(chosen.seed)
        net = lenet(norm)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.2)
        batches = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True)
        watch = Stopwatch()
        for _ in range(epochs):
            losses[name].append(train_epoch(net, batches, optimizer))
            right = predict(net, test_images) == test_labels
            accuracies[name].append(right.float().mean().item())
        rows.append(
            {
                "normalization": name,
                "training loss": losses[name][-1],
                "test accuracy": accuracies[name][-1],
                "seconds": watch.seconds,
            }
        )
    print_table(rows)
    pairs = zip(losses["written out"], losses["nn.BatchNorm"], strict=True)
    difference = max(abs(a - b) for a, b in pairs)
    print(f"largest difference of the two normalized losses: {difference:.2g}")
    save_figure(draw(losses, accuracies), chosen.out / "batch_norm.png")
    with_norm, without = accuracies["nn.BatchNorm"][-1], accuracies["none"][-1]
    return {"with": with_norm, "without": without, "difference": difference}


if __name__ == "__main__":
    main()
