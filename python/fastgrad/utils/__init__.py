"""Tools around a training loop. Follows torch.utils."""

from fastgrad.utils import checkpoint, data, dlpack

__all__ = ["checkpoint", "data", "dlpack"]
