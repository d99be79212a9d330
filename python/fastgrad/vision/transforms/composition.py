"""Transforms made of others. Follows torchvision.transforms.

Source: https://docs.pytorch.org/vision/stable/transforms.html
"""

from collections.abc import Callable, Sequence
from typing import Any

import fastgrad as fg


class Compose:
    """Applies transforms one after the other.

    Args:
        transforms: callables; each takes what the one before returned.

    Follows torchvision.transforms.Compose.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import Compose, Lambda, ToTensor
    >>> to_column = Compose([ToTensor(), Lambda(lambda image: image.reshape(-1, 1))])
    >>> to_column(torch.full((1, 2), 255, dtype=torch.uint8))
    tensor([[1.],
            [1.]])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"Compose({lines}\n)"


class Lambda:
    """Applies a function of your own.

    Raises:
        TypeError: `lambd` cannot be called.

    Follows torchvision.transforms.Lambda.

    >>> from fastgrad.vision.transforms import Lambda
    >>> Lambda(lambda x: x + 1)(1)
    2
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd)}")
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)

    def __repr__(self) -> str:
        return "Lambda()"


class _OfSeveral:
    """A transform that has others.

    Raises:
        TypeError: `transforms` is no sequence.
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"{type(self).__name__}({lines}\n)"


class RandomApply(_OfSeveral):
    """Applies transforms one after the other, or none of them.

    Args:
        transforms: callables.
        p: the probability that they are applied.

    Raises:
        TypeError: `transforms` is no sequence.

    Follows torchvision.transforms.RandomApply.

    >>> from fastgrad.vision.transforms import Lambda, RandomApply
    >>> RandomApply([Lambda(lambda x: x + 1)], p=1.0)(1)
    2
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5) -> None:
        super().__init__(transforms)
        self.p = p

    def __call__(self, image: Any) -> Any:
        if self.p < fg.rand(1).item():
            return image
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"RandomApply(\n    p={self.p}{lines}\n)"


class RandomChoice(_OfSeveral):
    """Applies one transform, drawn with the probabilities `p` (default: all alike).

    Raises:
        TypeError: `transforms` is no sequence.

    Follows torchvision.transforms.RandomChoice, and draws with Python's generator, as that does.

    >>> from fastgrad.vision.transforms import Lambda, RandomChoice
    >>> RandomChoice([Lambda(lambda x: x + 1)])(1)
    2
    """

    def __init__(
        self, transforms: Sequence[Callable[[Any], Any]], p: Sequence[float] | None = None
    ) -> None:
        super().__init__(transforms)
        self.p = p

    def __call__(self, image: Any) -> Any:
        import random

        return random.choices(self.transforms, weights=self.p)[0](image)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"


class RandomOrder(_OfSeveral):
    """Applies transforms in a random order.

    Raises:
        TypeError: `transforms` is no sequence.

    Follows torchvision.transforms.RandomOrder, and draws with Python's generator, as that does.

    >>> from fastgrad.vision.transforms import Lambda, RandomOrder
    >>> RandomOrder([Lambda(lambda x: x + 1), Lambda(lambda x: x + 2)])(1)
    4
    """

    def __call__(self, image: Any) -> Any:
        import random

        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            image = self.transforms[i](image)
        return image
