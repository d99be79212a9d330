"""Object detection: a small single-shot detector finds handwritten digits in cluttered scenes.

Prints the losses and the mean average precision of each epoch, and draws what it finds.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import fastgrad as torch
from common import BLUE, ORANGE, Stopwatch, options, print_table, save_figure
from fastgrad import Tensor, nn
from fastgrad.nn.functional import cross_entropy, smooth_l1_loss
from fastgrad.utils.data import DataLoader, TensorDataset
from fastgrad.vision.metrics import mean_average_precision
from fastgrad.vision.ops import (
    clip_boxes_to_image,
    multibox_detection,
    multibox_prior,
    multibox_target,
)
from scenes import CLASSES, SIDE, Scenes, scenes

RATIOS = (0.7, 1.0, 0.4)  # of an anchor's width and height
SIZES = ((0.28, 0.36), (0.42, 0.5))  # of the anchors of each map of features
ANCHORS = len(SIZES[0]) + len(RATIOS) - 1  # at each pixel of a map
NEGATIVES = 3  # anchors of the background for each one with a digit, in the loss


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A convolution, normalised and rectified."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions, and half the size."""
    return nn.Sequential(
        convolution(inputs, outputs), convolution(outputs, outputs), nn.MaxPool2d(2)
    )


class Detector(nn.Module):
    """A single-shot detector with two maps of features, of 8 by 8 and 4 by 4 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Sequential(convolution(3, 16, stride=2), block(16, 32))
        self.stages = nn.ModuleList([block(32, 48), block(48, 64)])
        self.classes = nn.ModuleList(
            nn.Conv2d(channels, ANCHORS * (CLASSES + 1), 3, padding=1) for channels in (48, 64)
        )
        self.offsets = nn.ModuleList(
            nn.Conv2d(channels, ANCHORS * 4, 3, padding=1) for channels in (48, 64)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Anchors (1, A, 4), scores of the classes (N, A, CLASSES + 1), offsets (N, A * 4)."""
        features = self.base(images)
        anchors, scores, offsets = [], [], []
        for k, stage in enumerate(self.stages):
            features = stage(features)
            anchors.append(multibox_prior(features, SIZES[k], RATIOS))
            scores.append(self.classes[k](features).permute(0, 2, 3, 1).flatten(1))
            offsets.append(self.offsets[k](features).permute(0, 2, 3, 1).flatten(1))
        every = torch.cat(scores, 1).reshape(len(images), -1, CLASSES + 1)
        return torch.cat(anchors, 1), every, torch.cat(offsets, 1)


def detection_loss(
    scores: Tensor, offsets: Tensor, truth: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """The losses of the classes and of the places, for each anchor with a digit.

    Nearly all anchors are background: those that look most like a digit count, and as many of
    them as there are with digits, times NEGATIVES.
    """
    wanted, mask, classes = truth
    loss = cross_entropy(scores.transpose(1, 2), classes, reduction="none")
    positive = classes > 0
    hardest = torch.where(positive, -1, loss.detach()).argsort(1, descending=True).argsort(1)
    counted = positive | (hardest < NEGATIVES * positive.sum(1, keepdim=True))
    count = positive.sum().clamp(min=1)
    place = smooth_l1_loss(offsets * mask, wanted * mask, reduction="sum")
    return (loss * counted).sum() / count, place / count


def train_epoch(
    net: Detector,
    batches: DataLoader,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> tuple[float, float]:
    """Train on every batch once and return the mean losses of classes and of places."""
    net.train()
    sums = torch.zeros(2)
    for images, labels in batches:
        anchors, scores, offsets = net(images)
        losses = detection_loss(scores, offsets, multibox_target(anchors, labels))
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()
        schedule.step()
        sums += torch.stack(losses).detach()
    classes, places = (sums / len(batches)).tolist()
    return classes, places


@torch.no_grad()
def detect(net: Detector, images: Tensor) -> list[dict[str, Tensor]]:
    """The digits in each image: boxes (in pixels), scores, labels."""
    net.eval()
    found = []
    for chunk in images.split(100):
        anchors, scores, offsets = net(chunk)
        probabilities = scores.softmax(2).transpose(1, 2)
        for rows in multibox_detection(probabilities, offsets, anchors, pos_threshold=0.05):
            kept = rows[rows[:, 0] >= 0]
            boxes = clip_boxes_to_image(SIDE * kept[:, 2:], (SIDE, SIDE))
            found.append({"labels": kept[:, 0].long(), "scores": kept[:, 1], "boxes": boxes})
    return found


def truth_of(test: Scenes) -> list[dict[str, Tensor]]:
    """What is to be found in each scene, in the form of :func:`detect`."""
    rows = [label[label[:, 0] >= 0] for label in test.labels]
    return [{"labels": row[:, 0].long(), "boxes": SIDE * row[:, 1:]} for row in rows]


def draw(
    images: Tensor, found: Sequence[dict[str, Tensor]], rows: list[dict[str, float]]
) -> Figure:
    """Draw the curves above the first images with the boxes that the detector is sure of."""
    figure = Figure(figsize=(9, 7), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.9])
    epochs = [row["epoch"] for row in rows]
    losses, precision = above.subplots(1, 2)
    for name, colour in (("loss of classes", ORANGE), ("loss of places", BLUE)):
        losses.plot(epochs, [row[name] for row in rows], color=colour, marker="o", label=name)
    losses.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    losses.legend(frameon=False)
    for name, colour in (("mAP at 0.5", ORANGE), ("mAP", BLUE)):
        precision.plot(epochs, [row[name] for row in rows], color=colour, marker="o", label=name)
    precision.set(xlabel="epoch", ylabel="on test scenes", ylim=(0, 1))
    precision.legend(frameon=False)
    for axes in (losses, precision):
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes, image, boxes in zip(below.subplots(2, 5).flat, images, found, strict=False):
        draw_boxes(axes, image, boxes)
    return figure


def draw_boxes(axes: Axes, image: Tensor, found: dict[str, Tensor]) -> None:
    """Draw an image with the boxes of a score above 0.4, and what is in them."""
    axes.imshow(image.permute(1, 2, 0).numpy(), extent=(0, SIDE, SIDE, 0))
    axes.set_axis_off()
    sure = found["scores"] > 0.4
    columns = (found[name][sure].tolist() for name in ("boxes", "labels", "scores"))
    for (x1, y1, x2, y2), label, score in zip(*columns, strict=True):
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color="yellow", lw=1.5))
        axes.text(
            *(x1, y1, f"{label}  {score:.2f}"),
            fontsize=8,
            bbox={"facecolor": "yellow", "edgecolor": "none", "pad": 1},
        )


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    count, tests, epochs = (400, 48, 5) if chosen.quick else (4000, 500, 12)
    train = scenes(chosen.data, count, train=True, seed=chosen.seed)
    test = scenes(chosen.data, tests, train=False, seed=chosen.seed)
    truth = truth_of(test)
    net = Detector()
    batches = DataLoader(TensorDataset(train.images, train.labels), batch_size=16, shuffle=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=5e-3, total_steps=epochs * len(batches)
    )
    rows: list[dict[str, float]] = []
    for epoch in range(1, epochs + 1):
        watch = Stopwatch()
        classes, places = train_epoch(net, batches, optimizer, schedule)
        seconds = watch.seconds
        found = detect(net, test.images)
        precision = mean_average_precision(found, truth)
        rows.append(
            {
                "epoch": epoch,
                "loss of classes": classes,
                "loss of places": places,
                "mAP at 0.5": mean_average_precision(found, truth, [0.5]),
                "mAP": precision,
                "seconds": seconds,
            }
        )
    print_table(rows)
    save_figure(draw(test.images, found, rows), chosen.out / "object_detection.png")
    return {"map": precision, "map_50": rows[-1]["mAP at 0.5"]}


if __name__ == "__main__":
    main()
