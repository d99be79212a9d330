"""AlexNet. Structure and state-dict names are torchvision's.

Source: Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks";
torchvision.models.alexnet.
"""

from __future__ import annotations

from typing import Any

from fastgrad import Tensor, nn
from fastgrad.vision.models._weights import filled, weights_file


class AlexNet(nn.Module):
    """Five convolutions and three linear layers.

    Args:
        num_classes: the number of outputs.
        dropout: the probability in the classifier.

    Follows torchvision.models.AlexNet.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, 3, H, W] of at least 63 x 63 pixels to scores [N, num_classes]."""
        out: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return out


def alexnet(*, weights: object = None, progress: bool = True, **options: Any) -> AlexNet:
    """AlexNet. Follows torchvision.models.alexnet; trained weights come from a file."""
    file = weights_file("alexnet", weights, options)
    return filled(AlexNet(**options), file)
