"""Image datasets for courses and first runs. Follows torchvision.datasets."""

from fastgrad.vision.datasets.digits import Digits
from fastgrad.vision.datasets.mnist import MNIST, FashionMNIST

__all__ = ["MNIST", "Digits", "FashionMNIST"]
