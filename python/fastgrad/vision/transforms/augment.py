"""Found policies of augmentation. Follows torchvision.transforms.

With the same seed as PyTorch's, they draw the same numbers as torchvision's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

import fastgrad as fg
from fastgrad.vision.transforms import functional as F
from fastgrad.vision.transforms.functional import InterpolationMode

Step: TypeAlias = tuple[str, float, int | None]


class AutoAugmentPolicy(Enum):
    """For which dataset a policy was found. Follows torchvision.transforms.AutoAugmentPolicy."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Source: Cubuk et al. 2018, "AutoAugment: Learning Augmentation Policies from Data". In each line a
# policy: two changes, each with its probability and the number of its strength, from 0 to 9.
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 0.4 8 Rotate 0.6 9
        Solarize 0.6 5 AutoContrast 0.6 -
        Equalize 0.8 - Equalize 0.6 -
        Posterize 0.6 7 Posterize 0.6 6
        Equalize 0.4 - Solarize 0.2 4
        Equalize 0.4 - Rotate 0.8 8
        Solarize 0.6 3 Equalize 0.6 -
        Posterize 0.8 5 Equalize 1 -
        Rotate 0.2 3 Solarize 0.6 8
        Equalize 0.6 - Posterize 0.4 6
        Rotate 0.8 8 Color 0.4 0
        Rotate 0.4 9 Equalize 0.6 -
        Equalize 0 - Equalize 0.8 -
        Invert 0.6 - Equalize 1 -
        Color 0.6 4 Contrast 1 8
        Rotate 0.8 8 Color 1 2
        Color 0.8 8 Solarize 0.8 7
        Sharpness 0.4 7 Invert 0.6 -
        ShearX 0.6 5 Equalize 1 -
        Color 0.4 0 Equalize 0.6 -
        Equalize 0.4 - Solarize 0.2 4
        Solarize 0.6 5 AutoContrast 0.6 -
        Invert 0.6 - Equalize 1 -
        Color 0.6 4 Contrast 1 8
        Equalize 0.8 - Equalize 0.6 -
    """,
    AutoAugmentPolicy.CIFAR10: """
        Invert 0.1 - Contrast 0.2 6
        Rotate 0.7 2 TranslateX 0.3 9
        Sharpness 0.8 1 Sharpness 0.9 3
        ShearY 0.5 8 TranslateY 0.7 9
        AutoContrast 0.5 - Equalize 0.9 -
        ShearY 0.2 7 Posterize 0.3 7
        Color 0.4 3 Brightness 0.6 7
        Sharpness 0.3 9 Brightness 0.7 9
        Equalize 0.6 - Equalize 0.5 -
        Contrast 0.6 7 Sharpness 0.6 5
        Color 0.7 7 TranslateX 0.5 8
        Equalize 0.3 - AutoContrast 0.4 -
        TranslateY 0.4 3 Sharpness 0.2 6
        Brightness 0.9 6 Color 0.2 8
        Solarize 0.5 2 Invert 0 -
        Equalize 0.2 - AutoContrast 0.6 -
        Equalize 0.2 - Equalize 0.6 -
        Color 0.9 9 Equalize 0.6 -
        AutoContrast 0.8 - Solarize 0.2 8
        Brightness 0.1 3 Color 0.7 0
        Solarize 0.4 5 AutoContrast 0.9 -
        TranslateY 0.9 9 TranslateY 0.7 9
        AutoContrast 0.9 - Solarize 0.8 3
        Equalize 0.8 - Invert 0.1 -
        TranslateY 0.7 9 AutoContrast 0.9 -
    """,
    AutoAugmentPolicy.SVHN: """
        ShearX 0.9 4 Invert 0.2 -
        ShearY 0.9 8 Invert 0.7 -
        Equalize 0.6 - Solarize 0.6 6
        Invert 0.9 - Equalize 0.6 -
        Equalize 0.6 - Rotate 0.9 3
        ShearX 0.9 4 AutoContrast 0.8 -
        ShearY 0.9 8 Invert 0.4 -
        ShearY 0.9 5 Solarize 0.2 6
        Invert 0.9 - AutoContrast 0.8 -
        Equalize 0.6 - Rotate 0.9 3
        ShearX 0.9 4 Solarize 0.3 3
        ShearY 0.8 8 Invert 0.7 -
        Equalize 0.9 - TranslateY 0.6 6
        Invert 0.9 - Equalize 0.6 -
        Contrast 0.3 3 Rotate 0.8 4
        Invert 0.8 - TranslateY 0 2
        ShearY 0.7 6 Solarize 0.4 8
        Invert 0.6 - Rotate 0.8 4
        ShearY 0.3 7 TranslateX 0.9 3
        ShearX 0.1 6 Invert 0.6 -
        Solarize 0.7 2 TranslateY 0.6 7
        ShearY 0.8 4 Invert 0.8 -
        ShearX 0.7 9 TranslateY 0.8 3
        ShearY 0.8 5 AutoContrast 0.7 -
        ShearX 0.7 2 Invert 0.1 -
    """,
}


def _policies(text: str) -> list[tuple[Step, Step]]:
    return [(_step(line[:3]), _step(line[3:])) for line in map(str.split, text.split("\n")) if line]


def _step(words: Sequence[str]) -> Step:
    name, probability, strength = words
    return name, float(probability), None if strength == "-" else int(strength)


class _Strengths(NamedTuple):
    """How strong a change may be, and whether it may go the other way, too."""

    values: list[float]
    signed: bool


class _Limits(NamedTuple):
    """The strongest of each kind of change."""

    shear: float
    shift: tuple[float, float]
    turn: float
    colour: float
    bits: int


def _space(limits: _Limits, bins: int) -> dict[str, _Strengths]:
    """The strengths of every change, in torchvision's order."""

    def upto(high: float) -> _Strengths:
        return _Strengths(fg.linspace(0.0, high, bins).tolist(), True)

    lost_bits = (fg.arange(bins) / ((bins - 1) / limits.bits)).round()
    return {
        "ShearX": upto(limits.shear),
        "ShearY": upto(limits.shear),
        "TranslateX": upto(limits.shift[0]),
        "TranslateY": upto(limits.shift[1]),
        "Rotate": upto(limits.turn),
        "Brightness": upto(limits.colour),
        "Color": upto(limits.colour),
        "Contrast": upto(limits.colour),
        "Sharpness": upto(limits.colour),
        "Posterize": _Strengths((8 - lost_bits).tolist(), False),
        "Solarize": _Strengths(fg.linspace(255.0, 0.0, bins).tolist(), False),
        "AutoContrast": _Strengths([], False),
        "Equalize": _Strengths([], False),
    }


def _limits(img: Any) -> _Limits:
    """Those of AutoAugment and RandAugment."""
    _, height, width = F.get_dimensions(img)
    part = 150.0 / 331.0
    return _Limits(0.3, (part * width, part * height), 30.0, 0.9, 4)


class _Augmentation:
    """Makes changes of images by name."""

    interpolation: InterpolationMode | int
    fill: Any

    def _apply(self, img: Any, name: str, strength: float) -> Any:
        fill = self.fill
        if isinstance(img, fg.Tensor) and isinstance(fill, (int, float)):
            fill = [float(fill)] * F.get_dimensions(img)[0]
        if name in _AFFINE:
            shift, shear = _AFFINE[name](strength)
            # Sheared about the upper left corner, as in the paper; moved, the centre is the same.
            center = [0, 0] if name.startswith("Shear") else None
            return F.affine(img, 0.0, shift, 1.0, shear, self.interpolation, fill, center)
        if name == "Rotate":
            return F.rotate(img, strength, self.interpolation, fill=fill)
        return _CHANGES[name](img, strength)

    def __repr__(self) -> str:
        options = ", ".join(f"{n}={v}" for n, v in vars(self).items() if not n.startswith("_"))
        return f"{type(self).__name__}({options})"


_AFFINE: dict[str, Any] = {
    "ShearX": lambda m: ([0, 0], [math.degrees(math.atan(m)), 0.0]),
    "ShearY": lambda m: ([0, 0], [0.0, math.degrees(math.atan(m))]),
    "TranslateX": lambda m: ([int(m), 0], [0.0, 0.0]),
    "TranslateY": lambda m: ([0, int(m)], [0.0, 0.0]),
}
_CHANGES: dict[str, Any] = {
    "Brightness": lambda img, m: F.adjust_brightness(img, 1.0 + m),
    "Color": lambda img, m: F.adjust_saturation(img, 1.0 + m),
    "Contrast": lambda img, m: F.adjust_contrast(img, 1.0 + m),
    "Sharpness": lambda img, m: F.adjust_sharpness(img, 1.0 + m),
    "Posterize": lambda img, m: F.posterize(img, int(m)),
    "Solarize": F.solarize,
    "AutoContrast": lambda img, m: F.autocontrast(img),
    "Equalize": lambda img, m: F.equalize(img),
    "Invert": lambda img, m: F.invert(img),
    "Identity": lambda img, m: img,
}


def _drawn(high: int) -> int:
    return int(fg.randint(high, (1,)).item())


class AutoAugment(_Augmentation):
    """Two changes in a row, drawn from the 25 pairs of a policy.

    Args:
        policy: for which dataset it was found.
        interpolation, fill: of the changes that move pixels.

    Images are Pillow images or uint8 tensors.

    Raises:
        ValueError: no policy.

    Source: Cubuk et al. 2018, "AutoAugment: Learning Augmentation Policies from Data". Follows
    torchvision.transforms.AutoAugment.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import AutoAugment, AutoAugmentPolicy
    >>> augment = AutoAugment(AutoAugmentPolicy.CIFAR10)
    >>> augment(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        if policy not in _POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self.interpolation = interpolation
        self.fill = fill
        self._policies = _policies(_POLICIES[policy])

    def __repr__(self) -> str:
        return f"AutoAugment(policy={self.policy}, fill={self.fill})"

    def __call__(self, img: Any) -> Any:
        chosen = self._policies[_drawn(len(self._policies))]
        chances, signs = fg.rand((2,)).tolist(), fg.randint(2, (2,)).tolist()
        space = _space(_limits(img), 10) | {"Invert": _Strengths([], False)}
        for (name, probability, number), chance, sign in zip(chosen, chances, signs, strict=True):
            if chance <= probability:
                values, signed = space[name]
                strength = 0.0 if number is None else values[number]
                img = self._apply(img, name, -strength if signed and sign == 0 else strength)
        return img


class RandAugment(_Augmentation):
    """Some changes in a row, all of the same strength.

    Args:
        num_ops: how many.
        magnitude: the number of the strength, from 0 to `num_magnitude_bins` - 1.
        interpolation, fill: of the changes that move pixels.

    Images are Pillow images or uint8 tensors.

    Source: Cubuk et al. 2019, "RandAugment: Practical automated data augmentation". Follows
    torchvision.transforms.RandAugment.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import RandAugment
    >>> RandAugment()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def __call__(self, img: Any) -> Any:
        nothing = {"Identity": _Strengths([], False)}
        space = list((nothing | _space(_limits(img), self.num_magnitude_bins)).items())
        for _ in range(self.num_ops):
            name, (values, signed) = space[_drawn(len(space))]
            strength = values[self.magnitude] if values else 0.0
            if signed and _drawn(2):
                strength = -strength
            img = self._apply(img, name, strength)
        return img


class TrivialAugmentWide(_Augmentation):
    """One change of a random strength, which may be great.

    Args:
        num_magnitude_bins: how many strengths there are.
        interpolation, fill: of the changes that move pixels.

    Images are Pillow images or uint8 tensors.

    Source: Müller and Hutter 2021, "TrivialAugment: Tuning-free Yet State-of-the-Art Data
    Augmentation". Follows torchvision.transforms.TrivialAugmentWide.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms import TrivialAugmentWide
    >>> TrivialAugmentWide()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def __call__(self, img: Any) -> Any:
        limits = _Limits(0.99, (32.0, 32.0), 135.0, 0.99, 6)
        nothing = {"Identity": _Strengths([], False)}
        space = list((nothing | _space(limits, self.num_magnitude_bins)).items())
        name, (values, signed) = space[_drawn(len(space))]
        strength = values[_drawn(len(values))] if values else 0.0
        if signed and _drawn(2):
            strength = -strength
        return self._apply(img, name, strength)
