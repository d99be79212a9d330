"""Linear regression from scratch: data, model, loss, and the small tools around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.utils import data


def synthetic_data(w: Tensor, b: float | Tensor, num_examples: int) -> tuple[Tensor, Tensor]:
    """Random features [N, len(w)] and targets Xw + b + noise [N, 1]; the noise's std is 0.01."""
    X = torch.normal(0, 1, (num_examples, len(w)))
    y = torch.matmul(X, w) + b
    y += torch.normal(0, 0.01, y.shape)
    return X, y.reshape((-1, 1))


def linreg(X: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """The linear model Xw + b."""
    return torch.matmul(X, w) + b


def squared_loss(y_hat: Tensor, y: Tensor) -> Tensor:
    """Half the squared error of each sample."""
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def sgd(params: Iterable[Tensor], lr: float, batch_size: int) -> None:
    """A step of stochastic gradient descent on the sum of a batch's losses; clears gradients."""
    with torch.no_grad():
        for param in params:
            assert param.grad is not None, "sgd: call backward() before"
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def load_array(
    data_arrays: Sequence[Tensor], batch_size: int, is_train: bool = True
) -> data.DataLoader[Any]:
    """Batches of tensors, in random order for training."""
    return data.DataLoader(data.TensorDataset(*data_arrays), batch_size, shuffle=is_train)


def evaluate_loss(
    net: Callable[[Tensor], Tensor], data_iter: Iterable[Any], loss: Callable[..., Tensor]
) -> float:
    """The mean loss of a model on some data."""
    total, count = 0.0, 0
    for X, y in data_iter:
        out = net(X)
        losses = loss(out, y.reshape(out.shape))
        total += float(losses.sum())
        count += losses.numel()
    return total / count


def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """The cross-correlation of a matrix with a kernel."""
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


def grad_clipping(net: Any, theta: float) -> None:
    """Scale the gradients of a model so that their joint norm is at most `theta`."""
    owned = net.parameters() if isinstance(net, nn.Module) else net.params
    gradients = [p.grad for p in owned if p.requires_grad and p.grad is not None]
    norm = torch.sqrt(sum((torch.sum(g**2) for g in gradients), torch.zeros(())))
    if norm > theta:
        for gradient in gradients:
            gradient[:] *= theta / norm
