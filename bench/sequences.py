"""Steps of training of sequence models: what comes next in a text of random letters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .row import Goal, Row
from .training import row

if TYPE_CHECKING:
    import numpy as np

    from .row import Array

LETTERS, STEPS, HIDDEN = 28, 35, 256


def letters(rng: np.random.Generator, samples: int, *shape: int) -> tuple[Array, Array]:
    """One-hot letters, of which each follows from the one before, and the letters after them."""
    import numpy as np

    (steps,) = shape
    follower = rng.permutation(LETTERS)
    text = np.empty((samples, steps + 1), np.int64)
    text[:, 0] = rng.integers(0, LETTERS, samples)
    for step in range(steps):
        text[:, step + 1] = follower[text[:, step]]
    return np.eye(LETTERS, dtype=np.float32)[text[:, :-1]], text[:, 1:]


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


def rows() -> Iterator[Row]:
    """All rows."""
    for kind in ("RNN", "LSTM", "GRU"):
        yield row(
            f"{kind} {HIDDEN}",
            language_model(kind),
            (STEPS,),
            32,
            Goal(0.5),
            data=letters,
            samples=1024,
        )
    yield row("Transformer layer", transformer, (64,), 16, Goal(0.5), data=letters, samples=512)
