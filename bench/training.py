"""Training steps on data in memory, and samples per second through the DataLoader.

Every workload is written once against the PyTorch API; the loss after the first step must agree
before anything is timed. Run: python bench/training.py
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from rounds import header, median_times, rivals, row

SAMPLES = 8192


def data(lib: ModuleType) -> tuple[Any, Any]:
    """Images like MNIST's and labels, the same numbers for every library."""
    lib.manual_seed(0)
    return lib.rand(SAMPLES, 784), lib.randint(0, 10, (SAMPLES,))


def training_step(lib: ModuleType, hidden: int, batch: int) -> Callable[[], Any]:
    """SGD on cross-entropy: softmax regression (hidden = 0) or one hidden ReLU layer."""
    nn = lib.nn
    x, y = data(lib)
    if hidden:
        net = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 10))
    else:
        net = nn.Linear(784, 10)
    optimizer = lib.optim.SGD(net.parameters(), lr=0.01)
    at = 0

    def work() -> Any:
        nonlocal at
        loss = nn.functional.cross_entropy(net(x[at : at + batch]), y[at : at + batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        at = (at + batch) % SAMPLES
        return loss

    return work


def epoch_of_loading(lib: ModuleType) -> Callable[[], object]:
    """One pass over a shuffled DataLoader with batches of 256."""
    utils = lib.utils.data
    loader = utils.DataLoader(utils.TensorDataset(*data(lib)), batch_size=256, shuffle=True)

    def work() -> None:
        for _ in loader:
            pass

    return work


def check_equal(works: dict[str, Callable[[], Any]]) -> None:
    """The first losses must be the same number."""
    losses = {name: float(work().detach()) for name, work in works.items()}
    if max(losses.values()) - min(losses.values()) > 1e-4:
        raise SystemExit(f"the libraries do not compute the same thing: {losses}")


def main() -> None:
    """Print the table."""
    libs = rivals()
    print(header(list(libs), "us"))
    for title, hidden in (("softmax regression 784-10", 0), ("MLP 784-256-10", 256)):
        for batch in (256, 32):
            works = {name: training_step(lib, hidden, batch) for name, lib in libs.items()}
            check_equal(works)
            print(row(f"{title}, batch {batch}", median_times(works)))
    times = median_times({name: epoch_of_loading(lib) for name, lib in libs.items()})
    print(row("DataLoader, shuffled, a sample", {k: v / SAMPLES for k, v in times.items()}))


if __name__ == "__main__":
    main()
