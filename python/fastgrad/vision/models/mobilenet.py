"""MobileNetV2. Structure and state-dict names are torchvision's.

Source: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks";
torchvision.models.mobilenetv2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgrad import Tensor, nn
from fastgrad.vision.models._weights import fill, filled, weights_file

# Expansion, channels, number of blocks and first stride of each stage.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def rounded_channels(value: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, not more than a tenth below `value`.

    >>> from fastgrad.vision.models.mobilenet import rounded_channels
    >>> rounded_channels(0.35 * 32), rounded_channels(33)
    (16, 32)
    """
    near = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * value else near


class Conv2dNormActivation(nn.Sequential):
    """A convolution, its normalization, and ReLU6."""

    def __init__(self, inp: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inp, out, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU6(inplace=True),
        )


class InvertedResidual(nn.Module):
    """1x1 convolution to more channels, 3x3 within each of them, 1x1 to few.

    Args:
        inp, oup: channels of input and output.
        stride: 1 or 2.
        expand_ratio: how many times more channels there are in the middle.

    Raises:
        ValueError: another stride.
    """

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        self.stride = stride
        self.use_res_connect = stride == 1 and inp == oup
        hidden = round(inp * expand_ratio)
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, 1))
        layers += [
            Conv2dNormActivation(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, oup, 1, bias=False),
            nn.BatchNorm2d(oup),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inp, H, W] to [N, oup, H / stride, W / stride]."""
        out: Tensor = x + self.conv(x) if self.use_res_connect else self.conv(x)
        return out


class MobileNetV2(nn.Module):
    """Seven stages of inverted residuals and a linear classifier of the mean features.

    Args:
        num_classes: the number of outputs.
        width_mult: how many times more channels than usual.
        inverted_residual_setting: rows of (expansion, channels, blocks, stride).
        round_nearest: channels are multiples of it.
        dropout: the probability before the classifier.

    Follows torchvision.models.MobileNetV2.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models import MobileNetV2
    >>> net = MobileNetV2(num_classes=5, width_mult=0.25).eval()
    >>> net(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] = STAGES,
        round_nearest: int = 8,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        channels = rounded_channels(32 * width_mult, round_nearest)
        self.last_channel = rounded_channels(1280 * max(1.0, width_mult), round_nearest)
        features: list[nn.Module] = [Conv2dNormActivation(3, channels, 3, 2)]
        for expansion, width, count, first_stride in inverted_residual_setting:
            out = rounded_channels(width * width_mult, round_nearest)
            for i in range(count):
                stride = first_stride if i == 0 else 1
                features.append(InvertedResidual(channels, out, stride, expansion))
                channels = out
        features.append(Conv2dNormActivation(channels, self.last_channel, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                fill(module.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, 3, H, W] to scores [N, num_classes]."""
        out: Tensor = self.classifier(self.features(x).mean((2, 3)))
        return out


def mobilenet_v2(*, weights: object = None, progress: bool = True, **options: Any) -> MobileNetV2:
    """MobileNetV2. Follows torchvision.models.mobilenet_v2, without weights to download."""
    file = weights_file("mobilenet_v2", weights, options)
    return filled(MobileNetV2(**options), file)
