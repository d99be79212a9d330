"""Images: files, datasets, transforms, networks, boxes, pictures (after torchvision), metrics."""

from fastgrad.vision import datasets, io, metrics, models, ops, transforms, utils

__all__ = ["datasets", "io", "metrics", "models", "ops", "transforms", "utils"]
