"""Sequence models, in training and as writers: what comes next in a text of random letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .row import Case, Goal, Program, Row
from .training import row, starting_weights

if TYPE_CHECKING:
    import numpy as np

    from .row import Array

LETTERS, STEPS, HIDDEN = 28, 35, 256
# Of the GPT, in the sizes of nanoGPT's model of characters for a CPU.
VOCABULARY, LENGTH, WIDTH, HEADS, LAYERS = 65, 64, 128, 4, 4


def texts(rng: np.random.Generator, letters: int, samples: int, length: int) -> Array:
    """Texts in which each letter follows from the one before."""
    import numpy as np

    follower = rng.permutation(letters)
    text = np.empty((samples, length), np.int64)
    text[:, 0] = rng.integers(0, letters, samples)
    for step in range(length - 1):
        text[:, step + 1] = follower[text[:, step]]
    return text


def one_hot(rng: np.random.Generator, samples: int, *shape: int) -> tuple[Array, Array]:
    """One-hot letters, and the letters after them."""
    import numpy as np

    text = texts(rng, LETTERS, samples, shape[0] + 1)
    return np.eye(LETTERS, dtype=np.float32)[text[:, :-1]], text[:, 1:]


def tokens(rng: np.random.Generator, samples: int, *shape: int) -> tuple[Array, Array]:
    """Numbers of letters, and those after them."""
    text = texts(rng, VOCABULARY, samples, shape[0] + 1)
    return text[:, :-1].copy(), text[:, 1:].copy()


def language_model(kind: str) -> Any:
    """One recurrent layer and a linear one."""

    def make(nn: Any) -> Any:
        class Model(nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.layer = getattr(nn, kind)(LETTERS, HIDDEN, batch_first=True)
                self.head = nn.Linear(HIDDEN, LETTERS)

            def forward(self, x: Any) -> Any:
                return self.head(self.layer(x)[0]).transpose(1, 2)

        return Model()

    return make


def transformer(nn: Any) -> Any:
    """An encoder layer under a causal mask."""

    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(LETTERS, 128)
            self.layer = nn.TransformerEncoderLayer(128, 4, 512, 0.0, batch_first=True)
            self.head = nn.Linear(128, LETTERS)
            mask = nn.Transformer.generate_square_subsequent_mask(64)
            self.register_buffer("mask", mask)

        def forward(self, x: Any) -> Any:
            x = self.layer(self.embed(x), src_mask=self.mask, is_causal=True)
            return self.head(x).transpose(1, 2)

    return Model()


class Past:
    """A layer's keys and values of the tokens before."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib
        self.parts: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return self.parts[0].shape[2] if self.parts else 0

    def extend(self, *new: Any) -> tuple[Any, ...]:
        """All keys and values, with those of new tokens."""
        if self.parts:
            pairs = zip(self.parts, new, strict=True)
            new = tuple(self.lib.cat(pair, dim=2) for pair in pairs)
        self.parts = new
        return new


# None of the GPT's layers has a bias, nanoGPT's choice for training. Here there is a second reason:
# a key's bias has no gradient but rounding, which AdamW makes as large a step as any other.


def attention(nn: Any) -> Any:
    """Causal attention of several heads, which can go on from a past."""

    class Attention(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.joined = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
            self.out = nn.Linear(WIDTH, WIDTH, bias=False)

        def forward(self, x: Any, past: Past | None) -> Any:
            batch, length, _ = x.shape
            joined = self.joined(x).view(batch, length, 3, HEADS, WIDTH // HEADS)
            query, key, value = joined.permute(2, 0, 3, 1, 4).unbind(0)
            if past is not None:
                key, value = past.extend(key, value)
            mixed = nn.functional.scaled_dot_product_attention(
                query, key, value, is_causal=length > 1
            )
            return self.out(mixed.transpose(1, 2).reshape(batch, length, WIDTH))

    return Attention()


def block(nn: Any) -> Any:
    """Attention and an MLP, each behind a norm and beside a way past it."""

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(WIDTH, bias=False)
            self.attention = attention(nn)
            self.mlp = nn.Sequential(
                nn.LayerNorm(WIDTH, bias=False),
                nn.Linear(WIDTH, 4 * WIDTH, bias=False),
                nn.GELU(),
                nn.Linear(4 * WIDTH, WIDTH, bias=False),
            )

        def forward(self, x: Any, past: Past | None) -> Any:
            x = x + self.attention(self.norm(x), past)
            return x + self.mlp(x)

    return Block()


def gpt(nn: Any) -> Any:
    """A GPT; its head is its table of tokens."""

    class GPT(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(VOCABULARY, WIDTH)
            self.places = nn.Embedding(LENGTH, WIDTH)
            self.blocks = nn.ModuleList([block(nn) for _ in range(LAYERS)])
            self.norm = nn.LayerNorm(WIDTH, bias=False)
            self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
            self.head.weight = self.tokens.weight

        def forward(self, ids: Any, pasts: list[Past] | None = None) -> Any:
            start = len(pasts[0]) if pasts else 0
            x = self.tokens(ids) + self.places.weight[start : start + ids.shape[1]]
            for number, layer in enumerate(self.blocks):
                x = layer(x, pasts[number] if pasts else None)
            return self.head(self.norm(x)).transpose(1, 2)

    return GPT()


class Writer:
    """A GPT that writes a text, always the likeliest token, each from a cache of those before."""

    def __init__(self, lib: Any, rng: np.random.Generator) -> None:
        self.lib, self.net = lib, gpt(lib.nn)
        self.first = lib.from_numpy(rng.integers(0, VOCABULARY, (1, 1)))
        with lib.no_grad():
            start = starting_weights(self.net, rng)
            for weight, array in zip(self.net.parameters(), start, strict=True):
                weight.copy_(lib.from_numpy(array))

    def write(self) -> tuple[list[Any], list[Any]]:
        """The tokens, and the scores that each was chosen by."""
        pasts = [Past(self.lib) for _ in range(LAYERS)]
        ids, written, scores = self.first, [], []
        with self.lib.no_grad():
            for _ in range(LENGTH):
                scores.append(self.net(ids, pasts)[:, :, -1])
                ids = scores[-1].argmax(dim=1, keepdim=True)
                written.append(ids)
        return written, scores

    def results(self) -> list[Array]:
        """The whole text, and all scores."""
        return [self.lib.cat(parts, dim=0).numpy() for parts in self.write()]

    def change(self) -> None:
        """Make another network of it."""
        with self.lib.no_grad():
            for weight in self.net.parameters():
                weight.mul_(0.75)


def writing(rng: np.random.Generator) -> Program:
    """The same text comes out in every library."""

    def make(lib: Any, rng: np.random.Generator, optimize: Callable[[Any], Any]) -> Case:
        writer = Writer(lib, rng)
        return Case(writer.write, writer.results, writer.change)

    return Program(make, compiled=False)


def generation_rows() -> Iterator[Row]:
    """All rows of the section of that name; a call writes a text, and times are of one token."""
    yield Row("generation", f"GPT {LENGTH} tokens b1", writing, Goal(0.4), calls=LENGTH)


def training_rows() -> Iterator[Row]:
    """Rows of training."""
    for kind in ("RNN", "LSTM", "GRU"):
        yield row(
            f"{kind} {HIDDEN}",
            language_model(kind),
            (STEPS,),
            32,
            Goal(0.5),
            data=one_hot,
            samples=1024,
        )
    yield row("Transformer layer", transformer, (64,), 16, Goal(0.5), data=one_hot, samples=512)
    yield row(
        f"GPT {LAYERS}x{WIDTH}",
        gpt,
        (LENGTH,),
        16,
        Goal(0.5),
        samples=512,
        optimizer="AdamW",
        lr=1e-3,
        data=tokens,
        # AdamW makes steps of one size at first: where a gradient is hardly more than rounding, so
        # is its step. The losses agree to six digits, single weights' changes to a percent.
        tolerance=0.05,
    )
