"""Tools around a training loop. Follows torch.utils."""

from fastgrad.utils import data, dlpack

__all__ = ["data", "dlpack"]
