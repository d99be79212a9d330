"""Images: files, datasets, transforms, networks, boxes, pictures. Follows torchvision."""

from fastgrad.vision import datasets, io, models, ops, transforms, utils

__all__ = ["datasets", "io", "models", "ops", "transforms", "utils"]
