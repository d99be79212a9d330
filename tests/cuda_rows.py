"""The rows of the benchmark's section for CUDA devices in small sizes, for tests."""

from importlib import import_module
from typing import Any

import numpy as np

adapters = import_module("fastgrad.bench.adapters")
comparison = import_module("fastgrad.bench.comparison")
cuda = import_module("fastgrad.bench.cuda")
row = import_module("fastgrad.bench.row")

SLOW = ("ResNet", "LSTM", "GPT")  # networks of the training section, as they are there


def quick_rows(device: str) -> list[Any]:
    """The rows on a device, but for the slowest networks."""
    sizes = cuda.Sizes(
        device=device,
        elements=3000,
        table=(40, 30),
        batches=((30, 20), (20, 50)),
        normed=((20, 16), (10, 32)),
        transposed=40,
        embedding=(30, 8, 20),
        adam=(3, 100),
        product=40,
        attention=(1, 2, 32, 16),
        chain=(10, 100),
        lenet=4,
    )
    return [one for one in cuda.rows(sizes) if not one.name.startswith(SLOW)]


def digests(one: Any, module: str) -> list[Any]:
    """What a row computes in a library, at first and after its inputs were changed."""
    rng = np.random.default_rng(0)
    work, adapter = one.work(rng), adapters.TorchLike(module)
    is_function = isinstance(work, row.Function)
    case = adapter.function(work) if is_function else adapter.program(work, rng)
    found = [case.results()]
    if case.change is not None:
        case.call()
        case.change()
        found.append(case.results())
        assert any((a != b).any() for a, b in zip(*found, strict=True))
    return [[comparison.Digest.of(array) for array in results] for results in found]
