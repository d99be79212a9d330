"""Style transfer: a landscape keeps what it shows and takes on a painting's strokes and colours.

The features come from a small network in the manner of VGG, trained here to tell textures apart.
The picture's pixels are then the parameters: Adam and L-BFGS minimise the same loss, from features
(what is shown), Gram matrices (how it is painted) and total variation. Prints and draws both.
"""

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import BLUE, GREY, ORANGE, Stopwatch, options, print_table, save_figure
from fastgrad import Tensor, nn
from fastgrad.nn.functional import cross_entropy, interpolate

KINDS = 8  # of textures
CONTENT, STYLE, VARIATION = 1.0, 100.0, 0.7  # how much each part of the loss weighs


def textures(count: int, side: int) -> tuple[Tensor, Tensor]:
    """Draw random textures (count, 3, side, side) in [0, 1], and return the kind of each."""
    kinds = torch.randint(KINDS, (count,))
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    phase, pitch, tilt = torch.rand(3, count, 1, 1)
    pitch = 0.5 + pitch
    u, v = pitch * x + 6 * phase, pitch * y + 6 * tilt
    noise = torch.rand(count, 1, side, side)
    coarse = interpolate(noise[:, :, ::4, ::4], (side, side), mode="bilinear")
    radius = ((x - side * phase) ** 2 + (y - side * tilt) ** 2).sqrt()
    patterns = [u.sin(), v.sin(), ((u + v) / 1.4).sin(), ((u - v) / 1.4).sin()]
    patterns += [(2 * u.sin() * v.sin()).clamp(-1, 1), (pitch * radius).sin()]
    patterns += [2 * noise[:, 0] - 1, 3 * (coarse[:, 0] - 0.5)]
    share = torch.stack(patterns)[kinds, torch.arange(count)][:, None] / 2 + 0.5
    first, second = torch.rand(2, count, 3, 1, 1)
    picture = first * share + second * (1 - share)
    return (picture + 0.05 * torch.randn(picture.shape)).clamp(0, 1), kinds


def layer(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return nn.Sequential(convolution, nn.ReLU())


class Features(nn.Module):
    """A small VGG with means for pooling, and a classifier of textures on top."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [
                layer(3, 16),
                nn.Sequential(layer(16, 16), nn.AvgPool2d(2), layer(16, 32)),
                nn.Sequential(layer(32, 32), nn.AvgPool2d(2), layer(32, 64)),
                nn.Sequential(layer(64, 64), nn.AvgPool2d(2), layer(64, 64)),
            ]
        )
        self.classify = nn.Linear(64, KINDS)

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """The features after each stage."""
        found, features = [], 2 * pictures - 1
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return found

    def forward(self, pictures: Tensor) -> Tensor:
        """Scores of the kinds of textures."""
        return self.classify(self.maps(pictures)[-1].mean((2, 3)))


def trained(steps: int) -> tuple[Features, float]:
    """Return a network that tells textures apart, frozen, and the share of new ones it names."""
    net = Features()
    optimizer = torch.optim.Adam(net.parameters(), lr=1.5e-3)
    for _ in range(steps):
        pictures, kinds = textures(24, 24)
        optimizer.zero_grad()
        cross_entropy(net(pictures), kinds).backward()
        optimizer.step()
    net.requires_grad_(False)
    pictures, kinds = textures(200, 24)
    return net, (net(pictures).argmax(1) == kinds).float().mean().item()


def landscape(side: int) -> Tensor:
    """Draw a house below hills and a sun: (1, 3, side, side) in [0, 1]."""
    y, x = torch.meshgrid(*[(torch.arange(side) + 0.5) / side] * 2, indexing="ij")
    house = (x > 0.2) & (x < 0.5) & (y > 0.55) & (y < 0.85)
    roof = (y > 0.38) & (y < 0.55) & ((x - 0.35).abs() < 1.1 * (y - 0.38))
    window = ((x - 0.28).abs() < 0.04) & ((y - 0.65).abs() < 0.05)
    door = ((x - 0.42).abs() < 0.04) & (y > 0.67) & (y < 0.85)
    trunk = ((x - 0.76).abs() < 0.02) & (y > 0.6) & (y < 0.84)
    leaves = ((x - 0.76) / 0.13) ** 2 + ((y - 0.55) / 0.17) ** 2 < 1
    shapes = [
        (y > 0.5 + 0.08 * (7 * x).sin(), (0.35, 0.5, 0.6)),
        (y > 0.72 + 0.04 * (5 * x + 2).cos(), (0.4, 0.65, 0.3)),
        ((x - 0.75) ** 2 + (y - 0.2) ** 2 < 0.1**2, (1.0, 0.9, 0.4)),
        *((house, (0.9, 0.85, 0.7)), (roof, (0.7, 0.25, 0.2)), (window, (0.3, 0.4, 0.6))),
        *((door, (0.4, 0.25, 0.15)), (trunk, (0.4, 0.3, 0.2)), (leaves, (0.2, 0.45, 0.2))),
    ]
    picture = torch.stack([0.55 + 0.4 * y, 0.75 + 0.2 * y, torch.ones_like(y)])
    for where, colour in shapes:
        picture = torch.where(where, torch.tensor(colour)[:, None, None], picture)
    return picture[None]


def painting(side: int) -> Tensor:
    """Draw swirling strokes of blue, ochre and white: (1, 3, side, side) in [0, 1]."""
    y, x = torch.meshgrid(*[torch.arange(side) / 16] * 2, indexing="ij")
    bend = x + 1.2 * (0.9 * y + (0.7 * x).sin()).sin()
    stroke = (10 * bend + 3 * (1.3 * y).sin()).sin() / 2 + 0.5
    glow = ((1.1 * x + 0.5).sin() * (1.3 * y).cos()).clamp(0, 1)[None]
    dark, light = torch.tensor([[0.05, 0.1, 0.4], [0.45, 0.65, 0.9]])[:, :, None, None]
    gold = torch.tensor([0.95, 0.75, 0.15])[:, None, None]
    picture = dark * (1 - stroke) + light * stroke
    return (picture * (1 - glow) + gold * glow * (0.5 + 0.5 * stroke))[None]


def gram(features: Tensor) -> Tensor:
    """How the channels of features (1, C, H, W) go together: (C, C)."""
    rows = features.flatten(2)[0]
    return rows @ rows.T / rows.shape[1]


def distance(found: Tensor, wanted: Tensor) -> Tensor:
    """The mean squared difference as a share of what is wanted, squared."""
    return (found - wanted).square().mean() / wanted.square().mean()


def total_variation(picture: Tensor) -> Tensor:
    """The mean absolute difference between neighbouring pixels."""
    return picture.diff(dim=2).abs().mean() + picture.diff(dim=3).abs().mean()


def loss_for(net: Features, content: Tensor, style: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the function of a picture that is to be small."""
    shown = net.maps(content)[2]
    painted = [gram(features) for features in net.maps(style)]

    def loss(picture: Tensor) -> Tensor:
        found = net.maps(picture)
        strokes = [distance(gram(f), wanted) for f, wanted in zip(found, painted, strict=True)]
        manner = torch.stack(strokes).mean()
        variation = total_variation(picture)
        return CONTENT * distance(found[2], shown) + STYLE * manner + VARIATION * variation

    return loss


def paint(
    loss: Callable[[Tensor], Tensor], start: Tensor, evaluations: int, method: str
) -> tuple[Tensor, list[float]]:
    """Minimise the loss from a picture on, and return the last one and the losses on the way.

    The parameters are pixels before a sigmoid, so that the picture stays in [0, 1].
    """
    pixels = nn.Parameter(start.clamp(0.03, 0.97).logit())
    optimizer: torch.optim.Optimizer
    if method == "Adam":
        optimizer = torch.optim.Adam([pixels], lr=0.08)
    else:
        optimizer = torch.optim.LBFGS([pixels], max_iter=10, line_search_fn="strong_wolfe")
    losses: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(pixels.sigmoid())
        value.backward()
        losses.append(value.item())
        return value

    while len(losses) < evaluations:
        optimizer.step(closure)
    return pixels.detach().sigmoid(), losses


def draw(pictures: dict[str, Tensor], curves: dict[str, list[float]]) -> Figure:
    """Draw the pictures above the losses."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.1, 1])
    for axes, (name, picture) in zip(above.subplots(1, 4), pictures.items(), strict=True):
        axes.imshow(picture[0].permute(1, 2, 0).numpy())
        axes.set(title=name, xticks=[], yticks=[])
    axes = below.subplots()
    for (name, losses), colour in zip(curves.items(), (BLUE, ORANGE), strict=True):
        axes.plot(range(1, len(losses) + 1), losses, color=colour, label=name)
    axes.set(xlabel="evaluations of the loss and its gradient", ylabel="loss", yscale="log")
    axes.grid(color=GREY, alpha=0.3)
    axes.legend(frameon=False)
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    side, steps, evaluations = (64, 150, 120) if chosen.quick else (128, 300, 300)
    watch = Stopwatch()
    net, accuracy = trained(steps)
    print(f"{accuracy:.1%} of new textures told apart after {watch.seconds:.1f} seconds")
    content, style = landscape(side), painting(side)
    loss = loss_for(net, content, style)
    pictures, curves, rows = {"content": content, "style": style}, {}, []
    for method in ("Adam", "L-BFGS"):
        watch = Stopwatch()
        pictures[method], losses = paint(loss, content, evaluations, method)
        curves[method] = losses
        last = losses[-1]
        rows.append(
            {
                "method": method,
                "evaluations": len(losses),
                "first loss": losses[0],
                "half-way": losses[evaluations // 2],
                "last loss": last,
                "seconds": watch.seconds,
            }
        )
    print_table(rows)
    save_figure(draw(pictures, curves), chosen.out / "style_transfer.png")
    return {
        "textures": accuracy,
        **{name: losses[-1] / losses[0] for name, losses in curves.items()},
    }


if __name__ == "__main__":
    main()
