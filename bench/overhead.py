"""The cost of one call on tiny tensors: plain, recorded, and forward + backward in a chain of ten.

Run: python bench/overhead.py
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from rounds import header, median_times, rivals, row

OPS: dict[str, Callable[[Any, Any], Any]] = {
    "x + y": lambda x, y: x + y,
    "x * y": lambda x, y: x * y,
    "relu": lambda x, y: x.relu(),
    "exp": lambda x, y: x.exp(),
    "matmul 4x4": lambda x, y: x @ y,
    "sum": lambda x, y: x.sum(),
    "reshape": lambda x, y: x.reshape(2, 8),
    "x[0]": lambda x, y: x[0],
}
# Ops that can follow themselves; the values stay small.
CHAINS = {name: OPS[name] for name in ("x + y", "x * y", "relu", "matmul 4x4")}


def call(lib: ModuleType, op: Callable[[Any, Any], Any], recorded: bool) -> Callable[[], object]:
    """One call of an op."""
    x = lib.full((4, 4), 0.5, requires_grad=recorded)
    y = lib.full((4, 4), 0.25)
    return lambda: op(x, y)


def chain(lib: ModuleType, op: Callable[[Any, Any], Any]) -> Callable[[], object]:
    """Ten ops, a sum and backward."""
    x = lib.full((4, 4), 0.5, requires_grad=True)
    y = lib.full((4, 4), 0.25)

    def work() -> None:
        z = x
        for _ in range(10):
            z = op(z, y)
        z.sum().backward()

    return work


def mlp(lib: ModuleType) -> Callable[[], object]:
    """Inference of a 4-16-16-2 network on one sample."""
    nn = lib.nn
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
    x = lib.ones(1, 4)

    def work() -> None:
        with lib.no_grad():
            net(x)

    return work


def main() -> None:
    """Print the table."""
    libs = rivals()
    print(header(list(libs), "us"))
    for recorded in (False, True):
        for name, op in OPS.items():
            works = {lib: call(module, op, recorded) for lib, module in libs.items()}
            print(row(f"{name}{', recorded' if recorded else ''}", median_times(works)))
    for name, op in CHAINS.items():
        times = median_times({lib: chain(module, op) for lib, module in libs.items()})
        print(row(f"{name}, forward + backward, an op", {k: v / 10 for k, v in times.items()}))
    print(row("MLP 4-16-16-2, batch 1", median_times({k: mlp(m) for k, m in libs.items()})))


if __name__ == "__main__":
    main()
