"""Nadaraya-Watson kernel regression: averages of neighbours, which is attention to them.

Prints the error of several kernels, of several widths, and of a width that was learned; draws the
curves above the attention weights.
"""

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import GREY, INK, ORANGE, options, print_table, save_figure
from fastgrad import Tensor, nn

Kernel = Callable[[Tensor], Tensor]
NOISE = 0.5
KERNELS: dict[str, Kernel] = {  # of the distance, in widths
    "constant": lambda d: torch.ones_like(d),
    "boxcar": lambda d: (d.abs() < 1).float(),
    "Epanechnikov": lambda d: (1 - d.abs()).clamp(min=0),
    "Gaussian": lambda d: torch.exp(-(d**2) / 2),
}


def truth(x: Tensor) -> Tensor:
    """The curve of the book."""
    return 2 * torch.sin(x) + x


def attention(queries: Tensor, keys: Tensor, kernel: Kernel, width: float | Tensor) -> Tensor:
    """Weights [queries, keys] that sum to 1 in each row."""
    weights = kernel((queries.unsqueeze(1) - keys) / width)
    return weights / weights.sum(1, keepdim=True)


class LearnedWidth(nn.Module):
    """A Gaussian kernel whose width is a parameter."""

    def __init__(self, width: float) -> None:
        super().__init__()
        self.log_width = nn.Parameter(torch.tensor(width).log())

    @property
    def width(self) -> Tensor:
        return self.log_width.exp()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Each y from all others: a point that saw itself would make the width zero."""
        distances = ((x.unsqueeze(1) - x) / self.width) ** 2 / 2
        alone = torch.eye(len(x), dtype=torch.bool)
        return torch.softmax((-distances).masked_fill(alone, -torch.inf), dim=1) @ y


def learn(x: Tensor, y: Tensor, steps: int) -> float:
    """Return the width that predicts each point best from the others."""
    net = LearnedWidth(2.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(steps):
        loss = nn.functional.mse_loss(net(x, y), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.width.item()


def draw(x: Tensor, y: Tensor, queries: Tensor, fits: dict[str, tuple[Tensor, Tensor]]) -> Figure:
    """Draw each fit and the weights that it is made of."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots(2, len(fits), height_ratios=[1.2, 1])
    for column, (name, (fit, weights)) in enumerate(fits.items()):
        above, below = axes[:, column]
        above.scatter(x.numpy(), y.numpy(), s=8, color=GREY, label="points")
        above.plot(queries.numpy(), truth(queries).numpy(), color=INK, lw=1, label="truth")
        above.plot(queries.numpy(), fit.numpy(), color=ORANGE, lw=2, label="fit")
        above.set_title(name, fontsize=10)
        below.imshow(weights.numpy(), aspect="auto", cmap="Blues", origin="lower", vmin=0)
        below.set(xlabel="point", ylabel="query" if column == 0 else "")
    axes[0, 0].legend(fontsize=8, loc="lower right")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    x = torch.sort(torch.rand(60) * 5).values
    y = truth(x) + NOISE * torch.randn(60)
    queries = torch.arange(0, 5, 0.1)
    learned = learn(x, y, 100 if chosen.quick else 400)
    choices = [(name, 1.0) for name in KERNELS]
    choices += [("Gaussian", width) for width in (0.1, 0.3, 3.0)] + [("Gaussian", learned)]
    rows, fits = [], {}
    for name, width in choices:
        weights = attention(queries, x, KERNELS[name], width)
        fit = weights @ y
        error = nn.functional.mse_loss(fit, truth(queries)).item()
        rows.append({"kernel": name, "width": width, "error": error})
        if (name, width) not in [("Gaussian", 0.1), ("Gaussian", 0.3), ("Gaussian", 3.0)]:
            title = f"{name}, learned {width:.2f}" if width == learned else name
            fits[title] = fit, weights
    print_table(rows)
    print(f"the width that predicts each point best from the others: {learned:.3f}")
    save_figure(draw(x, y, queries, fits), chosen.out / "kernel_regression.png")
    return {"constant": rows[0]["error"], "learned": rows[-1]["error"], "width": learned}


if __name__ == "__main__":
    main()
