"""Images: datasets, transforms, networks, boxes and regions (after torchvision), and metrics."""

from fastgrad.vision import datasets, metrics, models, ops, transforms

__all__ = ["datasets", "metrics", "models", "ops", "transforms"]
