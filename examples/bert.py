"""BERT: pre-trained on sentences of two books, then tuned to tell their authors apart.

Pre-training predicts masked words, and whether a sentence follows another. Fine-tuning sees a few
labelled sentences of H. G. Wells and of Shakespeare. Prints how right the trained and the untrained
encoder are on sentences not seen, and draws the losses and the tuning.
"""

import re
from collections.abc import Sequence

from matplotlib.figure import Figure

import fastgrad as torch
from common import (
    BLUE,
    GREY,
    ORANGE,
    Stopwatch,
    options,
    print_table,
    read_corpus,
    save_figure,
)
from fastgrad import Tensor
from fastgrad.nn.functional import cross_entropy
from fastgrad.text import (
    Vocab,
    WordTokenizer,
    mask_tokens,
    next_sentence_pairs,
    pad_batch,
    pair_inputs,
)
from fastgrad.text.models import BERT, BERTConfig, BERTForPreTraining, BERTForSequenceClassification

SPECIAL = ("<pad>", "<cls>", "<sep>", "<mask>")
LENGTH = 32
BOOKS = ("timemachine.txt", "tinyshakespeare.txt")


def sentences_of(text: str) -> list[list[list[str]]]:
    """The paragraphs of a text, as lists of sentences, which are lists of words.

    The names of speakers ("First Citizen:") are left out: they would give Shakespeare away.
    """
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text):
        spoken = re.sub(r"^.*:$", "", paragraph, count=1, flags=re.MULTILINE)
        split = (WordTokenizer.split(part) for part in re.split(r"(?<=[.!?;:])\s", spoken))
        paragraphs.append([words for words in split if len(words) > 3])
    return [paragraph for paragraph in paragraphs if paragraph]


def pretrain(
    net: BERTForPreTraining, paragraphs: list[list[list[int]]], vocab: Vocab, steps: int
) -> list[tuple[float, float]]:
    """Train both heads, and return the losses of each step."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    special = vocab[list(SPECIAL)]
    pairs = next_sentence_pairs(paragraphs)
    losses = []
    while len(losses) < steps:
        for chosen in torch.randperm(len(pairs)).split(32)[: steps - len(losses)]:
            batch = [pairs[index] for index in chosen.tolist()]
            rows = [pair_inputs(a, b, *vocab[["<cls>", "<sep>"]], LENGTH) for a, b, _ in batch]
            ids, valid_len = pad_batch([row[0] for row in rows])
            segments, _ = pad_batch([row[1] for row in rows])
            masked, labels = mask_tokens(ids, vocab["<mask>"], len(vocab), special)
            places = labels != -100
            words, follows = net(masked, segments, valid_len, places)
            word_loss = cross_entropy(words, labels[places])
            pair_loss = cross_entropy(follows, torch.tensor([label for *_, label in batch]))
            optimizer.zero_grad()
            (word_loss + pair_loss).backward()
            optimizer.step()
            losses.append((word_loss.item(), pair_loss.item()))
    return losses


class Authors:
    """Sentences and who wrote them: equally many of both, to train with and to test."""

    def __init__(self, books: list[list[list[list[int]]]], vocab: Vocab, labelled: int) -> None:
        self.vocab = vocab
        flat = [[s for paragraph in book for s in paragraph] for book in books]
        count = min(map(len, flat))
        orders = [torch.randperm(len(book))[:count].tolist() for book in flat]
        both = [
            (flat[author][index], author)
            for pair in zip(*orders, strict=True)
            for author, index in enumerate(pair)
        ]
        self.train, self.test = both[:labelled], both[labelled : labelled + 400]

    def batch(self, examples: list[tuple[list[int], int]]) -> tuple[Tensor, Tensor, Tensor]:
        cls_token, sep_token = self.vocab[["<cls>", "<sep>"]]
        rows = [[cls_token, *ids[: LENGTH - 2], sep_token] for ids, _ in examples]
        return *pad_batch(rows), torch.tensor([author for _, author in examples])


def tune(bert: BERT, authors: Authors, epochs: int) -> list[float]:
    """Train encoder and classifier, and return how right they are after each epoch."""
    net = BERTForSequenceClassification(bert, num_labels=2)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-4)
    ids, valid_len, labels = authors.batch(authors.test)
    right = []
    for _ in range(epochs):
        net.train()
        for chosen in torch.randperm(len(authors.train)).split(16):
            batch = authors.batch([authors.train[index] for index in chosen.tolist()])
            loss = cross_entropy(net(batch[0], valid_len=batch[1]), batch[2])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            found = net(ids, valid_len=valid_len).argmax(1)
        right.append((found == labels).float().mean().item())
    return right


def draw(losses: list[tuple[float, float]], curves: dict[str, list[float]]) -> Figure:
    """Draw both losses of pre-training, and the tuning."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    words, pairs = zip(*losses, strict=True)
    left.plot(words, color=BLUE, lw=0.8)
    left.set(xlabel="step", ylabel="loss of masked words")
    middle.plot(pairs, color=BLUE, lw=0.8)
    middle.axhline(0.693, color=GREY, ls=":")
    middle.set(xlabel="step", ylabel="loss of next sentence (dotted: chance)")
    for (name, curve), color in zip(curves.items(), (ORANGE, GREY), strict=True):
        right.plot(range(1, len(curve) + 1), curve, color=color, marker="o", label=name)
    right.set(xlabel="epoch of tuning", ylabel="sentences not seen: right")
    right.xaxis.get_major_locator().set_params(integer=True)
    right.legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit."""
    chosen = options(__doc__, arguments)
    steps, epochs, labelled = (100, 6, 64) if chosen.quick else (1500, 8, 128)
    texts = [sentences_of(read_corpus(chosen.data, name)) for name in BOOKS]
    vocab = Vocab(texts, min_freq=5, reserved_tokens=SPECIAL)
    books = [[vocab[paragraph] for paragraph in text] for text in texts]
    size = 64 if chosen.quick else 128
    config = BERTConfig(
        vocab_size=len(vocab),
        hidden_size=size,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * size,
        max_position_embeddings=LENGTH,
        dropout=0.1,
    )
    net = BERTForPreTraining(config)
    watch = Stopwatch()
    losses = pretrain(net, books[0] + books[1], vocab, steps)
    words, pairs = (sum(side[-20:]) / 20 for side in zip(*losses, strict=True))
    print(f"pre-training: {len(vocab)} words, {steps} steps, {watch.seconds:.1f} s")
    authors = Authors(books, vocab, labelled)
    curves = {
        "pre-trained": tune(net.bert, authors, epochs),
        "untrained": tune(BERT(config), authors, epochs),
    }
    print_table(
        {"encoder": name, "right": curve[-1], "best epoch": max(curve)}
        for name, curve in curves.items()
    )
    print(f"loss of masked words {words:.3f}, of the next sentence {pairs:.3f} (chance 0.693)")
    save_figure(draw(losses, curves), chosen.out / "bert.png")
    return {"words": words, "pairs": pairs, "right": curves["pre-trained"][-1]}


if __name__ == "__main__":
    main()
