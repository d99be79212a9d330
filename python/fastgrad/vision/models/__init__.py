"""Networks for images: torchvision's, under its names, and the small ones of a course.

Files of weights that torchvision published load with ``net.load_state_dict(fastgrad.load(path))``.
"""

from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from typing import Any

from fastgrad.vision.models.alexnet import AlexNet, alexnet
from fastgrad.vision.models.densenet import (
    DenseNet,
    densenet121,
    densenet161,
    densenet169,
    densenet201,
)
from fastgrad.vision.models.googlenet import GoogLeNet, googlenet
from fastgrad.vision.models.inception import Inception3, inception_v3
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
    "Inception3",
    "MobileNetV2",
    "ResNet",
    "alexnet",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
    "get_model",
    "googlenet",
    "inception_v3",
    "lenet",
    "list_models",
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


def _builders() -> dict[str, Callable[..., Any]]:
    """The functions that make a network, by name."""
    others = {"get_model", "list_models"}
    return {n: globals()[n] for n in __all__ if n.islower() and n not in others}


def list_models(
    *, include: str | Iterable[str] | None = None, exclude: str | Iterable[str] | None = None
) -> list[str]:
    """The names that :func:`get_model` knows, in order.

    Args:
        include, exclude: which of them, as patterns with `*` like those of file names.

    Follows torchvision.models.list_models.

    >>> from fastgrad.vision.models import list_models
    >>> list_models(include="resnet*", exclude=["*1*"])
    ['resnet34', 'resnet50']
    """

    def matches(name: str, patterns: str | Iterable[str]) -> bool:
        each = [patterns] if isinstance(patterns, str) else patterns
        return any(fnmatch(name, pattern) for pattern in each)

    names = sorted(_builders())
    if include is not None:
        names = [name for name in names if matches(name, include)]
    return names if exclude is None else [name for name in names if not matches(name, exclude)]


def get_model(name: str, **config: Any) -> Any:
    """The network of that name, made with the given options.

    Raises:
        ValueError: there is none; the message lists the names.

    Follows torchvision.models.get_model.

    >>> from fastgrad.vision.models import get_model
    >>> get_model("resnet18", num_classes=2).fc.out_features
    2
    """
    builder = _builders().get(name.lower())
    if builder is None:
        raise ValueError(f"Unknown model {name}; known are {', '.join(list_models())}")
    return builder(**config)
