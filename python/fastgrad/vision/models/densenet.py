"""Densely connected networks. Structure and state-dict names are torchvision's.

Source: Huang et al. 2016, "Densely Connected Convolutional Networks"; torchvision.models.densenet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import fastgrad as fg
from fastgrad import Tensor, nn
from fastgrad.nn import functional as F
from fastgrad.vision.models._weights import fill, without_weights


class _DenseLayer(nn.Module):
    """1x1 and 3x3 convolutions of all features so far, each after normalization and ReLU."""

    def __init__(self, inputs: int, growth_rate: int, bn_size: int, drop_rate: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """All features so far, [N, C, H, W] each, to [N, growth_rate, H, W]."""
        narrow = self.conv1(self.relu1(self.norm1(fg.cat(list(features), 1))))
        new = self.conv2(self.relu2(self.norm2(narrow)))
        out: Tensor = F.dropout(new, self.drop_rate, self.training) if self.drop_rate > 0 else new
        return out


class _DenseBlock(nn.ModuleDict):
    """Layers each of which sees the features of all before it."""

    def __init__(
        self, layers: int, inputs: int, bn_size: int, growth_rate: int, drop_rate: float
    ) -> None:
        super().__init__()
        for i in range(layers):
            self.add_module(
                f"denselayer{i + 1}",
                _DenseLayer(inputs + i * growth_rate, growth_rate, bn_size, drop_rate),
            )

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] to [N, inputs + layers * growth_rate, H, W]."""
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        out: Tensor = fg.cat(features, 1)
        return out


class _Transition(nn.Sequential):
    """To half of the channels, and to half of the height and the width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)


class DenseNet(nn.Module):
    """A stem, four dense blocks with transitions between them, and a linear classifier.

    Args:
        growth_rate: the channels that each layer adds.
        block_config: the number of layers of each block.
        num_init_features: the channels after the stem.
        bn_size: how many times `growth_rate` the narrow layers have.
        drop_rate: the probability of dropout after each layer.
        num_classes: the number of outputs.

    Follows torchvision.models.DenseNet.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models import DenseNet
    >>> DenseNet(4, (1, 2), 8, num_classes=5)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        stem: list[tuple[str, nn.Module]] = [
            ("conv0", nn.Conv2d(3, num_init_features, 7, 2, 3, bias=False)),
            ("norm0", nn.BatchNorm2d(num_init_features)),
            ("relu0", nn.ReLU(inplace=True)),
            ("pool0", nn.MaxPool2d(3, 2, 1)),
        ]
        self.features = nn.Sequential(OrderedDict(stem))
        channels = num_init_features
        for i, layers in enumerate(block_config):
            block = _DenseBlock(layers, channels, bn_size, growth_rate, drop_rate)
            self.features.add_module(f"denseblock{i + 1}", block)
            channels += layers * growth_rate
            if i != len(block_config) - 1:
                self.features.add_module(f"transition{i + 1}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.Linear):
                fill(module.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, 3, H, W] to scores [N, num_classes]."""
        features = F.relu(self.features(x), inplace=True)
        out: Tensor = self.classifier(features.mean((2, 3)))
        return out


def densenet121(*, weights: None = None, progress: bool = True, **options: Any) -> DenseNet:
    """DenseNet-121. Follows torchvision.models.densenet121, without weights to download."""
    without_weights("densenet121", weights, options)
    return DenseNet(32, (6, 12, 24, 16), 64, **options)


def densenet169(*, weights: None = None, progress: bool = True, **options: Any) -> DenseNet:
    """DenseNet-169. Follows torchvision.models.densenet169, without weights to download."""
    without_weights("densenet169", weights, options)
    return DenseNet(32, (6, 12, 32, 32), 64, **options)


def densenet201(*, weights: None = None, progress: bool = True, **options: Any) -> DenseNet:
    """DenseNet-201. Follows torchvision.models.densenet201, without weights to download."""
    without_weights("densenet201", weights, options)
    return DenseNet(32, (6, 12, 48, 32), 64, **options)


def densenet161(*, weights: None = None, progress: bool = True, **options: Any) -> DenseNet:
    """DenseNet-161. Follows torchvision.models.densenet161, without weights to download."""
    without_weights("densenet161", weights, options)
    return DenseNet(48, (6, 12, 36, 24), 96, **options)
