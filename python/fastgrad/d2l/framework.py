"""The book's framework of classes: models, data and the trainer that brings them together."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.d2l import devices
from fastgrad.d2l.files import DEFAULT
from fastgrad.d2l.plotting import pyplot, show_again, use_svg_display
from fastgrad.nn import functional as F
from fastgrad.utils import data

Method = TypeVar("Method", bound=Callable[..., Any])


def add_to_class(Class: type) -> Callable[[Method], Method]:
    """A decorator that makes a function a method of a class that exists already."""

    def add(method: Method) -> Method:
        setattr(Class, method.__name__, method)
        return method

    return add


class HyperParameters:
    """Classes that keep the arguments of their constructor as attributes."""

    def save_hyperparameters(self, ignore: Iterable[str] = ()) -> None:
        """Keep the arguments of the calling method, but for those to ignore, in ``hparams`` too."""
        caller = inspect.currentframe()
        assert caller is not None
        assert caller.f_back is not None
        left_out = {*ignore, "self"}
        self.hparams = {
            name: value
            for name, value in caller.f_back.f_locals.items()
            if name not in left_out and not name.startswith("_")
        }
        for name, value in self.hparams.items():
            setattr(self, name, value)


class ProgressBoard(HyperParameters):
    """Curves that grow point by point; each point is the mean of several values."""

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        xlim: Any = None,
        ylim: Any = None,
        xscale: str = "linear",
        yscale: str = "linear",
        ls: Sequence[str] = ("-", "--", "-.", ":"),
        colors: Sequence[str] = ("C0", "C1", "C2", "C3"),
        fig: Any = None,
        axes: Any = None,
        figsize: tuple[float, float] = (3.5, 2.5),
        display: bool = True,
    ) -> None:
        self.fig: Any
        self.axes: Any
        self.display: bool
        self.save_hyperparameters()
        self.raw_points: dict[str, list[tuple[float, float]]] = {}
        self.data: dict[str, list[tuple[float, float]]] = {}

    def draw(self, x: float, y: float, label: str, every_n: int = 1) -> None:
        """Add a value to the curve `label`; after `every_n` of them it grows by their mean."""
        waiting = self.raw_points.setdefault(label, [])
        line = self.data.setdefault(label, [])
        waiting.append((float(x), float(y)))
        if len(waiting) < every_n:
            return
        xs, ys = zip(*waiting, strict=True)
        line.append((sum(xs) / len(xs), sum(ys) / len(ys)))
        waiting.clear()
        if self.display:
            self._show()

    def _show(self) -> None:
        given: dict[str, Any] = self.hparams | vars(self)
        if self.fig is None:
            use_svg_display()
            self.fig = pyplot().figure(figsize=given["figsize"])
        axes = self.axes or pyplot().gca()
        axes.cla()
        for (label, line), style, color in zip(
            self.data.items(), given["ls"], given["colors"], strict=False
        ):
            axes.plot(*zip(*line, strict=True), linestyle=style, color=color, label=label)
        axes.set(**{name: given[name] for name in ("xlim", "ylim", "xscale", "yscale")})
        axes.set(xlabel=given["xlabel"] or "", ylabel=given["ylabel"] or "")
        axes.legend()
        show_again(self.fig)


class Module(nn.Module, HyperParameters):
    """A model with its loss and its optimizer, whose training is drawn."""

    net: Any  # given by the subclass
    lr: Any

    def __init__(self, plot_train_per_epoch: int = 2, plot_valid_per_epoch: int = 1) -> None:
        super().__init__()
        self.plot_train_per_epoch: int
        self.plot_valid_per_epoch: int
        self.save_hyperparameters()
        self.board = ProgressBoard()
        self.trainer: Trainer

    def loss(self, y_hat: Any, y: Any) -> Any:
        """The loss of predictions; to be written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__}.loss")

    def forward(self, X: Any) -> Any:
        """What the attribute ``net`` gives."""
        assert hasattr(self, "net"), "Neural network is defined"
        return self.net(X)

    def plot(self, key: str, value: Tensor, train: bool) -> None:
        """Add a value to the curve ``train_key`` or ``val_key``."""
        assert hasattr(self, "trainer"), "Trainer is not inited"
        trainer = self.trainer
        self.board.xlabel = "epoch"  # type: ignore[attr-defined]
        if train:
            x = trainer.train_batch_idx / trainer.num_train_batches
            n = trainer.num_train_batches / self.plot_train_per_epoch
        else:
            x = trainer.epoch + 1
            n = trainer.num_val_batches / self.plot_valid_per_epoch
        name = f"{'train' if train else 'val'}_{key}"
        self.board.draw(x, value.detach().item(), name, every_n=int(n))

    def training_step(self, batch: Sequence[Any]) -> Tensor:
        """The loss of a batch, whose last part is the target."""
        found: Tensor = self.loss(self(*batch[:-1]), batch[-1])
        self.plot("loss", found, train=True)
        return found

    def validation_step(self, batch: Sequence[Any]) -> None:
        """What is drawn of a batch of the held-out data."""
        self.plot("loss", self.loss(self(*batch[:-1]), batch[-1]), train=False)

    def configure_optimizers(self) -> Any:
        """Stochastic gradient descent with the learning rate ``lr``."""
        return torch.optim.SGD(self.parameters(), lr=self.lr)

    def apply_init(self, inputs: Sequence[Any], init: Callable[..., Any] | None = None) -> None:
        """Run the model once, so that lazy layers know their sizes, and initialise ``net``."""
        self.forward(*inputs)
        if init is not None:
            self.net.apply(init)


class DataModule(HyperParameters):
    """Data to train with and to validate."""

    def __init__(self, root: str = DEFAULT, num_workers: int = 4) -> None:
        self.root: str
        self.num_workers: int
        self.batch_size: int
        self.save_hyperparameters()

    def get_dataloader(self, train: bool) -> Any:
        """The batches of one part; to be written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__}.get_dataloader")

    def train_dataloader(self) -> Any:
        """The batches to train with."""
        return self.get_dataloader(train=True)

    def val_dataloader(self) -> Any:
        """The batches to validate with."""
        return self.get_dataloader(train=False)

    def get_tensorloader(
        self, tensors: Sequence[Tensor], train: bool, indices: slice = slice(0, None)
    ) -> data.DataLoader[Any]:
        """Batches of some rows of tensors, in random order for training."""
        rows = data.TensorDataset(*(tensor[indices] for tensor in tensors))
        return data.DataLoader(rows, self.batch_size, shuffle=train)


class Trainer(HyperParameters):
    """Trains a model on data for some passes."""

    def __init__(self, max_epochs: int, num_gpus: int = 0, gradient_clip_val: float = 0) -> None:
        self.max_epochs: int
        self.gradient_clip_val: float
        self.save_hyperparameters()
        self.gpus = [devices.gpu(i) for i in range(min(num_gpus, devices.num_gpus()))]

    def prepare_data(self, data: DataModule) -> None:
        """Take the data's two loaders."""
        self.train_dataloader = data.train_dataloader()
        self.val_dataloader = data.val_dataloader()
        self.num_train_batches = len(self.train_dataloader)
        self.num_val_batches = len(self.val_dataloader) if self.val_dataloader is not None else 0

    def prepare_model(self, model: Module) -> None:
        """Take the model, and put it on the GPU if there is one."""
        model.trainer = self
        model.board.xlim = [0, self.max_epochs]  # type: ignore[attr-defined]
        if self.gpus:
            model.to(self.gpus[0])
        self.model = model

    def prepare_batch(self, batch: Sequence[Any]) -> Sequence[Any]:
        """Put a batch where the model is."""
        return [part.to(self.gpus[0]) for part in batch] if self.gpus else batch

    def fit(self, model: Module, data: DataModule) -> None:
        """Train the model."""
        self.prepare_data(data)
        self.prepare_model(model)
        self.optim = model.configure_optimizers()
        self.train_batch_idx = self.val_batch_idx = 0
        for self.epoch in range(self.max_epochs):  # noqa: B020 - the model reads it
            self.fit_epoch()

    def fit_epoch(self) -> None:
        """Train on all batches once, then validate."""
        self.model.train()
        for batch in self.train_dataloader:
            loss = self.model.training_step(self.prepare_batch(batch))
            self.optim.zero_grad()
            with torch.no_grad():
                loss.backward()
                if self.gradient_clip_val > 0:
                    self.clip_gradients(self.gradient_clip_val, self.model)
                self.optim.step()
            self.train_batch_idx += 1
        if self.val_dataloader is None:
            return
        self.model.eval()
        for batch in self.val_dataloader:
            with torch.no_grad():
                self.model.validation_step(self.prepare_batch(batch))
            self.val_batch_idx += 1

    def clip_gradients(self, grad_clip_val: float, model: nn.Module) -> None:
        """Scale the gradients so that their joint norm is at most `grad_clip_val`."""
        gradients = [p.grad for p in model.parameters() if p.requires_grad and p.grad is not None]
        norm = torch.sqrt(sum((torch.sum(g**2) for g in gradients), torch.zeros(())))
        if norm > grad_clip_val:
            for gradient in gradients:
                gradient[:] *= grad_clip_val / norm


class Classifier(Module):
    """A model of classes: cross-entropy, and accuracy in the drawing."""

    def validation_step(self, batch: Sequence[Any]) -> None:
        """Loss and accuracy of a batch of the held-out data."""
        Y_hat = self(*batch[:-1])
        self.plot("loss", self.loss(Y_hat, batch[-1]), train=False)
        self.plot("acc", self.accuracy(Y_hat, batch[-1]), train=False)

    def accuracy(self, Y_hat: Tensor, Y: Tensor, averaged: bool = True) -> Tensor:
        """The share of right predictions, or which of them are right."""
        Y_hat = Y_hat.reshape((-1, Y_hat.shape[-1]))
        right: Tensor = (Y_hat.argmax(dim=1).type(Y.dtype) == Y.reshape(-1)).type(torch.float32)
        return right.mean() if averaged else right

    def loss(self, y_hat: Tensor, y: Tensor, averaged: bool = True) -> Tensor:
        """Cross-entropy of scores [..., classes], its mean or each sample's."""
        scores = y_hat.reshape((-1, y_hat.shape[-1]))
        reduction = "mean" if averaged else "none"
        found: Tensor = F.cross_entropy(scores, y.reshape((-1,)), reduction=reduction)
        return found

    def layer_summary(self, X_shape: Sequence[int]) -> None:
        """Print the shape of what each layer of ``net`` gives."""
        X = torch.randn(*X_shape)
        for layer in self.net:
            X = layer(X)
            print(type(layer).__name__, "output shape:\t", X.shape)
