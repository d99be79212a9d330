"""Fifty steps of training from equal seeds follow PyTorch's, and both read the other's files.

Rounding is all that the two differ in, and training makes it grow. Where the curve is smooth in the
weights it grows slowly: LeNet and the MLP follow in float32 to 1e-5 of the loss (found: 1e-6).
ResNet-18 has a million ReLUs a step, and with seven digits some sum in it is rounded across the
kink; normalization over a few images then spreads a whole unit instead of a rounding. PyTorch's own
curve in float32 moves by 1e-2 within six steps when its first weights change by their last bit. So
float32 is compared for the steps before that, and all fifty in float64, which crosses no kink: they
agree to 1e-7, what float32 rounds to (found: 1e-11).
"""

import builtins
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.vision.datasets import MNIST
from parity import array_of

DATA = Path(os.environ.get("FASTGRAD_DATA") or Path(__file__).parents[1] / ".." / "shared" / "data")


def in_pytorch(name: str, torch: ModuleType) -> Any:
    """What a module of fastgrad defines when it imports PyTorch in fastgrad's place."""

    def redirected(wanted: str, *rest: Any) -> Any:
        if wanted == "fastgrad":
            return torch
        # Where weights come from is not part of a model; they are fastgrad's to read.
        is_model = wanted.startswith("fastgrad.vision.models.") and not wanted.endswith("._weights")
        return in_pytorch(wanted, torch) if is_model else __import__(wanted, *rest)

    path = Path(import_module(name).__file__ or "")
    names = {"__name__": name, "__builtins__": {**vars(builtins), "__import__": redirected}}
    exec(compile(path.read_text(), path, "exec"), names)
    return SimpleNamespace(**names)


def lenet(t: Any) -> Any:
    net = models_of(t, "small").lenet()
    for layer in net:
        if isinstance(layer, t.nn.Linear | t.nn.Conv2d):
            t.nn.init.xavier_uniform_(layer.weight)
    return net


def resnet18(t: Any) -> Any:
    return models_of(t, "resnet").resnet18(num_classes=10)


def models_of(t: Any, file: str) -> Any:
    name = f"fastgrad.vision.models.{file}"
    return import_module(name) if t is fg else in_pytorch(name, t)


def mlp(t: Any) -> Any:
    nn = t.nn
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(28 * 28, 256), nn.ReLU(), nn.Dropout(0.2)),
        *(nn.Linear(256, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10)),
    )


@dataclass
class Case:
    """A network, what it learns from, and how near two curves can be (relative to the loss)."""

    make: Callable[[Any], Any]
    shape: tuple[int, ...]
    batch: int
    optimizer: Callable[[Any, Any], Any]
    tolerance: float
    dtype: str = "float32"
    steps: int = 50


def adam(t: Any, parameters: Any) -> Any:
    return t.optim.Adam(parameters, lr=1e-2)


def sgd(t: Any, parameters: Any) -> Any:
    return t.optim.SGD(parameters, lr=1e-3, momentum=0.9, weight_decay=1e-4)


CASES = {
    "lenet": Case(lenet, (1, 28, 28), 32, adam, 1e-5),
    "mlp": Case(mlp, (1, 28, 28), 32, sgd, 1e-5),
    "resnet18": Case(resnet18, (3, 32, 32), 8, sgd, 1e-7, "float64"),
    "resnet18 in float32": Case(resnet18, (3, 32, 32), 8, sgd, 1e-4, steps=3),
}


def trained(t: Any, case: Case) -> tuple[Any, list[float], dict[str, np.ndarray]]:
    """A network after its steps, the losses, and its first weights; all drawn from one seed."""
    t.manual_seed(1)
    net = case.make(t)
    first = {name: array_of(value).copy() for name, value in net.state_dict().items()}
    optimizer = case.optimizer(t, net.parameters())
    coarse = 2 * t.randn(10, case.shape[0], 4, 4)
    patterns = t.nn.functional.interpolate(coarse, case.shape[1:])
    losses = []
    for _ in range(case.steps):
        labels = t.randint(10, (case.batch,))
        images = patterns[labels] + 0.5 * t.randn(case.batch, *case.shape)
        loss = t.nn.functional.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return net.eval(), losses, first


@pytest.fixture
def default_dtype(torch: ModuleType) -> Iterator[Callable[[str], None]]:
    """What sets the default dtype of both libraries for a test; PyTorch runs in one thread, as its
    threads wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda name: [t.set_default_dtype(getattr(t, name)) for t in (fg, torch)]
    torch.set_num_threads(threads)
    for t in (fg, torch):
        t.set_default_dtype(t.float32)


@pytest.mark.parametrize("name", CASES)
def test_losses_follow_pytorchs(
    name: str, torch: ModuleType, tmp_path: Path, default_dtype: Callable[[str], None]
) -> None:
    case = CASES[name]
    default_dtype(case.dtype)
    ours, found, our_first = trained(fg, case)
    theirs, expected, their_first = trained(torch, case)
    assert list(our_first) == list(their_first)
    for key, values in their_first.items():
        np.testing.assert_allclose(our_first[key], values, rtol=1e-5, atol=1e-7)
    assert found == pytest.approx(expected, rel=case.tolerance)
    if case.steps > 10:
        assert found[-1] < 0.5 * found[0], "it learns nothing, so that nothing can differ"

    # Each net's file, read by the other library, computes what that net computes.
    fg.save(ours.state_dict(), tmp_path / "ours.pth")
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    images = np.random.default_rng(0).random((4, *case.shape)).astype(case.dtype)
    before = ours(fg.from_numpy(images)), theirs(torch.from_numpy(images))
    ours.load_state_dict(fg.load(tmp_path / "theirs.pth"))
    theirs.load_state_dict(torch.load(tmp_path / "ours.pth", weights_only=True))
    after = theirs(torch.from_numpy(images)), ours(fg.from_numpy(images))
    for was, now in zip(before, after, strict=True):
        np.testing.assert_allclose(array_of(now), array_of(was), rtol=1e-4, atol=1e-4)


def accuracy(t: Any, count: int, epochs: int) -> float:
    """The book's LeNet on digits that it has not seen, after training on `count` others."""
    t.manual_seed(0)
    net = lenet(t)
    optimizer = adam(t, net.parameters())
    images, labels = digits(t, train=True, count=count)
    for _ in range(epochs):
        for batch in t.randperm(count).split(64):
            loss = t.nn.functional.cross_entropy(net(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    images, labels = digits(t, train=False, count=10_000)
    with t.no_grad():
        right = [
            net(x).argmax(1) == y
            for x, y in zip(images.split(1000), labels.split(1000), strict=True)
        ]
    return t.cat(right).float().mean().item()


def digits(t: Any, *, train: bool, count: int) -> tuple[Any, Any]:
    found = MNIST(DATA / "mnist", train=train)
    images = found.data[:count].float().div(255).unsqueeze(1)
    labels = found.targets[:count]
    return (
        (images, labels) if t is fg else tuple(map(t.from_numpy, (images.numpy(), labels.numpy())))
    )


@pytest.mark.usefixtures("default_dtype")
def test_lenet_reads_digits_as_well_as_pytorchs(torch: ModuleType) -> None:
    """On a twentieth of MNIST, for a minute less than all of it takes."""
    if not (DATA / "mnist").is_dir():
        pytest.skip(f"MNIST is not in {DATA}: set FASTGRAD_DATA")
    ours, theirs = accuracy(fg, 3000, 4), accuracy(torch, 3000, 4)
    assert ours > 0.7
    assert ours == pytest.approx(theirs, abs=0.005)
