"""Characters of The Time Machine: an RNN from scratch, and RNN, GRU, LSTM, deep and bidirectional.

Prints the perplexity of each on text that it was trained on and on text that it was not, the
speed, and what it writes; draws the losses. The bidirectional network reads the characters that
it should predict, so its perplexity means nothing: the book warns of this, and the table shows it.
"""

from collections.abc import Sequence
from typing import Any

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
    options,
    print_table,
    read_corpus,
    save_figure,
)
from fastgrad import Tensor, nn
from fastgrad.nn.functional import cross_entropy, one_hot
from fastgrad.text import CharTokenizer, SeqDataLoader, generate, letters_only, perplexity

HIDDEN, STEPS, BATCH = 256, 35, 32
COLORS = (INK, GREY, BLUE, ORANGE, GREEN, PINK)


class FromScratch(nn.Module):
    """A recurrent layer written out: what ``nn.RNN`` does, with its shapes."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.W_xh = nn.Parameter(torch.randn(inputs, hidden) / hidden**0.5)
        self.W_hh = nn.Parameter(torch.randn(hidden, hidden) / hidden**0.5)
        self.b_h = nn.Parameter(torch.zeros(hidden))

    def forward(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Outputs [steps, batch, hidden] of x [steps, batch, inputs]; state [1, batch, hidden]."""
        hidden = torch.zeros(x.shape[1], len(self.b_h)) if state is None else state[0]
        outputs = []
        for step in x @ self.W_xh + self.b_h:
            hidden = torch.tanh(step + hidden @ self.W_hh)
            outputs.append(hidden)
        return torch.stack(outputs), hidden.unsqueeze(0)


class LanguageModel(nn.Module):
    """A recurrent layer between characters and the scores of the next ones."""

    def __init__(self, rnn: nn.Module, width: int, vocab_size: int) -> None:
        super().__init__()
        self.rnn, self.vocab_size = rnn, vocab_size
        self.head = nn.Linear(width, vocab_size)

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Scores [steps, batch, vocabulary] of tokens [batch, steps], and the state."""
        outputs, state = self.rnn(one_hot(ids.t(), self.vocab_size).float(), state)
        return self.head(outputs), state

    def step(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The scores of the next token: what decoding calls."""
        scores, state = self(ids, state)
        return scores[-1], state


def make_models(vocab_size: int, hidden: int) -> dict[str, LanguageModel]:
    """One model of each kind."""
    layers: dict[str, tuple[nn.Module, int]] = {
        "RNN from scratch": (FromScratch(vocab_size, hidden), hidden),
        "RNN": (nn.RNN(vocab_size, hidden), hidden),
        "GRU": (nn.GRU(vocab_size, hidden), hidden),
        "LSTM": (nn.LSTM(vocab_size, hidden), hidden),
        "GRU, 2 layers": (nn.GRU(vocab_size, hidden, num_layers=2), hidden),
        "LSTM, bidirectional": (nn.LSTM(vocab_size, hidden, bidirectional=True), 2 * hidden),
    }
    return {name: LanguageModel(rnn, width, vocab_size) for name, (rnn, width) in layers.items()}


def train(net: LanguageModel, batches: SeqDataLoader, epochs: int) -> list[float]:
    """Train, and return the mean loss of each epoch."""
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    losses = []
    for _ in range(epochs):
        total = count = 0.0
        for x, y in batches:
            scores, _ = net(x)
            loss = cross_entropy(scores.flatten(0, 1), y.t().flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            total, count = total + loss.item(), count + 1
        losses.append(total / count)
    return losses


@torch.no_grad()
def test(net: LanguageModel, tokens: Tensor) -> float:
    """The perplexity of a text, whose sequences begin with an empty state."""
    rows = tokens[: len(tokens) // (STEPS + 1) * (STEPS + 1)].view(-1, STEPS + 1)
    scores, _ = net(rows[:, :-1])
    return perplexity(cross_entropy(scores.flatten(0, 1), rows[:, 1:].t().flatten()))


def draw(curves: dict[str, list[float]]) -> Figure:
    """Draw the perplexity over the epochs."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for (name, losses), color in zip(curves.items(), COLORS, strict=True):
        values = [perplexity(loss) for loss in losses]
        axes.plot(range(1, len(values) + 1), values, label=name, color=color, marker=".")
    axes.set(xlabel="epoch", ylabel="perplexity in training")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize=8)
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    quick = chosen.quick
    text = letters_only(read_corpus(chosen.data, "timemachine.txt"))[: 18_000 if quick else None]
    tokenizer = CharTokenizer.train(text)
    tokens = torch.tensor(tokenizer.encode(text))
    split = len(tokens) * 9 // 10
    batches = SeqDataLoader(tokens[:split], BATCH, STEPS, use_random_iter=True)
    rows, curves, figures = [], {}, {}
    prompt = torch.tensor([tokenizer.encode("time traveller ")])
    for name, net in make_models(len(tokenizer), 64 if quick else HIDDEN).items():
        epochs, watch = (8 if quick else 20), Stopwatch()
        curves[name] = train(net, batches, epochs)
        seconds = watch.seconds
        unseen = test(net, tokens[split:])
        row = {"network": name, "trained on": perplexity(curves[name][-1]), "unseen": unseen}
        rows.append(row | {"characters/s": int(epochs * split / seconds)})
        figures[name] = unseen
        written = generate(net.step, prompt, 40, temperature=0.5)
        print(f"{name}: {tokenizer.decode(written[0])}")
    print_table(rows)
    save_figure(draw(curves), chosen.out / "language_model.png")
    return figures


if __name__ == "__main__":
    main()
