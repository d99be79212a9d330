"""GoogLeNet. Structure and state-dict names are torchvision's.

Source: Szegedy et al. 2014, "Going Deeper with Convolutions"; torchvision.models.googlenet.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import fastgrad as fg
from fastgrad import Tensor, nn
from fastgrad.nn import functional as F
from fastgrad.vision.models._weights import without_weights


class GoogLeNetOutputs(NamedTuple):
    """Scores of the network and of its two auxiliary classifiers."""

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


class BasicConv2d(nn.Module):
    """A convolution, its normalization, and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **options)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, H, W] to [N, out_channels, h, w]."""
        out: Tensor = F.relu(self.bn(self.conv(x)), inplace=True)
        return out


def normalized_as_in_paper(x: Tensor) -> Tensor:
    """From torchvision's means and deviations of red, green and blue to 0.5 and 0.5."""
    std = fg.tensor([0.229, 0.224, 0.225], dtype=x.dtype).reshape(3, 1, 1)
    mean = fg.tensor([0.485, 0.456, 0.406], dtype=x.dtype).reshape(3, 1, 1)
    return x * (std / 0.5) + (mean - 0.5) / 0.5


class Inception(nn.Module):
    """Four branches with views of different sizes, joined along the channels.

    The second and the third branch have 3x3 convolutions, the third in place of the paper's 5x5 as
    in the published weights.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
    ) -> None:
        super().__init__()
        self.branch1 = BasicConv2d(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(in_channels, ch3x3red, kernel_size=1),
            BasicConv2d(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(in_channels, ch5x5red, kernel_size=1),
            BasicConv2d(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, 1, 1, ceil_mode=True),
            BasicConv2d(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, H, W] to [N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W]."""
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        out: Tensor = fg.cat([branch(x) for branch in branches], 1)
        return out


class InceptionAux(nn.Module):
    """A classifier in the middle of the network, which is used in training."""

    def __init__(self, in_channels: int, num_classes: int, dropout: float = 0.7) -> None:
        super().__init__()
        self.conv = BasicConv2d(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, H, W] to [N, num_classes]."""
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4)))
        out: Tensor = self.fc2(self.dropout(F.relu(self.fc1(x.flatten(1)), inplace=True)))
        return out


class GoogLeNet(nn.Module):
    """Nine inception blocks and a linear classifier of the mean features.

    Args:
        num_classes: the number of outputs.
        aux_logits: have two auxiliary classifiers; in training the result is then a
            :class:`GoogLeNetOutputs`.
        transform_input: change the normalization of images from torchvision's to the paper's.
        init_weights: draw the weights from truncated normal distributions.
        dropout, dropout_aux: probabilities before the classifiers.

    Follows torchvision.models.GoogLeNet.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool = True,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = InceptionAux(512, num_classes, dropout_aux) if aux_logits else None
        self.aux2 = InceptionAux(528, num_classes, dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights:
            for module in self.modules():
                if isinstance(module, (nn.Conv2d, nn.Linear)):
                    nn.init.trunc_normal_(module.weight, mean=0.0, std=0.01, a=-2, b=2)

    def forward(self, x: Tensor) -> Any:
        """Images [N, 3, H, W] to scores [N, num_classes], or to three of them in training."""
        helping = self.training and self.aux_logits
        if self.transform_input:
            x = normalized_as_in_paper(x)
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        first = self.aux1(x) if helping and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        second = self.aux2(x) if helping and self.aux2 is not None else None
        x = self.maxpool4(self.inception4e(x))
        x = self.avgpool(self.inception5b(self.inception5a(x))).flatten(1)
        scores = self.fc(self.dropout(x))
        return GoogLeNetOutputs(scores, second, first) if helping else scores


def googlenet(*, weights: None = None, progress: bool = True, **options: Any) -> GoogLeNet:
    """GoogLeNet. Follows torchvision.models.googlenet, without weights to download."""
    without_weights("googlenet", weights, options)
    return GoogLeNet(**options)
