"""French to English: recurrent networks without and with attention, and a Transformer.

Prints BLEU of each on the sentences of the file, which are too few to keep some back, and the
translations; draws where the attention of Bahdanau looks.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

import fastgrad as torch
from common import Stopwatch, options, print_table, save_figure
from fastgrad import Tensor, nn
from fastgrad.nn.functional import cross_entropy
from fastgrad.text import SentencePairs, beam_search, bleu, generate, read_pairs

STEPS = 9
WIDTH, HIDDEN = 32, 64


class AdditiveAttention(nn.Module):
    """Bahdanau's attention: scores from a small network of query and key."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.W_q = nn.Linear(hidden, hidden, bias=False)
        self.W_k = nn.Linear(hidden, hidden, bias=False)
        self.w_v = nn.Linear(hidden, 1, bias=False)

    def forward(self, query: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The mean [batch, hidden] of keys [batch, keys, hidden], and its weights."""
        features = torch.tanh(self.W_q(query).unsqueeze(1) + self.W_k(keys))
        scores = self.w_v(features).squeeze(2).masked_fill(~mask, -1e9)
        weights = torch.softmax(scores, dim=1)
        return (weights.unsqueeze(1) @ keys).squeeze(1), weights


class Seq2Seq(nn.Module):
    """An encoder and a decoder of GRUs; the decoder may look back at the source."""

    def __init__(self, pairs: SentencePairs, attends: bool) -> None:
        super().__init__()
        self.source = nn.Embedding(len(pairs.src_vocab), WIDTH)
        self.target = nn.Embedding(len(pairs.tgt_vocab), WIDTH)
        self.encoder = nn.GRU(WIDTH, HIDDEN, batch_first=True)
        self.decoder = nn.GRUCell(WIDTH + HIDDEN, HIDDEN)
        self.attention = AdditiveAttention(HIDDEN) if attends else None
        self.head = nn.Linear(HIDDEN, len(pairs.tgt_vocab))

    def encode(self, source: Tensor, valid_len: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The decoder's state: its hidden one, the encoder's outputs, and which are no padding."""
        outputs, _ = self.encoder(self.source(source))
        mask = torch.arange(source.shape[1]) < valid_len.unsqueeze(1)
        last = outputs[torch.arange(len(source)), valid_len - 1]
        return last, outputs, mask

    def look(self, hidden: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """What of the source goes into a step, and where the attention looks."""
        if self.attention is None:
            return keys[torch.arange(len(keys)), mask.sum(1) - 1], None
        context, weights = self.attention(hidden, keys, mask)
        return context, weights

    def step(self, ids: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The scores of the next word, and the new state: what decoding calls."""
        hidden, keys, mask = state
        context, _ = self.look(hidden, keys, mask)
        hidden = self.decoder(torch.cat([self.target(ids[:, -1]), context], dim=1), hidden)
        return self.head(hidden), (hidden, keys, mask)

    def forward(self, source: Tensor, valid_len: Tensor, target: Tensor) -> Tensor:
        """The scores [batch, steps, words] of the word after each one of the target."""
        state: tuple[Tensor, ...] = self.encode(source, valid_len)
        scores = []
        for place in range(target.shape[1]):
            logits, state = self.step(target[:, place : place + 1], state)
            scores.append(logits)
        return torch.stack(scores, dim=1)


class Translator(nn.Module):
    """A Transformer between words of two languages."""

    def __init__(self, pairs: SentencePairs) -> None:
        super().__init__()
        self.source = nn.Embedding(len(pairs.src_vocab), HIDDEN)
        self.target = nn.Embedding(len(pairs.tgt_vocab), HIDDEN)
        self.places = nn.Embedding(STEPS + 1, HIDDEN)
        self.transformer = nn.Transformer(
            HIDDEN, 4, 2, 2, dim_feedforward=128, dropout=0.0, batch_first=True
        )
        self.head = nn.Linear(HIDDEN, len(pairs.tgt_vocab))

    def embed(self, words: nn.Embedding, ids: Tensor) -> Tensor:
        return words(ids) + self.places(torch.arange(ids.shape[1]))

    def encode(self, source: Tensor, valid_len: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The decoder's state: the target so far, the encoder's outputs, and which are padding."""
        padding = torch.arange(source.shape[1]) >= valid_len.unsqueeze(1)
        memory = self.transformer.encoder(
            self.embed(self.source, source), src_key_padding_mask=padding
        )
        return torch.zeros(len(source), 0, dtype=torch.int64), memory, padding

    def decode(self, target: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        steps = target.shape[1]
        mask = torch.ones(steps, steps, dtype=torch.bool).triu(1)
        x = self.embed(self.target, target)
        x = self.transformer.decoder(x, memory, tgt_mask=mask, memory_key_padding_mask=padding)
        scores: Tensor = self.head(x)
        return scores

    def step(self, ids: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The scores of the next word, and the new state: what decoding calls."""
        before, memory, padding = state
        target = torch.cat([before, ids[:, -1:]], dim=1)
        return self.decode(target, memory, padding)[:, -1], (target, memory, padding)

    def forward(self, source: Tensor, valid_len: Tensor, target: Tensor) -> Tensor:
        """The scores [batch, steps, words] of the word after each one of the target."""
        _, memory, padding = self.encode(source, valid_len)
        return self.decode(target, memory, padding)


def train(net: nn.Module, pairs: SentencePairs, steps: int) -> list[float]:
    """Train on all pairs at once, teacher forcing, and return the loss of each step."""
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3 if isinstance(net, Seq2Seq) else 1e-3)
    source, valid_len, target, _ = pairs.collate([pairs[i] for i in range(len(pairs))])
    begin = torch.full((len(target), 1), pairs.tgt_vocab["<bos>"])
    inputs = torch.cat([begin, target[:, :-1]], dim=1)
    losses = []
    net.train()
    for _ in range(steps):
        scores = net(source, valid_len, inputs)
        loss = cross_entropy(
            scores.flatten(0, 1), target.flatten(), ignore_index=pairs.tgt_vocab["<pad>"]
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def translate(net: Any, pairs: SentencePairs, beam_size: int | None = None) -> list[str]:
    """Translate each source, greedily or with beams."""
    net.eval()
    bos, eos = pairs.tgt_vocab[["<bos>", "<eos>"]]
    texts = []
    for index in range(len(pairs)):
        source, valid_len, _, _ = pairs.collate([pairs[index]])
        first = net.encode(source, valid_len)

        def step(ids: Tensor, state: Any, first: Any = first) -> tuple[Tensor, Any]:
            return net.step(ids, state or first)

        begin = torch.tensor([[bos]])
        if beam_size is None:
            ids = generate(step, begin, STEPS, temperature=0, eos=eos)
        else:
            ids, _ = beam_search(step, begin, STEPS, beam_size=beam_size, eos=eos)
        words = [word for word in pairs.tgt_vocab.to_tokens(ids[0, 1:]) if word != "<eos>"]
        texts.append(" ".join(words))
    return texts


def score(texts: list[str], labels: list[str]) -> float:
    """The mean BLEU of the book, of n-grams up to two words."""
    return sum(bleu(a, b, k=2) for a, b in zip(texts, labels, strict=True)) / len(texts)


@torch.no_grad()
def attention_of(net: Seq2Seq, pairs: SentencePairs, index: int) -> tuple[Tensor, list[str]]:
    """Weights [words, source words] of a translation, and its words."""
    source, valid_len, _, _ = pairs.collate([pairs[index]])
    state: tuple[Tensor, ...] = net.encode(source, valid_len)
    ids = torch.tensor([[pairs.tgt_vocab["<bos>"]]])
    rows, words = [], []
    while len(words) < STEPS and "<eos>" not in words:
        _, weights = net.look(*state)
        logits, state = net.step(ids, state)
        ids = logits.argmax(1, keepdim=True)
        rows.append(weights[0])
        words += pairs.tgt_vocab.to_tokens(ids[0])
    return torch.stack(rows), words


def draw(net: Seq2Seq, pairs: SentencePairs, sources: list[str], chosen: Sequence[int]) -> Figure:
    """Draw the attention of some translations."""
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    for axes, index in zip(figure.subplots(1, len(chosen)), chosen, strict=True):
        weights, words = attention_of(net, pairs, index)
        image = axes.imshow(weights.numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
        names = [*sources[index].split(), "<eos>"]
        axes.set_xticks(range(len(names)), names, rotation=60)
        axes.set_yticks(range(len(words)), words)
    figure.colorbar(image, ax=figure.axes, label="attention")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    path = chosen.data / "text" / "fr-en-small.txt"
    if not path.is_file():
        raise SystemExit(f"{path} is not there: --data names the folder that holds text/")
    lines = read_pairs(path)
    sources, labels = ([line[side] for line in lines] for side in (0, 1))
    pairs = SentencePairs(lines)
    nets: dict[str, Any] = {
        "seq2seq": Seq2Seq(pairs, attends=False),
        "seq2seq, attention": Seq2Seq(pairs, attends=True),
        "Transformer": Translator(pairs),
    }
    rows, figures, found = [], {}, {}
    for name, net in nets.items():
        watch = Stopwatch()
        losses = train(net, pairs, 60 if chosen.quick else 250)
        seconds = watch.seconds
        found[name] = translate(net, pairs)
        beams = score(translate(net, pairs, beam_size=2), labels)
        figures[name] = score(found[name], labels)
        row = {"network": name, "loss": losses[-1], "BLEU": figures[name], "BLEU, 2 beams": beams}
        rows.append(row | {"seconds": seconds})
    print_table(rows)
    for source, text in list(zip(sources, found["Transformer"], strict=True))[:4]:
        print(f"{source} => {text}")
    figure = draw(nets["seq2seq, attention"], pairs, sources, (0, 14, 17))
    save_figure(figure, chosen.out / "translation.png")
    return figures


if __name__ == "__main__":
    main()
