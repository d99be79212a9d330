"""Classification in the older style of the book: functions that train and test a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.d2l.blocks import init_cnn
from fastgrad.d2l.devices import try_all_gpus
from fastgrad.d2l.files import DEFAULT
from fastgrad.d2l.plotting import Animator, show_images
from fastgrad.d2l.timing import Timer
from fastgrad.utils import data
from fastgrad.vision import datasets, transforms

LABELS = (
    *("t-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


class Accumulator:
    """Adds up several numbers at a time."""

    def __init__(self, n: int) -> None:
        self.data = [0.0] * n

    def add(self, *args: Any) -> None:
        """Add one number to each sum."""
        self.data = [a + float(b) for a, b in zip(self.data, args, strict=True)]

    def reset(self) -> None:
        """Start at zero again."""
        self.data = [0.0] * len(self.data)

    def __getitem__(self, idx: int) -> float:
        return self.data[idx]


def get_dataloader_workers() -> int:
    """The number of workers that load data."""
    return 4


def get_fashion_mnist_labels(labels: Iterable[Any]) -> list[str]:
    """The words for class numbers of Fashion-MNIST."""
    return [LABELS[int(i)] for i in labels]


def load_data_fashion_mnist(
    batch_size: int, resize: int | Sequence[int] | None = None
) -> tuple[data.DataLoader[Any], data.DataLoader[Any]]:
    """Batches of Fashion-MNIST to train with and to test, downloaded to ``../data``."""
    steps: list[Any] = [transforms.ToTensor()]
    if resize:
        steps.insert(0, transforms.Resize(resize))
    change = transforms.Compose(steps)

    def loader(train: bool) -> data.DataLoader[Any]:
        found = datasets.FashionMNIST(DEFAULT, train=train, transform=change, download=True)
        workers = get_dataloader_workers()
        return data.DataLoader(found, batch_size, shuffle=train, num_workers=workers)

    return loader(True), loader(False)


def accuracy(y_hat: Tensor, y: Tensor) -> float:
    """How many predictions are right: of class numbers, or of scores with a column per class."""
    if y_hat.ndim > 1 and y_hat.shape[1] > 1:
        y_hat = y_hat.argmax(dim=1)
    return float((y_hat.type(y.dtype) == y).type(y.dtype).sum())


def evaluate_accuracy(net: Callable[[Tensor], Tensor], data_iter: Iterable[Any]) -> float:
    """The share of right predictions on some data."""
    return evaluate_accuracy_gpu(net, data_iter)


def evaluate_accuracy_gpu(
    net: Callable[[Any], Tensor], data_iter: Iterable[Any], device: Any = None
) -> float:
    """The share of right predictions on some data, computed on a device (the model's own)."""
    if isinstance(net, nn.Module):
        net.eval()
        device = device or next((p.device for p in net.parameters()), None)
    right, count = 0.0, 0
    with torch.no_grad():
        for X, y in data_iter:
            y = _placed(y, device)
            right += accuracy(net(_placed(X, device)), y)
            count += y.numel()
    return right / count


def _placed(value: Any, device: Any) -> Any:
    if isinstance(value, list):
        return [_placed(each, device) for each in value]
    return value if device is None else value.to(device)


def train_epoch_ch3(
    net: Any, train_iter: Iterable[Any], loss: Callable[..., Tensor], updater: Any
) -> tuple[float, float]:
    """Train through the data once; returns the mean loss and the share of right predictions.

    `updater` is an optimizer, or a function of the batch size that changes the parameters.
    """
    if isinstance(net, nn.Module):
        net.train()
    metric = Accumulator(3)
    for X, y in train_iter:
        y_hat = net(X)
        losses = loss(y_hat, y)
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
            losses.mean().backward()
            updater.step()
        else:
            losses.sum().backward()
            updater(X.shape[0])
        total = losses.sum() if losses.ndim else losses * y.numel()
        metric.add(total.detach(), accuracy(y_hat, y), y.numel())
    return metric[0] / metric[2], metric[1] / metric[2]


def train_ch3(
    net: Any,
    train_iter: Iterable[Any],
    test_iter: Iterable[Any],
    loss: Callable[..., Tensor],
    num_epochs: int,
    updater: Any,
) -> None:
    """Train a classifier, and draw its loss and accuracies after each pass through the data.

    Raises:
        AssertionError: it did not learn: the loss is over 0.5, or an accuracy under 0.7.
    """
    legend = ["train loss", "train acc", "test acc"]
    animator = Animator(xlabel="epoch", xlim=[1, num_epochs], ylim=[0.3, 0.9], legend=legend)
    for epoch in range(num_epochs):
        train_loss, train_acc = train_epoch_ch3(net, train_iter, loss, updater)
        test_acc = evaluate_accuracy(net, test_iter)
        animator.add(epoch + 1, (train_loss, train_acc, test_acc))
    assert train_loss < 0.5, train_loss
    assert 0.7 < train_acc <= 1, train_acc
    assert 0.7 < test_acc <= 1, test_acc


def predict_ch3(net: Callable[[Tensor], Tensor], test_iter: Iterable[Any], n: int = 6) -> None:
    """Draw the first images of Fashion-MNIST with their labels and the predicted ones."""
    X, y = next(iter(test_iter))
    right, predicted = map(get_fashion_mnist_labels, (y, net(X).argmax(dim=1)))
    titles = [f"{a}\n{b}" for a, b in zip(right, predicted, strict=True)]
    show_images(X[:n].reshape((n, 28, 28)), 1, n, titles=titles[:n])


def train_ch6(
    net: nn.Module,
    train_iter: Any,
    test_iter: Iterable[Any],
    num_epochs: int,
    lr: float,
    device: Any,
) -> None:
    """Train a network by SGD on the cross-entropy, from Xavier's weights, and print how it went."""
    net.apply(init_cnn)
    print("training on", device)
    net.to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()
    legend = ["train loss", "train acc", "test acc"]
    animator = Animator(xlabel="epoch", xlim=[1, num_epochs], legend=legend)
    timer, num_batches = Timer(), len(train_iter)
    for epoch in range(num_epochs):
        metric = Accumulator(3)
        net.train()
        for i, (X, y) in enumerate(train_iter):
            timer.start()
            X, y = X.to(device), y.to(device)
            optimizer.zero_grad()
            y_hat = net(X)
            batch_loss = loss(y_hat, y)
            batch_loss.backward()
            optimizer.step()
            metric.add(batch_loss.detach() * X.shape[0], accuracy(y_hat, y), X.shape[0])
            timer.stop()
            train_loss, train_acc = metric[0] / metric[2], metric[1] / metric[2]
            if _is_shown(i, num_batches):
                animator.add(epoch + (i + 1) / num_batches, (train_loss, train_acc, None))
        test_acc = evaluate_accuracy_gpu(net, test_iter)
        animator.add(epoch + 1, (None, None, test_acc))
    print(f"loss {train_loss:.3f}, train acc {train_acc:.3f}, test acc {test_acc:.3f}")
    print(f"{metric[2] * num_epochs / timer.sum():.1f} examples/sec on {device}")


def _is_shown(i: int, num_batches: int) -> bool:
    """Whether the curves grow after batch `i`: five times a pass, and at its end."""
    return (i + 1) % max(num_batches // 5, 1) == 0 or i == num_batches - 1


def split_batch(
    X: Tensor, y: Tensor, devices: Sequence[Any]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """A batch and its labels in parts, one for each device."""
    assert X.shape[0] == y.shape[0], (X.shape, y.shape)
    return nn.parallel.scatter(X, devices), nn.parallel.scatter(y, devices)


def train_batch_ch13(
    net: nn.Module, X: Any, y: Tensor, loss: Callable[..., Tensor], trainer: Any, devices: Any
) -> tuple[Tensor, float]:
    """Train on one batch; returns the sum of its losses and the number of right predictions."""
    X, y = _placed(X, devices[0]), y.to(devices[0])
    net.train()
    trainer.zero_grad()
    predicted = net(X)
    losses = loss(predicted, y)
    losses.sum().backward()
    trainer.step()
    return losses.sum().detach(), accuracy(predicted, y)


def train_ch13(
    net: nn.Module,
    train_iter: Any,
    test_iter: Iterable[Any],
    loss: Callable[..., Tensor],
    trainer: Any,
    num_epochs: int,
    devices: Sequence[Any] | None = None,
) -> None:
    """Train a network on several GPUs, or on the CPU, and print how it went."""
    devices = devices or try_all_gpus()
    timer, num_batches = Timer(), len(train_iter)
    legend = ["train loss", "train acc", "test acc"]
    animator = Animator(xlabel="epoch", xlim=[1, num_epochs], ylim=[0, 1], legend=legend)
    net = nn.DataParallel(net, device_ids=devices).to(devices[0])
    for epoch in range(num_epochs):
        metric = Accumulator(4)
        for i, (features, labels) in enumerate(train_iter):
            timer.start()
            total, right = train_batch_ch13(net, features, labels, loss, trainer, devices)
            metric.add(total, right, labels.shape[0], labels.numel())
            timer.stop()
            if _is_shown(i, num_batches):
                point = (metric[0] / metric[2], metric[1] / metric[3], None)
                animator.add(epoch + (i + 1) / num_batches, point)
        test_acc = evaluate_accuracy_gpu(net, test_iter)
        animator.add(epoch + 1, (None, None, test_acc))
    print(
        f"loss {metric[0] / metric[2]:.3f}, train acc {metric[1] / metric[3]:.3f}, "
        f"test acc {test_acc:.3f}"
    )
    print(f"{metric[2] * num_epochs / timer.sum():.1f} examples/sec on {[*map(str, devices)]}")
