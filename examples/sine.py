"""Sine waves by two LSTM cells: learns to predict the next value, then goes on by itself.

Prints the error of the next value and of a whole period that the network draws from its own
predictions; draws them.
"""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import BLUE, GREY, ORANGE, Stopwatch, options, print_table, save_figure
from fastgrad import Tensor, nn

PERIOD = 25


class Predictor(nn.Module):
    """Two LSTM cells, one upon the other, and a linear layer."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.first, self.second = nn.LSTMCell(1, hidden), nn.LSTMCell(hidden, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, waves: Tensor, future: int = 0) -> Tensor:
        """The value after each of waves [batch, steps], and ``future`` more of its own."""
        zeros = torch.zeros(len(waves), self.hidden)
        first = second = (zeros, zeros)
        outputs: list[Tensor] = []
        for step in range(waves.shape[1] + future):
            x = waves[:, step : step + 1] if step < waves.shape[1] else outputs[-1]
            first = self.first(x, first)
            second = self.second(first[0], second)
            outputs.append(self.output(second[0]))
        return torch.cat(outputs, dim=1)


def make_waves(count: int, steps: int) -> Tensor:
    """Waves of one period and random phases, [count, steps]."""
    phases = torch.rand(count, 1) * 2 * math.pi
    return torch.sin(phases + torch.arange(steps) * (2 * math.pi / PERIOD))


def train(net: Predictor, waves: Tensor, steps: int) -> list[float]:
    """Train on all waves at once by L-BFGS, and return the loss of each step."""
    optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=5)
    losses: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(waves[:, :-1]), waves[:, 1:])
        loss.backward()
        return loss

    for _ in range(steps):
        losses.append(optimizer.step(closure).item())
    return losses


def draw(losses: list[float], truth: Tensor, found: Tensor, seen: int) -> Figure:
    """Draw the losses, and three waves with what the network made of them."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 2])
    left.semilogy(losses, color=BLUE)
    left.set(xlabel="step", ylabel="squared error")
    for row in range(3):
        right.plot(truth[row].numpy() + 2.5 * row, color=GREY, lw=3, label="truth")
        right.plot(found[row].numpy() + 2.5 * row, color=ORANGE, lw=1.2, label="network")
    right.axvline(seen, color=BLUE, ls=":")
    right.set(xlabel="step (dotted: from here on its own)", yticks=[])
    right.legend(*(side[:2] for side in right.get_legend_handles_labels()), loc="upper left")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    hidden, steps = (16, 15) if chosen.quick else (51, 60)
    net, watch = Predictor(hidden), Stopwatch()
    losses = train(net, make_waves(16, 2 * PERIOD + 1), steps)
    seconds = watch.seconds
    test_waves = make_waves(8, 5 * PERIOD)
    seen = 2 * PERIOD
    with torch.no_grad():
        found = net(test_waves[:, :seen], future=3 * PERIOD - 1)
    errors = (found - test_waves[:, 1:]) ** 2
    row = {
        "seconds": seconds,
        "training": losses[-1],
        "next value": errors[:, :seen].mean().item(),
        "first period on its own": errors[:, seen : seen + PERIOD].mean().item(),
        "all periods": errors[:, seen:].mean().item(),
    }
    print_table([row])
    save_figure(draw(losses, test_waves[:, 1:], found, seen), chosen.out / "sine.png")
    return {"next": row["next value"], "alone": row["first period on its own"]}


if __name__ == "__main__":
    main()
