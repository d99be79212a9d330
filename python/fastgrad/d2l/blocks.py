"""Blocks of convolutions, and a network of them."""

from __future__ import annotations

from fastgrad import Tensor, nn
from fastgrad.nn import functional as F


def init_cnn(module: nn.Module) -> None:
    """Xavier's weights for layers of convolutions and linear ones."""
    lazy = isinstance(module, nn.LazyLinear | nn.LazyConv2d)  # no weights yet
    if isinstance(module, nn.Linear | nn.Conv2d) and not lazy:
        nn.init.xavier_uniform_(module.weight)


class Residual(nn.Module):
    """Two convolutions around which the input is added.

    Args:
        channels: of the output; the older book gives the input's before it.
        use_1x1conv: whether a convolution makes the input fit.
        strides: of the first convolution.
    """

    def __init__(
        self, *channels: int | bool, use_1x1conv: bool = False, strides: int = 1, **older: int
    ) -> None:
        super().__init__()
        sizes = [c for c in (*channels, *older.values()) if not isinstance(c, bool)]
        use_1x1conv = use_1x1conv or True in [c for c in channels if isinstance(c, bool)]
        out = sizes[-1]
        self.conv1 = nn.LazyConv2d(out, kernel_size=3, padding=1, stride=strides)
        self.conv2 = nn.LazyConv2d(out, kernel_size=3, padding=1)
        self.conv3 = nn.LazyConv2d(out, kernel_size=1, stride=strides) if use_1x1conv else None
        self.bn1 = nn.LazyBatchNorm2d()
        self.bn2 = nn.LazyBatchNorm2d()

    def forward(self, X: Tensor) -> Tensor:
        """[N, C, H, W] to [N, channels, H / strides, W / strides]."""
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        added: Tensor = Y + (X if self.conv3 is None else self.conv3(X))
        return F.relu(added)


class ResNeXtBlock(nn.Module):
    """A residual block whose middle convolution works on groups of channels."""

    def __init__(
        self,
        num_channels: int,
        groups: int,
        bot_mul: float,
        use_1x1conv: bool = False,
        strides: int = 1,
    ) -> None:
        super().__init__()
        inner = round(num_channels * bot_mul)
        self.conv1 = nn.LazyConv2d(inner, kernel_size=1, stride=1)
        self.conv2 = nn.LazyConv2d(
            inner, kernel_size=3, stride=strides, padding=1, groups=inner // groups
        )
        self.conv3 = nn.LazyConv2d(num_channels, kernel_size=1, stride=1)
        self.bn1 = nn.LazyBatchNorm2d()
        self.bn2 = nn.LazyBatchNorm2d()
        self.bn3 = nn.LazyBatchNorm2d()
        self.conv4 = nn.LazyConv2d(num_channels, 1, stride=strides) if use_1x1conv else None
        self.bn4 = nn.LazyBatchNorm2d() if use_1x1conv else None

    def forward(self, X: Tensor) -> Tensor:
        """[N, C, H, W] to [N, num_channels, H / strides, W / strides]."""
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = F.relu(self.bn2(self.conv2(Y)))
        Y = self.bn3(self.conv3(Y))
        beside = X
        if self.conv4 is not None and self.bn4 is not None:
            beside = self.bn4(self.conv4(X))
        added: Tensor = Y + beside
        return F.relu(added)


def resnet18(num_classes: int, in_channels: int = 1) -> nn.Sequential:
    """A ResNet-18 for small images: its first convolution keeps their size."""
    net = nn.Sequential(
        nn.Conv2d(in_channels, 64, kernel_size=3, stride=1, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
    )
    for number, out in enumerate((64, 128, 256, 512), start=1):
        first = Residual(out) if number == 1 else Residual(out, use_1x1conv=True, strides=2)
        net.add_module(f"resnet_block{number}", nn.Sequential(first, Residual(out)))
    net.add_module("global_avg_pool", nn.AdaptiveAvgPool2d((1, 1)))
    net.add_module("fc", nn.Sequential(nn.Flatten(), nn.Linear(512, num_classes)))
    return net
