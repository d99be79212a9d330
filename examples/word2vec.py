"""word2vec: words of Shakespeare as vectors, by skip-grams with negative sampling.

Prints how well words that stand near each other are told from noise, the nearest words of some
words, and two analogies; draws the words on a map of their two main directions.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import BLUE, GREY, Stopwatch, options, print_table, read_corpus, save_figure
from fastgrad import Tensor, nn
from fastgrad.nn import functional
from fastgrad.text import (
    NegativeSampler,
    Vocab,
    WordTokenizer,
    skip_gram_pairs,
    subsample,
)

NOISE = 5  # drawn words for each word that is really there
SHOWN = ("king", "queen", "father", "mother", "sword", "love", "night", "rome")
ANALOGIES = (("king", "queen", "his"), ("father", "mother", "he"))
ON_THE_MAP = (
    *("king", "queen", "prince", "duke", "lord", "lady", "father", "mother", "son", "daughter"),
    *("brother", "sister", "wife", "husband", "love", "hate", "heart", "hand", "eye", "tongue"),
    *("sword", "blood", "death", "life", "night", "day", "heaven", "earth", "god", "soul"),
    *("romeo", "juliet", "richard", "edward", "warwick", "marcius", "rome", "england", "france"),
    *("he", "she", "his", "her", "thou", "you", "thy", "your"),
)


class SkipGram(nn.Module):
    """Two vectors for each word: one in the middle of a window, one beside the middle."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.middle, self.beside = nn.Embedding(words, width), nn.Embedding(words, width)
        nn.init.uniform_(self.middle.weight, -0.5 / width, 0.5 / width)
        nn.init.zeros_(self.beside.weight)

    def forward(self, centers: Tensor, contexts: Tensor) -> Tensor:
        """Scores [pairs, contexts] of centers [pairs] and contexts [pairs, contexts]."""
        scores = self.beside(contexts) @ self.middle(centers).unsqueeze(2)
        return scores.squeeze(2)


def read_lines(text: str, vocab: Vocab) -> list[list[int]]:
    """The known words of each speech, as numbers."""
    speeches = text.split("\n\n")
    lines = [vocab[WordTokenizer.split(speech)] for speech in speeches]
    return [[token for token in line if token != vocab.unk] for line in lines]


def scores_with_noise(
    net: SkipGram, pairs: tuple[Tensor, Tensor], sampler: NegativeSampler
) -> Tensor:
    """Scores [pairs, 1 + NOISE]: first the word that is there, then drawn ones."""
    centers, contexts = pairs
    noise = sampler(contexts, NOISE)
    return net(centers, torch.cat([contexts.unsqueeze(1), noise], dim=1))


def train(
    net: SkipGram, lines: list[list[int]], sampler: NegativeSampler, epochs: int
) -> list[float]:
    """Train, each epoch on a fresh subsample, and return the mean loss of each epoch."""
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    labels = torch.tensor([1.0, *[0.0] * NOISE])
    losses = []
    for _ in range(epochs):
        centers, contexts = skip_gram_pairs(subsample(lines, t=1e-3), max_window_size=5)
        total = 0.0
        for chosen in torch.randperm(len(centers)).split(2048):
            scores = scores_with_noise(net, (centers[chosen], contexts[chosen]), sampler)
            loss = functional.binary_cross_entropy_with_logits(scores, labels.expand_as(scores))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        losses.append(total / len(centers))
    return losses


@torch.no_grad()
def told_apart(net: SkipGram, lines: list[list[int]], sampler: NegativeSampler) -> float:
    """How often a word that is there scores higher than a drawn one; 0.5 is chance."""
    pairs = skip_gram_pairs(subsample(lines, t=1e-3), max_window_size=5)
    scores = scores_with_noise(net, pairs, sampler)
    above = (scores[:, :1] > scores[:, 1:]).float() + 0.5 * (scores[:, :1] == scores[:, 1:]).float()
    return above.mean().item()


def nearest(vectors: Tensor, vocab: Vocab, target: Tensor, count: int, without: set[str]) -> str:
    """The words whose vectors point most nearly where the target does."""
    order = (vectors @ target).argsort(descending=True)[: count + len(without)]
    return " ".join([word for word in vocab.to_tokens(order) if word not in without][:count])


def draw(vectors: Tensor, vocab: Vocab) -> Figure:
    """Draw words on the plane of the two main directions of their vectors."""
    words = [word for word in ON_THE_MAP if word in vocab]
    chosen = vectors[vocab[words]]
    chosen = chosen - chosen.mean(0)
    _, _, directions = torch.linalg.svd(chosen, full_matrices=False)
    places = chosen @ directions[:2].T
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    axes.scatter(places[:, 0].numpy(), places[:, 1].numpy(), s=8, color=GREY)
    for word, place in zip(words, places.tolist(), strict=True):
        axes.annotate(
            word, place, color=BLUE, fontsize=9, xytext=(3, 2), textcoords="offset points"
        )
    axes.set(xlabel="first direction", ylabel="second direction", title="words of Shakespeare")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    text = read_corpus(chosen.data, "tinyshakespeare.txt")
    epochs = 2 if chosen.quick else 10
    if chosen.quick:
        text = text[: len(text) // 2]
    vocab = Vocab(WordTokenizer.split(text), min_freq=8)
    lines = read_lines(text, vocab)
    held_out, lines = lines[::20], [line for i, line in enumerate(lines) if i % 20]
    counts = torch.bincount(torch.tensor([t for line in lines for t in line]), minlength=len(vocab))
    sampler = NegativeSampler(counts)
    net = SkipGram(len(vocab), 64)
    watch = Stopwatch()
    losses = train(net, lines, sampler, epochs)
    apart = told_apart(net, held_out, sampler)
    print(f"{len(vocab)} words, {epochs} epochs, {watch.seconds:.1f} s; loss {losses[-1]:.3f}")
    print(f"words near each other told from noise, on speeches not seen: {apart:.3f}\n")
    vectors = functional.normalize(net.middle.weight.detach())
    known = [word for word in SHOWN if word in vocab]
    print_table(
        {"word": w, "nearest words": nearest(vectors, vocab, vectors[vocab[w]], 5, {w})}
        for w in known
    )
    for a, b, c in ANALOGIES:
        target = vectors[vocab[b]] - vectors[vocab[a]] + vectors[vocab[c]]
        print(f"{a} is to {b} as {c} to: {nearest(vectors, vocab, target, 5, {a, b, c})}")
    save_figure(draw(vectors, vocab), chosen.out / "word2vec.png")
    return {"told apart": apart, "loss": losses[-1]}


if __name__ == "__main__":
    main()
