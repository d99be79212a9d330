"""Tools around a training loop. Follows torch.utils."""

from fastgrad.utils import data

__all__ = ["data"]
