"""One module trained by several processes, or named for several GPUs. Follows torch.nn.parallel."""

from __future__ import annotations

from fastgrad.nn.parallel.data_parallel import DataParallel, data_parallel, scatter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad.nn.parallel.distributed import (
        DistributedDataParallel as DistributedDataParallel,
    )

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel", "scatter"]


def __getattr__(name: str) -> Any:
    """Import what few scripts need when they first name it."""
    if name == "DistributedDataParallel":
        from fastgrad.nn.parallel.distributed import DistributedDataParallel

        return DistributedDataParallel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
