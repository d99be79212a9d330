"""The convolutional networks of *Dive into Deep Learning*, chapters 7 and 8, in the book's sizes.

The deep ones are for images of one channel; all are plain ``nn.Sequential``. ``width`` is how many
times the book's channels they have: a quarter or less makes them quick on a processor.
Source: https://d2l.ai
"""

from __future__ import annotations

from collections.abc import Callable

import fastgrad as fg
from fastgrad import Tensor, nn
from fastgrad.vision.models.resnet import BasicBlock


def lenet(num_classes: int = 10) -> nn.Sequential:
    """LeNet-5 with sigmoids, for images [N, 1, 28, 28].

    Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition".

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models import lenet
    >>> lenet()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2, stride=2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2, stride=2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, num_classes),
    )


def _scaled(width: float) -> Callable[[int], int]:
    """What turns the book's number of channels into that of a network `width` times as wide."""
    if not width > 0:
        raise ValueError(f"width must be positive, got {width}")
    return lambda channels: max(1, round(channels * width))


def alexnet(num_classes: int = 10, width: float = 1.0) -> nn.Sequential:
    """AlexNet, for images [N, 1, 224, 224], or smaller ones down to 80.

    Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural
    Networks".

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models import small
    >>> small.alexnet(width=0.125)(torch.zeros(1, 1, 96, 96)).shape
    torch.Size([1, 10])
    """
    n = _scaled(width)
    return nn.Sequential(
        *(nn.Conv2d(1, n(96), 11, 4, 1), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
        *(nn.Conv2d(n(96), n(256), 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
        *(nn.Conv2d(n(256), n(384), 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(n(384), n(384), 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(n(384), n(256), 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
        nn.Flatten(),
        *_classifier(n(4096), num_classes),
    )


def _classifier(width: int, num_classes: int) -> tuple[nn.Module, ...]:
    """Two hidden layers with dropout; the number of features is known at the first call."""
    return (
        *(nn.LazyLinear(width), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.5), nn.Linear(width, num_classes)),
    )


def vgg(num_classes: int = 10, width: float = 1.0) -> nn.Sequential:
    """VGG-11 with a quarter of its channels, as the book trains it, for images of 32 and more.

    Source: Simonyan and Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image
    Recognition".

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models import small
    >>> small.vgg(width=0.125)(torch.zeros(1, 1, 64, 64)).shape
    torch.Size([1, 10])
    """
    n = _scaled(width)
    layers: list[nn.Module] = []
    channels = 1
    for convolutions, wanted in ((1, 16), (1, 32), (2, 64), (2, 128), (2, 128)):
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, n(wanted), 3, padding=1), nn.ReLU()]
            channels = n(wanted)
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), *_classifier(n(4096), num_classes))


def nin(num_classes: int = 10, width: float = 1.0) -> nn.Sequential:
    """A network in network: 1x1 convolutions after larger ones, for images [N, 1, 224, 224].

    Source: Lin et al. 2013, "Network In Network".

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models import nin
    >>> nin()(torch.zeros(1, 1, 96, 96)).shape
    torch.Size([1, 10])
    """

    def block(inp: int, out: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(inp, out, kernel, stride, padding),
            nn.ReLU(),
            nn.Conv2d(out, out, 1),
            nn.ReLU(),
            nn.Conv2d(out, out, 1),
            nn.ReLU(),
        )

    n = _scaled(width)
    return nn.Sequential(
        block(1, n(96), 11, 4, 0),
        nn.MaxPool2d(3, stride=2),
        block(n(96), n(256), 5, 1, 2),
        nn.MaxPool2d(3, stride=2),
        block(n(256), n(384), 3, 1, 1),
        nn.MaxPool2d(3, stride=2),
        nn.Dropout(0.5),
        block(n(384), num_classes, 3, 1, 1),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
    )


class _Parallel(nn.Module):
    """Branches that see the same input, joined along the channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to [N, channels of all branches, H, W]."""
        return fg.cat([branch(x) for branch in self.branches], 1)


# Channels of the branches of the blocks of GoogLeNet; between the lists the images are halved.
_INCEPTIONS = (
    ((64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64)),
    (
        (192, (96, 208), (16, 48), 64),
        (160, (112, 224), (24, 64), 64),
        (128, (128, 256), (24, 64), 64),
        (112, (144, 288), (32, 64), 64),
        (256, (160, 320), (32, 128), 128),
    ),
    ((256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128)),
)


def googlenet(num_classes: int = 10, width: float = 1.0) -> nn.Sequential:
    """GoogLeNet, for images [N, 1, 96, 96] and others.

    Source: Szegedy et al. 2014, "Going Deeper with Convolutions".

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models import small
    >>> small.googlenet(width=0.125)(torch.zeros(1, 1, 64, 64)).shape
    torch.Size([1, 10])
    """
    n = _scaled(width)

    def conv(inp: int, out: int, kernel: int) -> tuple[nn.Module, nn.Module]:
        return nn.Conv2d(inp, out, kernel, padding=kernel // 2), nn.ReLU()

    layers: list[nn.Module] = [
        *(nn.Conv2d(1, n(64), 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
        *(*conv(n(64), n(64), 1), *conv(n(64), n(192), 3), nn.MaxPool2d(3, 2, 1)),
    ]
    inp = n(192)
    for i, blocks in enumerate(_INCEPTIONS):
        layers += [nn.MaxPool2d(3, 2, 1)] if i else []
        for a, (b, c), (d, e), f in blocks:
            branches = (
                conv(inp, n(a), 1),
                (*conv(inp, n(b), 1), *conv(n(b), n(c), 3)),
                (*conv(inp, n(d), 1), *conv(n(d), n(e), 5)),
                (nn.MaxPool2d(3, 1, 1), *conv(inp, n(f), 1)),
            )
            layers.append(_Parallel(*(nn.Sequential(*branch) for branch in branches)))
            inp = n(a) + n(c) + n(e) + n(f)
    return nn.Sequential(*layers, *_head(inp, num_classes))


def _head(channels: int, num_classes: int) -> tuple[nn.Module, ...]:
    """The mean of each channel, and a linear classifier."""
    return nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(channels, num_classes)


def resnet(num_classes: int = 10, width: float = 1.0) -> nn.Sequential:
    """ResNet-18, for images [N, 1, 96, 96] and others.

    Source: He et al. 2015, "Deep Residual Learning for Image Recognition".

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models import small
    >>> small.resnet(width=0.125)(torch.zeros(2, 1, 64, 64)).shape
    torch.Size([2, 10])
    """
    n = _scaled(width)
    layers = _stem(n(64))
    channels = n(64)
    for wanted in (64, 128, 256, 512):
        out, stride = n(wanted), 1 if wanted == 64 else 2
        fitting = None
        if stride == 2:
            fitting = nn.Sequential(nn.Conv2d(channels, out, 1, stride), nn.BatchNorm2d(out))
        layers += [BasicBlock(channels, out, stride, fitting), BasicBlock(out, out)]
        channels = out
    return nn.Sequential(*layers, *_head(channels, num_classes))


def _stem(channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(1, channels, 7, 2, 3),
        *(nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
    ]


def densenet(num_classes: int = 10, width: float = 1.0) -> nn.Sequential:
    """DenseNet with four blocks of four layers, for images [N, 1, 96, 96] and others.

    Source: Huang et al. 2016, "Densely Connected Convolutional Networks".

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models import small
    >>> small.densenet(width=0.125)(torch.zeros(2, 1, 64, 64)).shape
    torch.Size([2, 10])
    """
    n = _scaled(width)
    channels, growth = n(64), n(32)

    def conv(inp: int, out: int, kernel: int) -> nn.Sequential:
        convolution = nn.Conv2d(inp, out, kernel, padding=kernel // 2)
        return nn.Sequential(nn.BatchNorm2d(inp), nn.ReLU(), convolution)

    layers = _stem(channels)
    for block in range(4):
        if block:
            layers += [conv(channels, channels // 2, 1), nn.AvgPool2d(2)]
            channels //= 2
        for _ in range(4):
            layers.append(_Parallel(nn.Identity(), conv(channels, growth, 3)))
            channels += growth
    return nn.Sequential(
        *layers, nn.BatchNorm2d(channels), nn.ReLU(), *_head(channels, num_classes)
    )
