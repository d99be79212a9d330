"""Images: datasets and transforms. Follows torchvision."""

from fastgrad.vision import datasets, transforms

__all__ = ["datasets", "transforms"]
