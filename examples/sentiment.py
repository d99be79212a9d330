"""Kind or unkind? Lines of Shakespeare judged by a CNN and by a recurrent network.

There are no labelled reviews among the texts, so the labels are made: a speech is kind if it has
more words of a list of kind ones than of unkind ones. The networks see words and labels, never the
lists, and are tested on speeches that they have not seen. Prints how right they are; draws how they
learned and which words they find kindest.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import BLUE, GREY, ORANGE, Stopwatch, options, print_table, read_corpus, save_figure
from fastgrad import Tensor, nn
from fastgrad.nn.functional import cross_entropy
from fastgrad.text import BucketBatchSampler, Vocab, WordTokenizer, pad_batch

KIND = frozenset(
    WordTokenizer.split(
        """
    love loves loving sweet fair gentle good kind happy joy joyful grace gracious dear blessed
    bless honour noble friend friends peace hope fortune beauty beautiful pleasure merry smile
    comfort true trust heaven pardon mercy welcome thanks
    """
    )
)
UNKIND = frozenset(
    WordTokenizer.split(
        """
    hate death dead die kill murder blood bloody foul cruel false traitor villain slave grief
    sorrow woe weep tears curse cursed shame fear enemy enemies war hell devil revenge treason
    wrong banish banished grave sick pain poison angry wicked
    """
    )
)
LONGEST = 40


class TextCNN(nn.Module):
    """Filters over 3, 4 and 5 words; of each the largest answer in the text."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.convolutions = nn.ModuleList(
            [nn.Conv1d(width, 32, size, padding=size - 1) for size in (3, 4, 5)]
        )
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(96, 2)

    def forward(self, ids: Tensor, valid_len: Tensor) -> Tensor:
        """Scores [batch, 2] of tokens [batch, length], whose padding is 0."""
        x = self.embedding(ids) * (ids != 0).unsqueeze(2)
        x = x.transpose(1, 2)
        found = [torch.relu(layer(x)).max(dim=2).values for layer in self.convolutions]
        out: Tensor = self.head(self.dropout(torch.cat(found, dim=1)))
        return out


class TextRNN(nn.Module):
    """A bidirectional LSTM, whose last states of both directions are judged."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, 48, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(96, 2)

    def forward(self, ids: Tensor, valid_len: Tensor) -> Tensor:
        """Scores [batch, 2] of tokens [batch, length] of which so many are no padding."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(ids), valid_len, batch_first=True, enforce_sorted=False
        )
        _, (hidden, _) = self.lstm(packed)
        out: Tensor = self.head(self.dropout(torch.cat([hidden[0], hidden[1]], dim=1)))
        return out


def judge(words: list[str]) -> int | None:
    """1 for a kind speech, 0 for an unkind one, None for neither."""
    balance = sum((word in KIND) - (word in UNKIND) for word in words)
    return None if balance == 0 else int(balance > 0)


def read_speeches(text: str) -> tuple[list[list[str]], list[int]]:
    """The speeches that are kind or unkind, equally many of both, and their labels."""
    sides: tuple[list[list[str]], list[list[str]]] = ([], [])
    for speech in text.split("\n\n"):
        words = WordTokenizer.split(speech.partition("\n")[2])[:LONGEST]
        label = judge(words)
        if label is not None:
            sides[label].append(words)
    count = min(map(len, sides))
    both = [(words, label) for label in (0, 1) for words in sides[label][:count]]
    mixed = [both[index] for index in torch.randperm(len(both)).tolist()]
    return [words for words, _ in mixed], [label for _, label in mixed]


@torch.no_grad()
def test(net: nn.Module, lines: list[list[int]], labels: Tensor) -> float:
    """The share of speeches that are judged right."""
    net.eval()
    ids, valid_len = pad_batch(lines)
    return (net(ids, valid_len).argmax(1) == labels).float().mean().item()


def train(
    net: nn.Module,
    data: tuple[list[list[int]], Tensor],
    tested: tuple[list[list[int]], Tensor],
    epochs: int,
) -> list[float]:
    """Train, and return how right the network is after each epoch."""
    lines, labels = data
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    sampler = BucketBatchSampler([len(line) for line in lines], batch_size=64)
    right = []
    for _ in range(epochs):
        net.train()
        for chosen in sampler:
            ids, valid_len = pad_batch([lines[index] for index in chosen])
            loss = cross_entropy(net(ids, valid_len), labels[torch.tensor(chosen)])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        right.append(test(net, *tested))
    return right


@torch.no_grad()
def kindness(net: nn.Module, vocab: Vocab) -> Tensor:
    """How kind the network finds each word alone."""
    net.eval()
    ids = torch.arange(len(vocab)).unsqueeze(1)
    scores = net(ids, torch.ones(len(vocab), dtype=torch.int64))
    return scores[:, 1] - scores[:, 0]


def draw(curves: dict[str, list[float]], values: Tensor, vocab: Vocab, count: int = 12) -> Figure:
    """Draw the curves, and the kindest and unkindest words."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, curve), color in zip(curves.items(), (BLUE, ORANGE), strict=True):
        left.plot(range(1, len(curve) + 1), curve, color=color, marker="o", label=name)
    left.set(xlabel="epoch", ylabel="speeches not seen: right")
    left.xaxis.get_major_locator().set_params(integer=True)
    left.legend()
    order = values.argsort()
    shown = torch.cat([order[:count], order[-count:]])
    found = values[shown].tolist()
    right.barh(range(len(found)), found, color=[BLUE if v > 0 else ORANGE for v in found])
    right.set_yticks(range(len(found)), vocab.to_tokens(shown), fontsize=8)
    right.axvline(0, color=GREY)
    right.set(xlabel="kindness that the CNN gives to a word")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    epochs = 4 if chosen.quick else 12
    speeches, labels = read_speeches(read_corpus(chosen.data, "tinyshakespeare.txt"))
    split = len(speeches) * 8 // 10
    vocab = Vocab(speeches[:split], min_freq=3, reserved_tokens=["<pad>"], unk_token=None)
    lines = [[vocab[word] for word in words if word in vocab] or [0] for words in speeches]
    targets = torch.tensor(labels)
    data, tested = (lines[:split], targets[:split]), (lines[split:], targets[split:])
    nets = {"CNN": TextCNN(len(vocab), 48), "RNN": TextRNN(len(vocab), 48)}
    rows, curves = [], {}
    for name, net in nets.items():
        watch = Stopwatch()
        curves[name] = train(net, data, tested, epochs)
        row = {"network": name, "right": curves[name][-1], "on its own speeches": test(net, *data)}
        rows.append(row | {"seconds": watch.seconds})
    print(f"{len(speeches)} speeches, {len(vocab)} words")
    print_table(rows)
    save_figure(draw(curves, kindness(nets["CNN"], vocab), vocab), chosen.out / "sentiment.png")
    return {name: curve[-1] for name, curve in curves.items()}


if __name__ == "__main__":
    main()
