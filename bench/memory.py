"""Peak memory of a training step, fastgrad's and PyTorch's: ``python -m bench.memory``.

Each run is a process of its own. Printed are the highest resident memory (peak RSS) of the whole
process, and how far the steps raised it above what it was after the import.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

MODELS = ("mlp", "lenet")
LIBRARIES = ("fastgrad", "torch")
STEPS = 8


def status(field: str) -> float:
    """A figure of this process in MiB: VmRSS, the memory it has now, or VmHWM, the most it had."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"the system does not report {field}")


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


def measure(library: str, model: str, threads: int) -> dict[str, float]:
    """What a few training steps need, in this process."""
    t = importlib.import_module(library)
    t.set_num_threads(threads)
    imported = status("VmHWM")
    net, x = {"mlp": mlp, "lenet": lenet}[model](t)
    labels = t.randint(0, 10, (len(x),))
    optimizer = t.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(STEPS):
        optimizer.zero_grad()
        t.nn.functional.cross_entropy(net(x), labels).backward()
        optimizer.step()
    peak = status("VmHWM")
    return {"peak": peak, "raised": peak - imported}


def in_new_process(library: str, model: str, threads: int) -> dict[str, float]:
    run = [sys.executable, "-m", "bench.memory", "--one", library, model]
    command = [*run, "--threads", str(threads)]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("LIBRARY", "MODEL"), help="in this process")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.one:
        library, model = options.one
        print(json.dumps(measure(library, model, options.threads)))
        return
    print(f"{'MiB':8}{'':10}{'peak RSS':>10}{'by steps':>10}")
    for model in MODELS:
        for library in LIBRARIES:
            found = in_new_process(library, model, options.threads)
            print(f"{model:8}{library:10}{found['peak']:10.1f}{found['raised']:10.1f}")


if __name__ == "__main__":
    main()
