"""Networks of blocks of 3x3 convolutions. Structure and state-dict names are torchvision's.

Source: Simonyan and Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image
Recognition"; torchvision.models.vgg.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgrad import Tensor, nn
from fastgrad.vision.models._weights import fill, filled, weights_file

# Channels of the convolutions of each of five blocks.
DEPTHS: dict[int, tuple[tuple[int, int], ...]] = {
    11: ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)),
    13: ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)),
    16: ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    19: ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
}


class VGG(nn.Module):
    """Convolutional features and a classifier of three linear layers.

    Args:
        features: what makes [N, 512, h, w] of images; see :func:`make_features`.
        num_classes: the number of outputs.
        init_weights: draw the weights as torchvision does.
        dropout: the probability in the classifier.

    Follows torchvision.models.VGG.
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                fill(module.bias, 0)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                fill(module.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, 3, H, W] to scores [N, num_classes]."""
        out: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return out


def make_features(blocks: Sequence[tuple[int, int]], batch_norm: bool = False) -> nn.Sequential:
    """Blocks of (number of convolutions, channels), with a pool after each.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.models.vgg import make_features
    >>> make_features([(1, 4), (2, 8)])(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 8, 2, 2])
    """
    layers: list[nn.Module] = []
    channels = 3
    for count, width in blocks:
        for _ in range(count):
            layers.append(nn.Conv2d(channels, width, 3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


def _vgg(depth: int, batch_norm: bool, weights: object, options: dict[str, Any]) -> VGG:
    file = weights_file(f"vgg{depth}{'_bn' if batch_norm else ''}", weights, options)
    return filled(VGG(make_features(DEPTHS[depth], batch_norm), **options), file)


def vgg11(*, weights: object = None, progress: bool = True, **options: Any) -> VGG:
    """VGG-11. Follows torchvision.models.vgg11; trained weights come from a file."""
    return _vgg(11, False, weights, options)


def vgg11_bn(*, weights: object = None, progress: bool = True, **options: Any) -> VGG:
    """VGG-11 with batch normalization. Follows torchvision.models.vgg11_bn."""
    return _vgg(11, True, weights, options)


def vgg13(*, weights: object = None, progress: bool = True, **options: Any) -> VGG:
    """VGG-13. Follows torchvision.models.vgg13; trained weights come from a file."""
    return _vgg(13, False, weights, options)


def vgg13_bn(*, weights: object = None, progress: bool = True, **options: Any) -> VGG:
    """VGG-13 with batch normalization. Follows torchvision.models.vgg13_bn."""
    return _vgg(13, True, weights, options)


def vgg16(*, weights: object = None, progress: bool = True, **options: Any) -> VGG:
    """VGG-16. Follows torchvision.models.vgg16; trained weights come from a file."""
    return _vgg(16, False, weights, options)


def vgg16_bn(*, weights: object = None, progress: bool = True, **options: Any) -> VGG:
    """VGG-16 with batch normalization. Follows torchvision.models.vgg16_bn."""
    return _vgg(16, True, weights, options)


def vgg19(*, weights: object = None, progress: bool = True, **options: Any) -> VGG:
    """VGG-19. Follows torchvision.models.vgg19; trained weights come from a file."""
    return _vgg(19, False, weights, options)


def vgg19_bn(*, weights: object = None, progress: bool = True, **options: Any) -> VGG:
    """VGG-19 with batch normalization. Follows torchvision.models.vgg19_bn."""
    return _vgg(19, True, weights, options)
