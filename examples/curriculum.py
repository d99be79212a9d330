"""Curriculum learning: from easy to hard digits through a sampler, against random order.

A third of the labels are wrong. How hard an image is says a small network that has seen all of them
once: its loss. The curriculum starts with the easiest and adds harder ones step by step; another
network sees the hard ones first, and a third everything in random order. Prints and draws the
accuracy on clean test images, averaged over several first weights.
"""

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import (
    BLUE,
    GREY,
    ORANGE,
    mnist,
    options,
    predict,
    print_table,
    save_figure,
    train_epoch,
)
from fastgrad import Tensor, nn
from fastgrad.utils.data import DataLoader, Sampler, TensorDataset

ORDERS = {"easy to hard": BLUE, "random": GREY, "hard to easy": ORANGE}


class Curriculum(Sampler[int]):
    """Draw from the first images of an order, and from more of them epoch by epoch.

    Args:
        order: indices, those to begin with first.
        epochs: after how many epochs all of them are drawn from.

    Every epoch has as many images as there are indices.
    """

    def __init__(self, order: Tensor, epochs: int) -> None:
        self.order = order
        self.epochs = epochs
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        self.epoch += 1
        share = min(1.0, 0.2 + 0.8 * self.epoch / self.epochs)
        known = self.order[: max(1, round(share * len(self)))]
        rounds = -(-len(self) // len(known))
        drawn = torch.cat([known[torch.randperm(len(known))] for _ in range(rounds)])
        return iter(drawn[: len(self)].tolist())


def network() -> nn.Sequential:
    """Make a perceptron for images of digits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def spoiled(labels: Tensor, share: float) -> Tensor:
    """Return labels of which some are replaced by others."""
    wrong = torch.rand(len(labels)) < share
    return torch.where(wrong, (labels + torch.randint(1, 10, labels.shape)) % 10, labels)


def difficulty(data: TensorDataset) -> Tensor:
    """Return the loss of each image in a network that was trained for one epoch."""
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    train_epoch(net, DataLoader(data, batch_size=64, shuffle=True), optimizer)
    images, labels = data.tensors
    with torch.no_grad():
        return nn.functional.cross_entropy(net(images), labels, reduction="none")


def draw(curves: dict[str, list[float]], easy: Tensor, hard: Tensor) -> Figure:
    """Draw the accuracies, and the easiest and the hardest images."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.3, 1])
    axes = left.subplots()
    for name, accuracies in curves.items():
        axes.plot(range(1, len(accuracies) + 1), accuracies, ".-", color=ORDERS[name], label=name)
    axes.set(xlabel="epoch", ylabel="test accuracy", xticks=range(1, len(accuracies) + 1))
    axes.legend(frameon=False)
    grid = right.subplots(6, 6)
    right.suptitle("the easiest images, and the hardest", color=GREY, fontsize=9)
    for place, image in zip(grid.flat, [*easy[:18], *hard[:18]], strict=True):
        place.imshow(image[0].numpy(), cmap="gray_r")
        place.set_axis_off()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit: the best accuracy of each order."""
    chosen = options(__doc__, arguments)
    epochs, count, repeats = (5, 2000, 2) if chosen.quick else (12, 10_000, 5)
    images, labels = mnist(chosen.data, train=True, count=count)
    test_images, test_labels = mnist(chosen.data, train=False, count=5000)
    data = TensorDataset(images, spoiled(labels, 1 / 3))
    easy_first = difficulty(data).argsort()
    orders = {
        "easy to hard": easy_first,
        "random": torch.randperm(count),
        "hard to easy": easy_first.flip(0),
    }
    curves = {}
    for name, order in orders.items():
        total = torch.zeros(epochs)
        for repeat in range(repeats):
            torch.manual_seed(chosen.seed + repeat)
            net = network()
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
            pace = 1 if name == "random" else epochs
            batches = DataLoader(data, batch_size=64, sampler=Curriculum(order, pace))
            for epoch in range(epochs):
                train_epoch(net, batches, optimizer)
                right = predict(net, test_images) == test_labels
                total[epoch] += right.float().mean() / repeats
        curves[name] = total.tolist()
    print_table(
        {"order": name, "best accuracy": max(values), "at the end": values[-1]}
        for name, values in curves.items()
    )
    figure = draw(curves, images[easy_first], images[easy_first.flip(0)])
    save_figure(figure, chosen.out / "curriculum.png")
    return {name: max(values) for name, values in curves.items()}


if __name__ == "__main__":
    main()
