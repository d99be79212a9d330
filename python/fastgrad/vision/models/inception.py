"""Inception v3. Structure and state-dict names are torchvision's.

Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision";
torchvision.models.inception.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import fastgrad as fg
from fastgrad import Tensor, nn
from fastgrad.nn import functional as F
from fastgrad.vision.models._weights import without_weights
from fastgrad.vision.models.googlenet import BasicConv2d, normalized_as_in_paper

_WIDE: dict[str, Any] = {"kernel_size": (1, 7), "padding": (0, 3)}
_HIGH: dict[str, Any] = {"kernel_size": (7, 1), "padding": (3, 0)}


class InceptionOutputs(NamedTuple):
    """Scores of the network and of its auxiliary classifier."""

    logits: Tensor
    aux_logits: Tensor | None


def _chained(x: Tensor, *layers: nn.Module) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _averaged(x: Tensor) -> Tensor:
    """The mean of each pixel's neighbourhood."""
    return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)


class InceptionA(nn.Module):
    """Branches of 1x1, 5x5 and two 3x3 convolutions, and of a mean."""

    def __init__(self, in_channels: int, pool_features: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = BasicConv2d(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = BasicConv2d(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = BasicConv2d(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, kernel_size=3, padding=1)
        self.branch_pool = BasicConv2d(in_channels, pool_features, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, H, W] to [N, 224 + pool_features, H, W]."""
        branches = [
            self.branch1x1(x),
            _chained(x, self.branch5x5_1, self.branch5x5_2),
            _chained(x, self.branch3x3dbl_1, self.branch3x3dbl_2, self.branch3x3dbl_3),
            self.branch_pool(_averaged(x)),
        ]
        return fg.cat(branches, 1)


class InceptionB(nn.Module):
    """To half of the height and the width, by convolutions and a maximum."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch3x3 = BasicConv2d(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = BasicConv2d(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, H, W] to [N, 480 + in_channels, (H - 1) // 2, (W - 1) // 2]."""
        branches = [
            self.branch3x3(x),
            _chained(x, self.branch3x3dbl_1, self.branch3x3dbl_2, self.branch3x3dbl_3),
            F.max_pool2d(x, kernel_size=3, stride=2),
        ]
        return fg.cat(branches, 1)


class InceptionC(nn.Module):
    """Branches of 7x7 convolutions, each taken apart into a high and a wide one."""

    def __init__(self, in_channels: int, channels_7x7: int) -> None:
        super().__init__()
        c7 = channels_7x7
        self.branch1x1 = BasicConv2d(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = BasicConv2d(in_channels, c7, kernel_size=1)
        self.branch7x7_2 = BasicConv2d(c7, c7, **_WIDE)
        self.branch7x7_3 = BasicConv2d(c7, 192, **_HIGH)
        self.branch7x7dbl_1 = BasicConv2d(in_channels, c7, kernel_size=1)
        self.branch7x7dbl_2 = BasicConv2d(c7, c7, **_HIGH)
        self.branch7x7dbl_3 = BasicConv2d(c7, c7, **_WIDE)
        self.branch7x7dbl_4 = BasicConv2d(c7, c7, **_HIGH)
        self.branch7x7dbl_5 = BasicConv2d(c7, 192, **_WIDE)
        self.branch_pool = BasicConv2d(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, H, W] to [N, 768, H, W]."""
        double = [getattr(self, f"branch7x7dbl_{i}") for i in range(1, 6)]
        branches = [
            self.branch1x1(x),
            _chained(x, self.branch7x7_1, self.branch7x7_2, self.branch7x7_3),
            _chained(x, *double),
            self.branch_pool(_averaged(x)),
        ]
        return fg.cat(branches, 1)


class InceptionD(nn.Module):
    """To half of the height and the width, with a branch of 7x7 convolutions."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch3x3_1 = BasicConv2d(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = BasicConv2d(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = BasicConv2d(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = BasicConv2d(192, 192, **_WIDE)
        self.branch7x7x3_3 = BasicConv2d(192, 192, **_HIGH)
        self.branch7x7x3_4 = BasicConv2d(192, 192, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, H, W] to [N, 512 + in_channels, (H - 1) // 2, (W - 1) // 2]."""
        seven = [getattr(self, f"branch7x7x3_{i}") for i in range(1, 5)]
        branches = [
            _chained(x, self.branch3x3_1, self.branch3x3_2),
            _chained(x, *seven),
            F.max_pool2d(x, kernel_size=3, stride=2),
        ]
        return fg.cat(branches, 1)


class InceptionE(nn.Module):
    """Wide blocks, whose 3x3 convolutions end in a high and a wide one side by side."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        wide: dict[str, Any] = {"kernel_size": (1, 3), "padding": (0, 1)}
        high: dict[str, Any] = {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = BasicConv2d(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = BasicConv2d(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = BasicConv2d(384, 384, **wide)
        self.branch3x3_2b = BasicConv2d(384, 384, **high)
        self.branch3x3dbl_1 = BasicConv2d(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = BasicConv2d(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = BasicConv2d(384, 384, **wide)
        self.branch3x3dbl_3b = BasicConv2d(384, 384, **high)
        self.branch_pool = BasicConv2d(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, H, W] to [N, 2048, H, W]."""
        single = self.branch3x3_1(x)
        double = _chained(x, self.branch3x3dbl_1, self.branch3x3dbl_2)
        branches = [
            self.branch1x1(x),
            self.branch3x3_2a(single),
            self.branch3x3_2b(single),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(_averaged(x)),
        ]
        return fg.cat(branches, 1)


class InceptionAux(nn.Module):
    """A classifier in the middle of the network, which is used in training."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv0 = BasicConv2d(in_channels, 128, kernel_size=1)
        self.conv1 = BasicConv2d(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, 17, 17] to [N, num_classes]."""
        x = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        out: Tensor = self.fc(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))
        return out


class Inception3(nn.Module):
    """A stem, eleven inception blocks and a linear classifier of the mean features.

    Args:
        num_classes: the number of outputs.
        aux_logits: have an auxiliary classifier; in training the result is then an
            :class:`InceptionOutputs`.
        transform_input: change the normalization of images from torchvision's to the paper's.
        init_weights: draw the weights from truncated normal distributions.
        dropout: the probability before the classifier.

    Follows torchvision.models.Inception3.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, 2)
        self.Mixed_5b = InceptionA(192, pool_features=32)
        self.Mixed_5c = InceptionA(256, pool_features=64)
        self.Mixed_5d = InceptionA(288, pool_features=64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, channels_7x7=128)
        self.Mixed_6c = InceptionC(768, channels_7x7=160)
        self.Mixed_6d = InceptionC(768, channels_7x7=160)
        self.Mixed_6e = InceptionC(768, channels_7x7=192)
        self.AuxLogits = InceptionAux(768, num_classes) if aux_logits else None
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights:
            self._draw_weights()

    def _draw_weights(self) -> None:
        small = {"AuxLogits.conv1.conv": 0.01, "AuxLogits.fc": 0.001}
        for name, module in self.named_modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                std = small.get(name, 0.1)
                nn.init.trunc_normal_(module.weight, mean=0.0, std=std, a=-2, b=2)

    def forward(self, x: Tensor) -> Any:
        """Images [N, 3, H, W] of at least 75 x 75 pixels to scores [N, num_classes].

        In training with the auxiliary classifier the scores are two, and images have 299 x 299
        pixels.
        """
        if self.transform_input:
            x = normalized_as_in_paper(x)
        x = _chained(x, self.Conv2d_1a_3x3, self.Conv2d_2a_3x3, self.Conv2d_2b_3x3, self.maxpool1)
        x = _chained(x, self.Conv2d_3b_1x1, self.Conv2d_4a_3x3, self.maxpool2)
        x = _chained(x, self.Mixed_5b, self.Mixed_5c, self.Mixed_5d)
        x = _chained(x, self.Mixed_6a, self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e)
        helper = self.AuxLogits if self.training else None
        second = helper(x) if helper is not None else None
        x = self.avgpool(_chained(x, self.Mixed_7a, self.Mixed_7b, self.Mixed_7c))
        scores = self.fc(self.dropout(x).flatten(1))
        return scores if helper is None else InceptionOutputs(scores, second)


def inception_v3(*, weights: None = None, progress: bool = True, **options: Any) -> Inception3:
    """Inception v3. Follows torchvision.models.inception_v3, without weights to download."""
    without_weights("inception_v3", weights, options)
    return Inception3(**options)
