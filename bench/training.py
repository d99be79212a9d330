"""Steps of training: data in memory, batches by slicing, SGD with learning rate 0.1 unless said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .row import CHECKED_STEPS, Case, Goal, Program, Row, cuda_of, losses_and_changes

if TYPE_CHECKING:
    import numpy as np

    from .row import Array


def images(rng: np.random.Generator, samples: int, *shape: int) -> tuple[Array, Array]:
    """Images, and labels that a linear model can learn."""
    import numpy as np

    x = rng.random((samples, *shape), dtype=np.float32) / 2  # as bright as photographs are
    flat = x.reshape(samples, -1)
    teacher = rng.standard_normal((flat.shape[1], 10), dtype=np.float32)
    scores = (flat - 0.25) @ teacher
    return x, scores.argmax(axis=1)


def starting_weights(net: Any, rng: np.random.Generator) -> list[Array]:
    """The same start for every library: matrices spread as PyTorch's are, biases 0, scales 1."""
    weights = list(net.parameters())
    scales = [len(weight.shape) == 1 and bool((weight == 1).all()) for weight in weights]
    return drawn_weights([tuple(weight.shape) for weight in weights], scales, rng)


def drawn_weights(
    shapes: Sequence[tuple[int, ...]], scales: Sequence[bool], rng: np.random.Generator
) -> list[Array]:
    """Weights of these shapes, where `scales` says which are ones."""
    import numpy as np

    arrays = []
    for shape, is_scale in zip(shapes, scales, strict=True):
        if len(shape) > 1:
            spread = 1 / np.sqrt(np.prod(shape[1:]))
            arrays.append(rng.uniform(-spread, spread, shape).astype(np.float32))
        else:
            arrays.append(np.full(shape, float(is_scale), np.float32))
    return arrays


class Training:
    """A network in training, by slices of data in memory."""

    def __init__(
        self,
        lib: Any,
        net: Any,
        model: Any,
        optimizer: Callable[[Any], Any],
        start: list[Array],
        data: tuple[Array, Array],
        batch: int,
        device: str = "cpu",
    ) -> None:
        self.lib, self.net, self.model = lib, net.to(device), model
        self.new_optimizer = optimizer
        self.start = [lib.from_numpy(array).to(device) for array in start]
        self.x, self.y = (lib.from_numpy(array).to(device) for array in data)
        self.batch, self.samples, self.at = batch, len(data[0]), 0
        self.begin()

    def begin(self) -> None:
        """Go back to the first weights."""
        with self.lib.no_grad():
            for weight, first in zip(self.net.parameters(), self.start, strict=True):
                weight.copy_(first)
        self.optimizer = self.new_optimizer(self.net.parameters())

    def step(self, at: int) -> Any:
        """Train on the batch that begins at a sample."""
        return self.train(self.x[at : at + self.batch], self.y[at : at + self.batch])

    def train(self, x: Any, y: Any) -> Any:
        """Train on a batch; its loss."""
        loss = self.lib.nn.functional.cross_entropy(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def next_step(self) -> None:
        """Train on the next batch."""
        self.step(self.at)
        self.at = (self.at + self.batch) % self.samples

    def results(self) -> list[Array]:
        """What some steps on the first batch do, from the start."""
        self.begin()
        losses = [float(self.step(0).detach()) for _ in range(CHECKED_STEPS)]
        weights = [weight.detach().cpu().numpy() for weight in self.net.parameters()]
        found = losses_and_changes(losses, weights, [first.cpu().numpy() for first in self.start])
        self.begin()
        return found


# Networks


def softmax_regression(nn: Any) -> Any:
    """A linear layer."""
    return nn.Linear(784, 10)


def mlp(nn: Any) -> Any:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def lenet(nn: Any) -> Any:
    """The book's LeNet."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


LENET_SHAPES = (
    *((6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,)),
    *((120, 400), (120,), (84, 120), (84,), (10, 84), (10,)),
)


def residual_block(nn: Any, inputs: int, outputs: int, stride: int) -> Any:
    """Two convolutions and what they are added to."""

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
            )
            self.skip = nn.Identity()
            if stride != 1 or inputs != outputs:
                self.skip = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
                    nn.BatchNorm2d(outputs),
                )
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.body(x) + self.skip(x))

    return Block()


def resnet18(nn: Any) -> Any:
    """ResNet-18 with a 3x3 stem, for small images."""
    blocks = [
        residual_block(nn, inputs, outputs, stride)
        for inputs, outputs, stride in (
            *((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1)),
            *((128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)),
        )
    ]
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


def row(
    name: str,
    make: Callable[[Any], Any],
    shape: tuple[int, ...],
    batch: int,
    goal: Goal,
    *,
    samples: int = 8192,
    optimizer: str = "SGD",
    lr: float = 0.1,
    tolerance: float = 1e-3,
    shapes: Sequence[tuple[int, ...]] = (),
    libraries: Sequence[str] = (),
    data: Callable[..., tuple[Array, Array]] = images,
    section: str = "training",
    device: str = "cpu",
    trainer: type[Training] = Training,
) -> Row:
    """A network's row; `libraries` have a form of their own, with weights of these shapes."""

    def program(lib: Any, rng: np.random.Generator, optimize: Callable[[Any], Any]) -> Case:
        cuda = cuda_of(lib, device)
        net, make_optimizer = make(lib.nn), getattr(lib.optim, optimizer)
        job = trainer(
            lib,
            net,
            optimize(net),
            lambda weights: make_optimizer(weights, lr=lr),
            starting_weights(net, rng),
            data(rng, samples, *shape),
            batch,
            device,
        )
        return Case(job.next_step, job.results, losses=True, cuda=cuda)

    def by_hand(library: str, rng: np.random.Generator) -> Case:
        start = drawn_weights(shapes, [False] * len(shapes), rng)
        trainer = import_module(f".{library}_training", __package__).Training
        job = trainer(start, data(rng, samples, *shape), batch, lr)
        return Case(job.next_step, job.results, losses=True)

    forms = {library: partial(by_hand, library) for library in libraries}
    title = f"{name} b{batch}"
    return Row(
        section,
        title,
        lambda rng: Program(program, forms),
        goal,
        "M samples/s",
        batch,
        tolerance=tolerance,
    )


def rows() -> Iterator[Row]:
    """All rows of the section."""
    flat, image = (784,), (1, 28, 28)
    for batch, ratio in ((256, 0.4), (32, 0.3)):
        yield row(
            "softmax regression",
            softmax_regression,
            flat,
            batch,
            Goal(ratio),
            shapes=((10, 784), (10,)),
            libraries=("numpy", "jax"),
        )
    for batch, ratio in ((256, 0.45), (32, 0.4)):
        yield row(
            "MLP",
            mlp,
            flat,
            batch,
            Goal(ratio),
            shapes=((256, 784), (256,), (10, 256), (10,)),
            libraries=("numpy", "jax"),
        )
    yield row("MLP Adam", mlp, flat, 256, Goal(0.4), optimizer="Adam", lr=1e-3)
    for batch in (256, 32):
        yield row(
            "LeNet",
            lenet,
            image,
            batch,
            Goal(0.4),
            samples=4096,
            shapes=LENET_SHAPES,
            libraries=("jax",),
        )
    yield row(
        "ResNet-18",
        resnet18,
        (3, 32, 32),
        32,
        Goal(1.0),
        samples=32,
        lr=0.01,  # with 0.1 the first steps go up before they go down
        # One pixel of many on the other side of a ReLU's kink is a percent of some gradients; two
        # libraries of 32-bit floats differ from 64-bit ones by as much.
        tolerance=0.2,
    )
