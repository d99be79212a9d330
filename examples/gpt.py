"""A small GPT on Shakespeare's characters, in the shape of nanoGPT: trains, writes, resumes.

Prints the loss on text not seen and a text that the network wrote; shows that a run that stops in
the middle and goes on from its checkpoint ends with the same bits; exports the weights in GPT-2's
published layout, which read back give the same text. Draws the losses.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import fastgrad as torch
from common import BLUE, ORANGE, Stopwatch, options, print_table, read_corpus, save_figure
from fastgrad import Tensor
from fastgrad.nn.functional import cross_entropy
from fastgrad.nn.utils import clip_grad_norm_
from fastgrad.text import CharTokenizer, get_batch
from fastgrad.text.models import GPT2, GPT2Config

BATCH = 16
WARMUP = 20
LEAST_RATE = 0.1  # of the highest learning rate, at the end


class Run:
    """A network, its optimizer, and how far they have come."""

    def __init__(self, config: GPT2Config, tokens: Tensor, steps: int) -> None:
        self.net, self.tokens, self.steps = GPT2(config), tokens, steps
        parameters = list(self.net.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.1},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=3e-3, betas=(0.9, 0.99))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self.rate)
        self.losses: list[float] = []

    def rate(self, step: int) -> float:
        """A factor of the learning rate: a warm-up, and then half a cosine."""
        if step < WARMUP:
            return (step + 1) / WARMUP
        done = (step - WARMUP) / max(self.steps - WARMUP, 1)
        return LEAST_RATE + (1 - LEAST_RATE) * (1 + math.cos(math.pi * done)) / 2

    def train(self, until: int) -> None:
        """Train up to a step."""
        self.net.train()
        while len(self.losses) < until:
            x, y = get_batch(self.tokens, self.net.config.n_positions, BATCH)
            loss = cross_entropy(self.net(x).flatten(0, 1), y.flatten())
            self.optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(self.net.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            self.losses.append(loss.item())

    def save(self, path: Path) -> None:
        """Write all that the rest of the run depends on, the random numbers, too."""
        checkpoint = {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
            "losses": self.losses,
        }
        torch.save(checkpoint, path)

    def resume(self, path: Path) -> None:
        """Go back to where :meth:`save` was called."""
        checkpoint: dict[str, Any] = torch.load(path)
        self.net.load_state_dict(checkpoint["net"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.schedule.load_state_dict(checkpoint["schedule"])
        torch.set_rng_state(checkpoint["random"])
        self.losses = list(checkpoint["losses"])


@torch.no_grad()
def evaluate(net: GPT2, tokens: Tensor, batches: int = 10) -> float:
    """Return the mean loss at places of a text that are the same in each call."""
    net.eval()
    places = torch.Generator().manual_seed(1)
    total = 0.0
    for _ in range(batches):
        x, y = get_batch(tokens, net.config.n_positions, 2 * BATCH, places)
        total += cross_entropy(net(x).flatten(0, 1), y.flatten()).item()
    return total / batches


def write(net: GPT2, tokenizer: CharTokenizer, length: int) -> str:
    """Return a text that begins with a line end."""
    prompt = torch.tensor([tokenizer.encode("\n")])
    drawn = torch.Generator().manual_seed(1)
    ids = net.generate(prompt, length, temperature=0.8, top_k=20, generator=drawn)
    return tokenizer.decode(ids[0])


def draw(losses: list[float], tested: list[tuple[int, float]]) -> Figure:
    """Draw the loss of each step, and those on text not seen."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(losses, color=BLUE, lw=0.7, label="training")
    axes.plot(*zip(*tested, strict=True), color=ORANGE, marker="o", label="text not seen")
    axes.set(xlabel="step", ylabel="loss per character")
    axes.legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    text = read_corpus(chosen.data, "tinyshakespeare.txt")
    tokenizer = CharTokenizer.train(text)
    tokens = torch.tensor(tokenizer.encode(text))
    split = len(tokens) * 9 // 10
    quick, steps = chosen.quick, 160 if chosen.quick else 2000
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=32 if quick else 64,
        n_embd=64 if quick else 128,
        n_layer=2 if quick else 4,
        n_head=4,
        dropout=0.0 if quick else 0.1,
    )
    chosen.out.mkdir(parents=True, exist_ok=True)
    checkpoint, exported = chosen.out / "gpt.pt", chosen.out / "gpt.safetensors"
    run = Run(config, tokens[:split], steps)
    rows, watch = [], Stopwatch()
    for step in range(0, steps + 1, steps // 8):
        run.train(step)
        loss = evaluate(run.net, tokens[split:])
        rows.append({"step": step, "loss": loss, "seconds": watch.seconds})
        if step == steps // 8 * 7:
            run.save(checkpoint)
    print_table(rows)
    again = Run(config, tokens[:split], steps)
    again.resume(checkpoint)
    again.train(steps)
    pairs = zip(run.net.parameters(), again.net.parameters(), strict=True)
    same = all(torch.equal(a, b) for a, b in pairs)
    print(f"resumed from step {steps // 8 * 7}: {'the same' if same else 'DIFFERENT'} bits")
    torch.save(run.net.state_dict(), exported)
    written = write(run.net, tokenizer, 200 if quick else 500)
    reread = GPT2.from_pretrained(exported, n_head=config.n_head)
    kept = write(reread, tokenizer, 200 if quick else 500) == written
    print(f"read back from {exported}: {'the same' if kept else 'ANOTHER'} text\n{written}")
    tested = [(row["step"], row["loss"]) for row in rows]
    save_figure(draw(run.losses, tested), chosen.out / "gpt.png")
    return {"loss": rows[-1]["loss"], "resumed": float(same), "exported": float(kept)}


if __name__ == "__main__":
    main()
