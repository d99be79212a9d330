"""Networks for images: torchvision's, under its names, and the small ones of a course.

Files of weights that torchvision published load with ``net.load_state_dict(fastgrad.load(path))``.
"""

from fastgrad.vision.models.alexnet import AlexNet, alexnet
from fastgrad.vision.models.densenet import (
    DenseNet,
    densenet121,
    densenet161,
    densenet169,
    densenet201,
)
from fastgrad.vision.models.googlenet import GoogLeNet, googlenet
from fastgrad.vision.models.mobilenet import MobileNetV2, mobilenet_v2
from fastgrad.vision.models.resnet import (
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
)
from fastgrad.vision.models.small import lenet, nin
from fastgrad.vision.models.vgg import (
    VGG,
    vgg11,
    vgg11_bn,
    vgg13,
    vgg13_bn,
    vgg16,
    vgg16_bn,
    vgg19,
    vgg19_bn,
)

__all__ = [
    "VGG",
    "AlexNet",
    "DenseNet",
    "GoogLeNet",
    "MobileNetV2",
    "ResNet",
    "alexnet",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
    "googlenet",
    "lenet",
    "mobilenet_v2",
    "nin",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]
