"""Batches in memory from which a CUDA device copies while the host goes on."""

from collections.abc import Mapping
from typing import Any

from fastgrad.tensor import Tensor


def pinned(batch: Any) -> Any:
    """The batch with the tensors of the CPU in it, at any depth, in pinned memory.

    What has a method `pin_memory` of its own does that.
    """
    if isinstance(batch, Tensor):
        return batch if batch.is_cuda else batch.pin_memory()
    if hasattr(batch, "pin_memory"):
        return batch.pin_memory()
    if isinstance(batch, Mapping):
        found = {key: pinned(value) for key, value in batch.items()}
        return found if type(batch) is dict else type(batch)(found)  # type: ignore[call-arg]
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*map(pinned, batch))
    if isinstance(batch, (list, tuple)):
        return type(batch)(map(pinned, batch))
    return batch
