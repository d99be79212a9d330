"""Images: datasets, transforms, networks, boxes and regions. Follows torchvision."""

from fastgrad.vision import datasets, models, ops, transforms

__all__ = ["datasets", "models", "ops", "transforms"]
