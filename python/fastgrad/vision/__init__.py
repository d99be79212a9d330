"""Images: datasets, transforms, boxes and regions. Follows torchvision."""

from fastgrad.vision import datasets, ops, transforms

__all__ = ["datasets", "ops", "transforms"]
