"""What a convolutional network sees: its first filters, and the feature maps of a digit.

Trains a small network on MNIST, catches the outputs of its layers with forward hooks, prints how
active each layer is, and draws filters and maps.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import mnist, options, predict, print_table, save_figure, train_epoch
from fastgrad import Tensor, nn
from fastgrad.utils.data import DataLoader, TensorDataset


def network() -> nn.Sequential:
    """Make two convolutions and a classifier."""
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 7, padding=3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(784, 10)),
    )


def caught(net: nn.Sequential, images: Tensor) -> dict[str, Tensor]:
    """Return the output of every layer for these images, by name."""
    outputs: dict[str, Tensor] = {}
    handles = [
        layer.register_forward_hook(
            lambda layer, inputs, output, name=name: outputs.__setitem__(name, output)
        )
        for name, layer in net.named_children()
    ]
    with torch.no_grad():
        net.eval()(images)
    for handle in handles:
        handle.remove()
    return outputs


def draw(filters: Tensor, images: Tensor, outputs: dict[str, Tensor]) -> Figure:
    """Draw the filters of the first layer, and for each digit the maps of both."""
    figure = Figure(figsize=(9, 1.5 + 2.3 * len(images)), layout="constrained")
    parts = figure.subfigures(1 + len(images), 1, height_ratios=[1.5, *[2.3] * len(images)])
    parts[0].suptitle("filters of the first layer: negative blue, positive red", fontsize=9)
    limit = filters.abs().max().item()
    for axes, weight in zip(parts[0].subplots(1, len(filters)), filters, strict=True):
        axes.imshow(weight[0].numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_axis_off()
    for i, part in enumerate(parts[1:]):
        part.suptitle(
            "a digit, what the 8 filters answer, and the 16 of the next layer", fontsize=9
        )
        grid = part.subplot_mosaic(
            [["digit", *(f"a{n}" for n in range(8))], ["digit", *(f"b{n}" for n in range(8))],
             ["digit", *(f"b{n}" for n in range(8, 16))]],
            width_ratios=[3, *[1] * 8],
        )  # fmt: skip
        maps = {f"a{n}": m for n, m in enumerate(outputs["1"][i])}
        maps |= {f"b{n}": m for n, m in enumerate(outputs["4"][i])}
        for name, axes in grid.items():
            picture = images[i, 0] if name == "digit" else maps[name]
            axes.imshow(picture.numpy(), cmap="gray_r" if name == "digit" else "magma")
            axes.set_axis_off()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit: accuracy, and how selective features are."""
    chosen = options(__doc__, arguments)
    epochs, count = (2, 3000) if chosen.quick else (3, 30_000)
    images, labels = mnist(chosen.data, train=True, count=count)
    test_images, test_labels = mnist(chosen.data, train=False, count=2000)
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    batches = DataLoader(TensorDataset(images, labels), batch_size=50, shuffle=True)
    for _ in range(epochs):
        train_epoch(net, batches, optimizer)
    accuracy = (predict(net, test_images) == test_labels).float().mean().item()
    outputs = caught(net, test_images[:500])
    rows = [
        {
            "layer": f"{name}: {type(net[int(name)]).__name__}",
            "output": str(tuple(output.shape[1:])),
            "mean": output.mean().item(),
            "share above zero": (output > 0).float().mean().item(),
        }
        for name, output in outputs.items()
    ]
    print_table(rows)
    print(f"test accuracy: {accuracy:.3f}")
    wanted = [int((test_labels == digit).nonzero()[0, 0]) for digit in (7, 0)]
    shown = {name: output[wanted] for name, output in outputs.items()}
    figure = draw(net[0].weight.detach(), test_images[wanted], shown)
    save_figure(figure, chosen.out / "feature_maps.png")
    return {"accuracy": accuracy, "active": rows[1]["share above zero"]}


if __name__ == "__main__":
    main()
