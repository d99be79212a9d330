"""Image datasets for courses and first runs. Follows torchvision.datasets."""

from fastgrad.vision.datasets.cifar import CIFAR10, CIFAR100
from fastgrad.vision.datasets.digits import Digits
from fastgrad.vision.datasets.emnist import EMNIST
from fastgrad.vision.datasets.fake import FakeData
from fastgrad.vision.datasets.folder import DatasetFolder, ImageFolder
from fastgrad.vision.datasets.mnist import KMNIST, MNIST, FashionMNIST
from fastgrad.vision.datasets.vision_dataset import VisionDataset
from fastgrad.vision.datasets.voc import VOCDetection, VOCSegmentation

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "DatasetFolder",
    "Digits",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VOCDetection",
    "VOCSegmentation",
    "VisionDataset",
]
