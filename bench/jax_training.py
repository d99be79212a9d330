"""Training in JAX: one compiled step, which also cuts the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .jax_names import lib
from .row import CHECKED_STEPS, losses_and_changes

if TYPE_CHECKING:
    from .row import Array


def forward(weights: list[Any], x: Any) -> Any:
    """The network whose weights these are: LeNet where they begin with a filter, else an MLP."""
    functional = lib.nn.functional
    convolutional = weights[0].ndim == 4
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    for number, (weight, bias) in enumerate(layers, 1):
        if weight.ndim == 4:
            x = functional.conv2d(x, weight, bias, padding=2 if number == 1 else 0)
            x = functional.avg_pool2d(lib.sigmoid(x), 2)
            continue
        x = x.reshape(len(x), -1) @ weight.T + bias
        if number < len(layers):
            x = lib.sigmoid(x) if convolutional else lib.relu(x)
    return x


class Training:
    """SGD on cross-entropy."""

    def __init__(
        self, start: list[Array], data: tuple[Array, Array], batch: int, lr: float
    ) -> None:
        self.start, self.batch, self.at, self.samples = start, batch, 0, len(data[0])
        self.x, self.y = (jnp.array(array) for array in data)

        def loss_of(weights: list[Any], x: Any, y: Any) -> Any:
            return lib.nn.functional.cross_entropy(forward(weights, x), y)

        def step(weights: list[Any], data_x: Any, data_y: Any, at: int) -> tuple[list[Any], Any]:
            x = lax.dynamic_slice_in_dim(data_x, at, batch)
            y = lax.dynamic_slice_in_dim(data_y, at, batch)
            loss, grads = jax.value_and_grad(loss_of)(weights, x, y)
            return [w - lr * g for w, g in zip(weights, grads, strict=True)], loss

        self.compiled = jax.jit(step, donate_argnums=0)
        self.begin()

    def begin(self) -> None:
        """Go back to the first weights."""
        self.weights = [jnp.array(array) for array in self.start]

    def step(self, at: int) -> Any:
        """Train on the batch that begins at a sample, and wait for it."""
        self.weights, loss = self.compiled(self.weights, self.x, self.y, at)
        for weight in self.weights:
            weight.block_until_ready()
        return loss

    def next_step(self) -> None:
        """Train on the next batch."""
        self.step(self.at)
        self.at = (self.at + self.batch) % self.samples

    def results(self) -> list[Array]:
        """What some steps on the first batch do, from the start."""
        self.begin()
        losses = [float(self.step(0)) for _ in range(CHECKED_STEPS)]
        found = losses_and_changes(losses, list(map(np.asarray, self.weights)), self.start)
        self.begin()
        return found
