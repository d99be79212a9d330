"""The book's models and data in the framework of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.d2l.files import DEFAULT
from fastgrad.d2l.framework import Classifier, DataModule, HyperParameters, Module
from fastgrad.d2l.plotting import show_images
from fastgrad.nn import functional as F
from fastgrad.utils import data
from fastgrad.vision import datasets, transforms

# Linear regression


class SyntheticRegressionData(DataModule):
    """Random features and targets of a linear function with noise."""

    def __init__(
        self,
        w: Tensor,
        b: float,
        noise: float = 0.01,
        num_train: int = 1000,
        num_val: int = 1000,
        batch_size: int = 32,
    ) -> None:
        super().__init__()
        self.num_train: int
        self.save_hyperparameters()
        n = num_train + num_val
        self.X = torch.randn(n, len(w))
        spread = torch.randn(n, 1) * noise
        self.y = torch.matmul(self.X, w.reshape((-1, 1))) + b + spread

    def get_dataloader(self, train: bool) -> data.DataLoader[Any]:
        """The first `num_train` rows, or the others."""
        rows = slice(0, self.num_train) if train else slice(self.num_train, None)
        return self.get_tensorloader((self.X, self.y), train, rows)


class SGD(HyperParameters):
    """Stochastic gradient descent from scratch."""

    def __init__(self, params: Any, lr: float) -> None:
        self.params: Any
        self.lr: float
        self.save_hyperparameters()

    def step(self) -> None:
        """Move each parameter against its gradient."""
        for param in self.params:
            param -= self.lr * param.grad

    def zero_grad(self) -> None:
        """Clear the gradients."""
        for param in self.params:
            if param.grad is not None:
                param.grad.zero_()


class LinearRegressionScratch(Module):
    """Linear regression with parameters of its own."""

    def __init__(self, num_inputs: int, lr: float, sigma: float = 0.01) -> None:
        super().__init__()
        self.lr: float
        self.save_hyperparameters()
        self.w = torch.normal(0, sigma, (num_inputs, 1), requires_grad=True)
        self.b = torch.zeros(1, requires_grad=True)

    def forward(self, X: Tensor) -> Tensor:
        """Xw + b."""
        return torch.matmul(X, self.w) + self.b

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Half the mean squared error."""
        return ((y_hat - y) ** 2 / 2).mean()

    def configure_optimizers(self) -> SGD:
        """SGD from scratch."""
        return SGD([self.w, self.b], self.lr)


class LinearRegression(Module):
    """Linear regression with the library's layer, loss and optimizer."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr: float
        self.save_hyperparameters()
        self.net = nn.LazyLinear(1)
        with torch.no_grad():
            self.net.weight.normal_(0, 0.01)
            nn.init.zeros_(self.net.bias)

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """The mean squared error."""
        return F.mse_loss(y_hat, y)

    def get_w_b(self) -> tuple[Tensor, Tensor]:
        """The weights and the bias."""
        return self.net.weight.data, self.net.bias.data


# Classification


class FashionMNIST(DataModule):
    """Pictures of clothes."""

    def __init__(self, batch_size: int = 64, resize: Sequence[int] = (28, 28)) -> None:
        super().__init__()
        self.save_hyperparameters()
        change = transforms.Compose([transforms.Resize(resize), transforms.ToTensor()])
        self.train, self.val = (
            datasets.FashionMNIST(DEFAULT, train=train, transform=change, download=True)
            for train in (True, False)
        )

    def text_labels(self, indices: Any) -> list[str]:
        """The words for class numbers."""
        from fastgrad.d2l.classification import get_fashion_mnist_labels

        return get_fashion_mnist_labels(indices)

    def get_dataloader(self, train: bool) -> data.DataLoader[Any]:
        """Batches of one part, in random order for training."""
        part = self.train if train else self.val
        return data.DataLoader(part, self.batch_size, shuffle=train, num_workers=self.num_workers)

    def visualize(
        self, batch: Any, nrows: int = 1, ncols: int = 8, labels: Sequence[str] = ()
    ) -> None:
        """Draw images of a batch with their labels."""
        X, y = batch
        show_images(X.squeeze(1), nrows, ncols, titles=labels or self.text_labels(y))


class SoftmaxRegression(Classifier):
    """Softmax regression."""

    def __init__(self, num_outputs: int, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(num_outputs))

    def forward(self, X: Tensor) -> Any:
        """Scores [N, num_outputs]."""
        return self.net(X)


class LeNet(Classifier):
    """LeNet-5, with sigmoids."""

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            *(nn.LazyConv2d(6, kernel_size=5, padding=2), nn.Sigmoid()),
            nn.AvgPool2d(kernel_size=2, stride=2),
            *(nn.LazyConv2d(16, kernel_size=5), nn.Sigmoid()),
            *(nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten()),
            *(nn.LazyLinear(120), nn.Sigmoid()),
            *(nn.LazyLinear(84), nn.Sigmoid()),
            nn.LazyLinear(num_classes),
        )
