"""Six families of convolutional networks, in the book's small forms, on MNIST resized to 96 x 96.

Prints parameters, work for an image, time and accuracy of each, and draws how they learn.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PINK,
    Stopwatch,
    mnist,
    options,
    predict,
    print_table,
    save_figure,
    train_epoch,
)
from fastgrad import nn
from fastgrad.utils.data import DataLoader, TensorDataset
from fastgrad.vision.models import small

NETWORKS = {
    "AlexNet": (small.alexnet, BLUE),
    "VGG": (small.vgg, ORANGE),
    "NiN": (small.nin, GREEN),
    "GoogLeNet": (small.googlenet, PINK),
    "ResNet": (small.resnet, INK),
    "DenseNet": (small.densenet, GREY),
}
SIDE = 96


def make(name: str, width: float) -> nn.Sequential:
    """Make a network for images of MNIST's size, with weights drawn as in the book."""
    net = nn.Sequential(nn.Upsample((SIDE, SIDE), mode="bilinear"), *NETWORKS[name][0](width=width))
    net(torch.zeros(2, 1, 28, 28))  # the lazy layer gets its shape
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias) if layer.bias is not None else None
    return net


def draw(curves: dict[str, list[float]], flops: dict[str, float]) -> Figure:
    """Draw the accuracy after each epoch, and the last one against the work for an image."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for name, accuracies in curves.items():
        color = NETWORKS[name][1]
        epochs = range(1, len(accuracies) + 1)
        left.plot(epochs, accuracies, color=color, marker="o")
        right.plot(flops[name], accuracies[-1], color=color, marker="o")
        right.annotate(
            name, (flops[name], accuracies[-1]), (4, 4), textcoords="offset points", color=color
        )
    left.set(xlabel="epoch", ylabel="test accuracy", xticks=list(epochs), ylim=(0, 1.05))
    right.set(xlabel="MFLOP for an image", xlim=(0, 1.3 * max(flops.values())))
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit: the accuracy of each network."""
    chosen = options(__doc__, arguments)
    epochs, count, width = (3, 400, 0.08) if chosen.quick else (4, 6000, 0.25)
    images, labels = mnist(chosen.data, train=True, count=count)
    test_images, test_labels = mnist(chosen.data, train=False, count=count // 2)
    batches = DataLoader(TensorDataset(images, labels), batch_size=16, shuffle=True)
    rows, curves, flops = [], {}, {}
    for name in NETWORKS:
        net = make(name, width)
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        curves[name], seconds = [], 0.0
        for _ in range(epochs):
            watch = Stopwatch()
            train_epoch(net, batches, optimizer)
            seconds += watch.seconds / epochs
            right = predict(net, test_images) == test_labels
            curves[name].append(right.float().mean().item())
        measured = torch.summary(net, (1, 1, 28, 28))
        flops[name] = measured.total_flops / 1e6
        rows.append(
            {
                "network": name,
                "parameters": measured.total_parameters,
                "MFLOP/image": flops[name],
                "seconds/epoch": seconds,
                "test accuracy": curves[name][-1],
            }
        )
    print_table(rows)
    save_figure(draw(curves, flops), chosen.out / "convolutional_networks.png")
    return {name: accuracies[-1] for name, accuracies in curves.items()}


if __name__ == "__main__":
    main()
