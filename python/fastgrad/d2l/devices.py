"""Which device to use: the CPU, unless there are GPUs."""

from __future__ import annotations

import fastgrad as torch


def cpu() -> torch.device:
    """The CPU."""
    return torch.device("cpu")


def gpu(i: int = 0) -> torch.device:
    """The GPU of number `i`, which may not be there."""
    return torch.device(f"cuda:{i}")


def num_gpus() -> int:
    """The number of GPUs."""
    return torch.cuda.device_count()


def try_gpu(i: int = 0) -> torch.device:
    """The GPU of number `i` if there is one, otherwise the CPU."""
    return gpu(i) if num_gpus() > i else cpu()


def try_all_gpus() -> list[torch.device]:
    """All GPUs, or the CPU alone if there are none."""
    return [gpu(i) for i in range(num_gpus())] or [cpu()]
