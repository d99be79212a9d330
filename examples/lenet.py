"""LeNet on MNIST: the first convolutional network of the book, trained for a few epochs.

Prints loss and accuracy of each epoch, and draws the curves and the mistakes of the last one.
"""

from collections.abc import Sequence

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
from fastgrad import Tensor
from fastgrad.utils.data import DataLoader, TensorDataset
from fastgrad.vision.models import lenet


def draw(losses: list[float], accuracies: list[float], images: Tensor, titles: list[str]) -> Figure:
    """Draw the curves above the first images that were taken for something else."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.7, 1])
    loss_axes, accuracy_axes = above.subplots(1, 2)
    epochs = range(1, len(losses) + 1)
    loss_axes.plot(epochs, losses, color=ORANGE, marker="o")
    loss_axes.set(xlabel="epoch", ylabel="training loss")
    accuracy_axes.plot(epochs, accuracies, color=BLUE, marker="o")
    accuracy_axes.set(xlabel="epoch", ylabel="test accuracy")
    below.suptitle("mistaken: true → predicted", color=GREY, fontsize=9)
    for axes, image, title in zip(below.subplots(1, 10), images, titles, strict=False):
        axes.imshow(image[0].numpy(), cmap="gray_r")
        axes.set_title(title, fontsize=9)
    for axes in below.axes:
        axes.set_axis_off()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    epochs, count = (6, 4000) if chosen.quick else (10, None)
    images, labels = mnist(chosen.data, train=True, count=count)
    test_images, test_labels = mnist(chosen.data, train=False, count=count)
    net = lenet()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    batches = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True)
    rows = []
    for epoch in range(1, epochs + 1):
        watch = Stopwatch()
        loss = train_epoch(net, batches, optimizer)
        seconds = watch.seconds
        predicted = predict(net, test_images)
        accuracy = (predicted == test_labels).float().mean().item()
        rows.append({"epoch": epoch, "loss": loss, "test accuracy": accuracy, "seconds": seconds})
    print_table(rows)
    wrong = (predicted != test_labels).nonzero()[:10, 0]
    titles = [f"{test_labels[i]} → {predicted[i]}" for i in wrong]
    losses, accuracies = ([row[name] for row in rows] for name in ("loss", "test accuracy"))
    save_figure(draw(losses, accuracies, test_images[wrong], titles), chosen.out / "lenet.png")
    return {"accuracy": accuracy}


if __name__ == "__main__":
    main()
