"""Transfer learning: features learned on the digits 0 to 4 serve for 5 to 9.

A network learns the first five digits. Then a few images of the other five are learned four ways:
with its features frozen or fine-tuned, and with random features frozen or trained from scratch.
Prints the accuracies and draws them against the steps.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import (
    BLUE,
    GREEN,
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
from fastgrad.utils.data import DataLoader, TensorDataset

# Where the features come from, and whether they stay as they are.
WAYS = {
    "learned on 0-4, frozen": (True, True, BLUE, "-"),
    "learned on 0-4, fine-tuned": (True, False, GREEN, "-"),
    "random, frozen": (False, True, GREY, "--"),
    "random, trained": (False, False, ORANGE, "--"),
}


def features() -> nn.Sequential:
    """Make what turns an image into 128 features."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(512, 128), nn.ReLU()),
    )


def digits(images: Tensor, labels: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """Return the images of five digits, and their classes counted from `first`."""
    chosen = (labels >= first) & (labels < first + 5)
    return images[chosen], labels[chosen] - first


def curve(
    net: nn.Sequential, data: TensorDataset, test: tuple[Tensor, Tensor], epochs: int
) -> tuple[list[int], list[float]]:
    """Train a network, and return the steps at which it was tested and the accuracies."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.02, momentum=0.9)
    batches = DataLoader(data, batch_size=10, shuffle=True)
    steps, accuracies = [], []
    for epoch in range(epochs + 1):
        if epoch:
            train_epoch(net, batches, optimizer)
        steps.append(epoch * len(batches))
        accuracies.append((predict(net, test[0]) == test[1]).float().mean().item())
    return steps, accuracies


def draw(curves: dict[str, tuple[list[int], list[float]]]) -> Figure:
    """Draw the accuracies against the steps."""
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    axes = figure.subplots()
    for name, (steps, accuracies) in curves.items():
        *_, color, style = WAYS[name]
        axes.plot(steps, accuracies, style, color=color, marker=".", label=name)
    axes.set(xlabel="steps of ten images", ylabel="test accuracy on 5-9", ylim=(0, 1))
    figure.legend(loc="outside right", frameon=False, title="features")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit: accuracies after the first epoch."""
    chosen = options(__doc__, arguments)
    count, before, epochs = (4000, 2, 8) if chosen.quick else (None, 3, 20)
    images, labels = mnist(chosen.data, train=True, count=count)
    test_images, test_labels = mnist(chosen.data, train=False, count=4000)
    learned = features()
    source = nn.Sequential(learned, nn.Linear(128, 5))
    batches = DataLoader(TensorDataset(*digits(images, labels, 0)), batch_size=50, shuffle=True)
    optimizer = torch.optim.Adam(source.parameters(), lr=2e-3)
    for _ in range(before):
        train_epoch(source, batches, optimizer)
    old = digits(test_images, test_labels, 0)
    print(f"accuracy on 0-4: {(predict(source, old[0]) == old[1]).float().mean().item():.3f}")

    few = TensorDataset(*(part[:100] for part in digits(images, labels, 5)))
    new = digits(test_images, test_labels, 5)
    curves = {}
    for name, (transferred, frozen, _, _) in WAYS.items():
        body = features()
        if transferred:
            body.load_state_dict(learned.state_dict())
        body.requires_grad_(not frozen)
        curves[name] = curve(nn.Sequential(body, nn.Linear(128, 5)), few, new, epochs)
    rows = [
        {"features": name, "after 10 steps": accuracies[1], "at the end": accuracies[-1]}
        for name, (_, accuracies) in curves.items()
    ]
    print_table(rows)
    save_figure(draw(curves), chosen.out / "transfer_learning.png")
    return {name: accuracies[1] for name, (_, accuracies) in curves.items()}


if __name__ == "__main__":
    main()
