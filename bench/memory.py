"""The most memory that a process needs for a few training steps. Run by ``bench.footprint``.

A script that imports one library alone: python -P memory.py LIBRARY MODEL THREADS
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

STEPS = 8


def peak_mb() -> float:
    """The most memory that was resident in this process, in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the system does not report VmHWM")


def mlp(t: Any) -> tuple[Any, Any]:
    nn = t.nn
    layers = (nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    return nn.Sequential(*layers), t.rand(256, 784)


def lenet(t: Any) -> tuple[Any, Any]:
    nn = t.nn
    features = (nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5))
    rest = (nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU())
    head = (nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    return nn.Sequential(*features, *rest, *head), t.rand(128, 1, 28, 28)


def main() -> None:
    """Train, and print the peak."""
    library, model, threads = sys.argv[1:]
    t = importlib.import_module(library)
    t.set_num_threads(int(threads))
    net, x = {"mlp": mlp, "lenet": lenet}[model](t)
    labels = t.randint(0, 10, (len(x),))
    optimizer = t.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(STEPS):
        optimizer.zero_grad()
        t.nn.functional.cross_entropy(net(x), labels).backward()
        optimizer.step()
    print(peak_mb())


if __name__ == "__main__":
    main()
