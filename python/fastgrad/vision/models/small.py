"""The convolutional networks of *Dive into Deep Learning*, chapters 7 and 8, in the book's sizes.

The deep ones are for images of one channel; all are plain ``nn.Sequential``.
Source: https://d2l.ai
"""

from __future__ import annotations

from fastgrad import nn


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


def nin(num_classes: int = 10) -> nn.Sequential:
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

    return nn.Sequential(
        block(1, 96, 11, 4, 0),
        nn.MaxPool2d(3, stride=2),
        block(96, 256, 5, 1, 2),
        nn.MaxPool2d(3, stride=2),
        block(256, 384, 3, 1, 1),
        nn.MaxPool2d(3, stride=2),
        nn.Dropout(0.5),
        block(384, num_classes, 3, 1, 1),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
    )
