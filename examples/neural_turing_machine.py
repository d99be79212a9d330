"""A Neural Turing Machine learns to copy: a network that writes to a memory and reads it back.

It sees some random vectors of bits and then has to say them from memory. Prints the share of wrong
bits, also for sequences longer than those trained on; draws one copy, and where the machine wrote
and read.

Source: A. Graves et al., "Neural Turing machines", https://arxiv.org/abs/1410.5401.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import BLUE, Stopwatch, options, print_table, save_figure
from fastgrad import Tensor, nn
from fastgrad.nn import functional

BITS, ROWS, WIDTH, HIDDEN = 4, 16, 12, 64


class Head(nn.Module):
    """Where the machine looks: rows like a key, or the rows next to those of the last time."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes = (WIDTH, 1, 1, 3, 1)  # key, its sharpness, gate, shift, sharpness of the result
        self.layer = nn.Linear(HIDDEN, sum(self.sizes))

    def forward(self, hidden: Tensor, memory: Tensor, last: Tensor) -> Tensor:
        """Weights [batch, rows] of memory [batch, rows, width] and the last weights."""
        key, strength, gate, shift, sharp = self.layer(hidden).split(self.sizes, dim=1)
        similar = functional.cosine_similarity(memory, key.tanh().unsqueeze(1), dim=2)
        content = torch.softmax(functional.softplus(strength) * similar, dim=1)
        gate, shift = torch.sigmoid(gate), torch.softmax(shift, dim=1)
        weights = gate * content + (1 - gate) * last
        rolled = torch.stack([weights.roll(step, 1) for step in (-1, 0, 1)], dim=2)
        weights = (rolled @ shift.unsqueeze(2)).squeeze(2)
        weights = (weights + 1e-6) ** (1 + functional.softplus(sharp))
        return weights / weights.sum(1, keepdim=True)


class Machine(nn.Module):
    """A controller, a memory, and a head each for reading and writing."""

    def __init__(self) -> None:
        super().__init__()
        self.controller = nn.Linear(BITS + 1 + WIDTH, HIDDEN)
        self.read_head, self.write_head = Head(), Head()
        self.change = nn.Linear(HIDDEN, 2 * WIDTH)  # what is erased and what is added
        self.output = nn.Linear(HIDDEN + WIDTH, BITS)

    def forward(self, inputs: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Scores of bits [steps, batch, bits] of inputs [steps, batch, bits + 1], and weights."""
        batch = inputs.shape[1]
        memory = torch.full((batch, ROWS, WIDTH), 1e-6)
        first = functional.one_hot(torch.zeros(batch, dtype=torch.int64), ROWS).float()
        read_at = write_at = first
        read = torch.zeros(batch, WIDTH)
        outputs, looked = [], []
        for x in inputs:
            hidden = torch.tanh(self.controller(torch.cat([x, read], dim=1)))
            write_at = self.write_head(hidden, memory, write_at)
            erase, add = self.change(hidden).chunk(2, dim=1)
            place = write_at.unsqueeze(2)
            memory = memory * (1 - place * torch.sigmoid(erase).unsqueeze(1))
            memory = memory + place * add.tanh().unsqueeze(1)
            read_at = self.read_head(hidden, memory, read_at)
            read = (read_at.unsqueeze(1) @ memory).squeeze(1)
            outputs.append(self.output(torch.cat([hidden, read], dim=1)))
            looked.append((write_at.detach(), read_at.detach()))
        return torch.stack(outputs), looked


def copy_task(length: int, batch: int) -> tuple[Tensor, Tensor]:
    """Inputs [2 length + 1, batch, bits + 1] (vectors, a mark, silence) and what is to be said."""
    bits = torch.randint(0, 2, (length, batch, BITS)).float()
    inputs = torch.zeros(2 * length + 1, batch, BITS + 1)
    inputs[:length, :, :BITS] = bits
    inputs[length, :, BITS] = 1
    return inputs, bits


def train(net: Machine, steps: int, longest: int) -> list[float]:
    """Train on sequences of random length, and return the loss of each step."""
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    losses = []
    for _ in range(steps):
        length = int(torch.randint(1, longest + 1, (1,)).item())
        inputs, bits = copy_task(length, 32)
        scores, _ = net(inputs)
        loss = functional.binary_cross_entropy_with_logits(scores[length + 1 :], bits)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def wrong_bits(net: Machine, length: int) -> float:
    """The share of wrong bits; one half is chance."""
    inputs, bits = copy_task(length, 100)
    scores, _ = net(inputs)
    return ((scores[length + 1 :] > 0) != (bits > 0)).float().mean().item()


@torch.no_grad()
def draw(net: Machine, losses: list[float], length: int) -> Figure:
    """Draw the losses, one copy, and the heads' weights."""
    inputs, bits = copy_task(length, 1)
    scores, looked = net(inputs)
    said = torch.sigmoid(scores[length + 1 :, 0])
    written, read = (torch.stack([pair[side][0] for pair in looked]) for side in (0, 1))
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.6])
    axes = left.subplots()
    axes.plot(losses, color=BLUE, lw=0.7)
    axes.axhline(0.693, color="grey", ls=":")
    axes.set(xlabel="step", ylabel="loss per bit (dotted: chance)")
    panels = right.subplots(2, 2)
    shown = (("to copy", bits[:, 0]), ("said", said), ("written to", written), ("read from", read))
    for axes, (title, image) in zip(panels.flat, shown, strict=True):
        axes.imshow(image.T.numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set(title=title, xlabel="step", ylabel="bit" if image.shape[1] == BITS else "row")
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    steps, longest = (250, 3) if chosen.quick else (4000, 6)
    net, watch = Machine(), Stopwatch()
    losses = train(net, steps, longest)
    print(f"{steps} steps, {watch.seconds:.1f} s, loss {sum(losses[-50:]) / 50:.4f}")
    lengths = sorted({1, longest, longest + 2, 2 * longest})
    rows = [
        {"length": n, "trained on": "yes" if n <= longest else "no", "wrong": wrong_bits(net, n)}
        for n in lengths
    ]
    print_table(rows)
    figure = draw(net, losses, longest)
    save_figure(figure, chosen.out / "neural_turing_machine.png")
    return {"loss": sum(losses[-50:]) / 50, "wrong": rows[1]["wrong"]}


if __name__ == "__main__":
    main()
