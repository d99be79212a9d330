"""Tools around a training loop. Follows torch.utils."""

from fastgrad.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
