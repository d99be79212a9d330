"""What a CUDA device can do: the bandwidth of a copy, and the rate of large matrix products.

Each library of a row measures it with its own copy, or product, in the same rounds; the better one
is the limit that the row is compared with.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

FLOAT = 4  # bytes
SIDE = 8192  # of the matrices
SECONDS = 0.004  # of a measurement

# By the name of a limit: whether float32 may be rounded to TF32, and the factors' dtype.
PRODUCTS = {
    "device float32": ("highest", "float32"),
    "device TF32": ("high", "float32"),
    "device bfloat16": ("highest", "bfloat16"),
}
KINDS = ("device copy", *PRODUCTS)


def multiply(lib: Any, precision: str, a: Any, b: Any) -> Any:
    """A product in a precision, which is a switch of the whole process."""
    lib.set_float32_matmul_precision(precision)
    out = a @ b
    lib.set_float32_matmul_precision("highest")
    return out


def copying(lib: Any, amount: float) -> tuple[Callable[[], object], float]:
    """A copy that reads and writes so many bytes altogether, and how many these are."""
    count = max(1, int(amount) // (2 * FLOAT))
    source = lib.ones(count, device="cuda")
    target = lib.empty_like(source)
    return lambda: target.copy_(source), 2.0 * FLOAT * count


def multiplying(lib: Any, kind: str) -> tuple[Callable[[], object], float]:
    """A product of squares, and its operations."""
    import numpy as np

    from .kernels import normal

    precision, dtype = PRODUCTS[kind]
    numbers = normal(np.random.default_rng(0), SIDE, SIDE)
    a = lib.from_numpy(numbers).to("cuda", getattr(lib, dtype))
    return lambda: multiply(lib, precision, a, a), 2.0 * SIDE**3


class DeviceLimit:
    """One limit by one library, ready to be measured."""

    def __init__(self, module: str, kind: str, amount: float) -> None:
        self.lib = import_module(module)
        if kind in PRODUCTS:
            self.call, self.amount = multiplying(self.lib, kind)
        else:
            self.call, self.amount = copying(self.lib, amount)
        self.calls = 1
        while (taken := self.seconds()) < SECONDS / 4:
            self.calls *= 4
        self.calls = max(1, round(self.calls * SECONDS / taken))

    def seconds(self) -> float:
        """The time of all calls."""
        self.lib.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(self.calls):
            self.call()
        self.lib.cuda.synchronize()
        return time.perf_counter() - start

    def rate(self) -> float:
        """Operations or bytes a second."""
        return self.calls * self.amount / self.seconds()
