"""Training in NumPy, with the gradients of linear layers and ReLUs by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .row import CHECKED_STEPS, losses_and_changes

if TYPE_CHECKING:
    from .row import Array


class Training:
    """SGD on linear layers with ReLU between them and cross-entropy behind."""

    def __init__(
        self, start: list[Array], data: tuple[Array, Array], batch: int, lr: float
    ) -> None:
        self.start, self.batch, self.lr, self.at = start, batch, np.float32(lr), 0
        self.x, self.y = data
        self.rows = np.arange(batch)
        self.begin()

    def begin(self) -> None:
        """Go back to the first weights."""
        self.weights = [array.copy() for array in self.start]

    def step(self, at: int) -> float:
        """Train on the batch that begins at a sample."""
        layers = list(zip(self.weights[::2], self.weights[1::2], strict=True))
        inputs, y = [self.x[at : at + self.batch]], self.y[at : at + self.batch]
        for number, (weight, bias) in enumerate(layers, 1):
            out = inputs[-1] @ weight.T
            out += bias
            if number < len(layers):
                np.maximum(out, 0, out=out)
                inputs.append(out)
        out -= out.max(axis=1, keepdims=True)
        picked = out[self.rows, y]
        np.exp(out, out=out)
        total = out.sum(axis=1, keepdims=True)
        loss = float((np.log(total[:, 0]) - picked).mean())
        grad = out / total
        grad[self.rows, y] -= 1
        grad /= np.float32(self.batch)
        for (weight, bias), x in zip(reversed(layers), reversed(inputs), strict=True):
            below = grad @ weight if x is not inputs[0] else grad
            weight -= self.lr * (grad.T @ x)
            bias -= self.lr * grad.sum(axis=0)
            grad = below * (x > 0) if x is not inputs[0] else below
        return loss

    def next_step(self) -> None:
        """Train on the next batch."""
        self.step(self.at)
        self.at = (self.at + self.batch) % len(self.x)

    def results(self) -> list[Array]:
        """What some steps on the first batch do, from the start."""
        self.begin()
        losses = [float(self.step(0)) for _ in range(CHECKED_STEPS)]
        found = losses_and_changes(losses, list(map(np.asarray, self.weights)), self.start)
        self.begin()
        return found
