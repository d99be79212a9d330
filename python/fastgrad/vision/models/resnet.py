"""Residual networks. Structure and state-dict names are torchvision's.

Source: He et al. 2015, "Deep Residual Learning for Image Recognition"; torchvision.models.resnet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgrad import Tensor, nn
from fastgrad.vision.models._weights import fill, filled, weights_file


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around which the input is added.

    Args:
        inplanes: channels of the input.
        planes: channels of the output.
        stride: of the first convolution.
        downsample: what makes the input fit the output, where it does not.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        base_width: int = 64,
    ) -> None:
        super().__init__()
        if base_width != 64:
            raise ValueError("BasicBlock only supports base_width=64")
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """[N, inplanes, H, W] to [N, planes, H / stride, W / stride]."""
        identity = x if self.downsample is None else self.downsample(x)
        inner = self.relu(self.bn1(self.conv1(x)))
        out: Tensor = self.relu(self.bn2(self.conv2(inner)) + identity)
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, narrow in the middle, around which the input is added."""

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        base_width: int = 64,
    ) -> None:
        super().__init__()
        width = planes * base_width // 64
        self.conv1 = nn.Conv2d(inplanes, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """[N, inplanes, H, W] to [N, 4 planes, H / stride, W / stride]."""
        identity = x if self.downsample is None else self.downsample(x)
        inner = self.relu(self.bn1(self.conv1(x)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        out: Tensor = self.relu(self.bn3(self.conv3(inner)) + identity)
        return out


class ResNet(nn.Module):
    """A stem, four stages of residual blocks, and a linear classifier of the mean features.

    Args:
        block: :class:`BasicBlock` or :class:`Bottleneck`.
        layers: the number of blocks of each stage.
        num_classes: the number of outputs.
        zero_init_residual: start with blocks that change nothing.
        width_per_group: the width of the bottlenecks of the first stage.

    Follows torchvision.models.ResNet.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models.resnet import BasicBlock, ResNet
    >>> ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        width_per_group: int = 64,
    ) -> None:
        super().__init__()
        self.inplanes = 64
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(block, 64, layers[0], 1)
        self.layer2 = self._stage(block, 128, layers[1], 2)
        self.layer3 = self._stage(block, 256, layers[2], 2)
        self.layer4 = self._stage(block, 512, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._initialise(zero_init_residual)

    def _initialise(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for module in self.modules() if zero_init_residual else ():
            if isinstance(module, Bottleneck):
                fill(module.bn3.weight, 0)
            elif isinstance(module, BasicBlock):
                fill(module.bn2.weight, 0)

    def _stage(
        self, block: type[BasicBlock] | type[Bottleneck], planes: int, count: int, stride: int
    ) -> nn.Sequential:
        downsample = None
        out = planes * block.expansion
        if stride != 1 or self.inplanes != out:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )
        blocks = [block(self.inplanes, planes, stride, downsample, self.base_width)]
        self.inplanes = out
        blocks += [block(out, planes, base_width=self.base_width) for _ in range(1, count)]
        return nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, 3, H, W] to scores [N, num_classes]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        out: Tensor = self.fc(self.avgpool(x).flatten(1))
        return out


def resnet18(*, weights: object = None, progress: bool = True, **options: Any) -> ResNet:
    """ResNet-18. Follows torchvision.models.resnet18; trained weights come from a file."""
    file = weights_file("resnet18", weights, options)
    return filled(ResNet(BasicBlock, [2, 2, 2, 2], **options), file)


def resnet34(*, weights: object = None, progress: bool = True, **options: Any) -> ResNet:
    """ResNet-34. Follows torchvision.models.resnet34; trained weights come from a file."""
    file = weights_file("resnet34", weights, options)
    return filled(ResNet(BasicBlock, [3, 4, 6, 3], **options), file)


def resnet50(*, weights: object = None, progress: bool = True, **options: Any) -> ResNet:
    """ResNet-50. Follows torchvision.models.resnet50; trained weights come from a file."""
    file = weights_file("resnet50", weights, options)
    return filled(ResNet(Bottleneck, [3, 4, 6, 3], **options), file)


def resnet101(*, weights: object = None, progress: bool = True, **options: Any) -> ResNet:
    """ResNet-101. Follows torchvision.models.resnet101; trained weights come from a file."""
    file = weights_file("resnet101", weights, options)
    return filled(ResNet(Bottleneck, [3, 4, 23, 3], **options), file)


def resnet152(*, weights: object = None, progress: bool = True, **options: Any) -> ResNet:
    """ResNet-152. Follows torchvision.models.resnet152; trained weights come from a file."""
    file = weights_file("resnet152", weights, options)
    return filled(ResNet(Bottleneck, [3, 8, 36, 3], **options), file)
