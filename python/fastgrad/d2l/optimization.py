"""Optimizers seen at work: paths on a plane, and a small regression."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.d2l.files import download
from fastgrad.d2l.plotting import Animator
from fastgrad.d2l.regression import evaluate_loss, linreg, load_array, squared_loss
from fastgrad.d2l.timing import Timer


def train_2d(
    trainer: Callable[..., Any], steps: int = 20, f_grad: Callable[..., Any] | None = None
) -> list[tuple[Any, Any]]:
    """Let an optimizer walk from (-5, -2); returns the points and prints the last one.

    `trainer` takes the point and its own two numbers, (with `f_grad`) and returns all four.
    """
    x1, x2, s1, s2 = -5.0, -2.0, 0.0, 0.0
    points: list[tuple[Any, Any]] = [(x1, x2)]
    for _ in range(steps):
        given = (f_grad,) if f_grad else ()
        x1, x2, s1, s2 = trainer(x1, x2, s1, s2, *given)
        points.append((x1, x2))
    print(f"epoch {steps}, x1: {float(x1):f}, x2: {float(x2):f}")
    return points


def get_data_ch11(batch_size: int = 10, n: int = 1500) -> tuple[Any, int]:
    """Batches of the noise of airfoils, standardised, and the number of features."""
    import numpy as np

    rows = np.genfromtxt(download("airfoil"), dtype=np.float32, delimiter="\t")
    values = torch.from_numpy((rows - rows.mean(axis=0)) / rows.std(axis=0))
    loader = load_array((values[:n, :-1], values[:n, -1]), batch_size, is_train=True)
    return loader, values.shape[1] - 1


def train_ch11(
    trainer_fn: Callable[..., Any],
    states: Any,
    hyperparams: dict[str, Any],
    data_iter: Iterable[Any],
    feature_dim: int,
    num_epochs: int = 2,
) -> tuple[list[float], list[float]]:
    """Train a linear model with an optimizer from scratch; returns seconds and losses."""
    w = torch.normal(mean=0.0, std=0.01, size=(feature_dim, 1), requires_grad=True)
    b = torch.zeros((1), requires_grad=True)

    def net(X: Tensor) -> Tensor:
        return linreg(X, w, b)

    def step(X: Tensor, y: Tensor) -> None:
        squared_loss(net(X), y).mean().backward()
        trainer_fn([w, b], states, hyperparams)

    return _train(step, net, squared_loss, data_iter, num_epochs)


def train_concise_ch11(
    trainer_fn: Callable[..., Any],
    hyperparams: dict[str, Any],
    data_iter: Iterable[Any],
    num_epochs: int = 4,
) -> None:
    """Train a linear model with an optimizer of the library."""
    layer = nn.Linear(5, 1)
    nn.init.normal_(layer.weight, std=0.01)
    net = nn.Sequential(layer)
    optimizer = trainer_fn(net.parameters(), **hyperparams)
    loss = nn.MSELoss(reduction="none")

    def step(X: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        out = net(X)
        loss(out, y.reshape(out.shape)).mean().backward()
        optimizer.step()

    def half(out: Tensor, y: Tensor) -> Tensor:  # MSELoss has no 1/2
        losses: Tensor = loss(out, y)
        return losses / 2

    _train(step, net, half, data_iter, num_epochs)


def _train(
    step: Callable[[Tensor, Tensor], None],
    net: Callable[[Tensor], Tensor],
    loss: Callable[..., Tensor],
    data_iter: Any,
    num_epochs: int,
) -> tuple[list[float], list[float]]:
    """Take steps and, every 200 samples, draw the loss on all data."""
    animator = Animator(xlabel="epoch", ylabel="loss", xlim=[0, num_epochs], ylim=[0.22, 0.35])
    n, timer = 0, Timer()
    losses: list[float] = []
    for _ in range(num_epochs):
        for X, y in data_iter:
            step(X, y)
            n += X.shape[0]
            if n % 200 == 0:
                timer.stop()
                losses.append(evaluate_loss(net, data_iter, loss))
                animator.add(n / X.shape[0] / len(data_iter), (losses[-1],))
                timer.start()
    print(f"loss: {losses[-1]:.3f}, {timer.sum() / num_epochs:.3f} sec/epoch")
    return timer.cumsum(), losses
