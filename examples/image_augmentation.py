"""Image augmentation: digits turned, moved, stretched and partly hidden stand in for more digits.

Trains the same network on a few hundred digits as they are, and on random variants of them. Prints
the losses and test accuracies, and draws the variants and the curves.
"""

from collections.abc import Callable, Sequence
from typing import Any

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
from fastgrad import nn
from fastgrad.utils.data import DataLoader, Subset
from fastgrad.vision.datasets import MNIST
from fastgrad.vision.transforms import (
    ColorJitter,
    Compose,
    InterpolationMode,
    RandomAffine,
    RandomErasing,
    RandomResizedCrop,
    ToTensor,
)

# Transforms of Pillow images, and of the tensors that these become.
TURN = RandomAffine(12, translate=(0.08, 0.08), shear=8, interpolation=InterpolationMode.BILINEAR)
STRETCH = RandomResizedCrop(28, scale=(0.8, 1), ratio=(0.85, 1.2))
BRIGHTNESS = ColorJitter(brightness=0.3, contrast=0.3)
HIDE = RandomErasing(p=0.25, scale=(0.02, 0.1))
VARIANTS: dict[str, Callable[[Any], Any]] = {
    "as they are": ToTensor(),
    "turned": Compose([TURN, ToTensor()]),
    "stretched": Compose([STRETCH, ToTensor()]),
    "brightness": Compose([BRIGHTNESS, ToTensor()]),
    "hidden": Compose([ToTensor(), RandomErasing(p=1, scale=(0.02, 0.1))]),
    "all at once": Compose([TURN, STRETCH, BRIGHTNESS, ToTensor(), HIDE]),
}


def network() -> nn.Sequential:
    """A small convolutional network for images (N, 1, 28, 28)."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 5 * 5, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def draw(rows: list[dict[str, Any]], curves: dict[str, list[float]], digits: MNIST) -> Figure:
    """Draw variants of digits above the test accuracies."""
    figure = Figure(figsize=(8, 8), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.4, 1])
    for axes, (name, transform) in zip(
        above.subplots(len(VARIANTS)), VARIANTS.items(), strict=True
    ):
        digits.transform = transform
        line = torch.cat([digits[k // 3][0][0] for k in range(12)], 1)
        axes.imshow(line.numpy(), cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    axes = below.subplots()
    for (name, accuracies), colour in zip(curves.items(), (BLUE, ORANGE), strict=True):
        axes.plot([row["epoch"] for row in rows], accuracies, color=colour, label=name)
    axes.set(xlabel="epoch", ylabel="test accuracy")
    axes.grid(color=GREY, alpha=0.3)
    axes.legend(frameon=False, title="trained on digits ...")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    count, tests, epochs = (200, 500, 24) if chosen.quick else (500, 10_000, 100)
    test_images, test_labels = mnist(chosen.data, train=False, count=tests)
    rows: list[dict[str, Any]] = [{"epoch": epoch} for epoch in range(1, epochs + 1)]
    curves: dict[str, list[float]] = {}
    for name in ("as they are", "all at once"):
        torch.manual_seed(chosen.seed)
        net = network()
        optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
        digits = MNIST(chosen.data / "mnist", train=True, transform=VARIANTS[name])
        batches = DataLoader(Subset(digits, range(count)), batch_size=20, shuffle=True)
        watch = Stopwatch()
        for row in rows:
            row[f"loss, {name}"] = train_epoch(net, batches, optimizer)
            right = (predict(net, test_images) == test_labels).float().mean().item()
            row[f"accuracy, {name}"] = right
        print(f"{count} digits {name}: {watch.seconds:.1f} seconds")
        curves[name] = [row[f"accuracy, {name}"] for row in rows]
    print_table(rows[:: max(1, epochs // 20)] + rows[-1:])
    save_figure(draw(rows, curves, digits), chosen.out / "image_augmentation.png")
    plain, augmented = (sum(curve[-5:]) / 5 for curve in curves.values())
    return {"plain": plain, "augmented": augmented, "gain": augmented - plain}


if __name__ == "__main__":
    main()
