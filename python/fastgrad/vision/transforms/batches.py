"""Transforms of whole stacks of raw images at once, where they have such a form."""

from collections.abc import Callable
from typing import Any

from fastgrad.tensor import Tensor
from fastgrad.vision.transforms.composition import Compose
from fastgrad.vision.transforms.conversion import Normalize, ToTensor


def takes_raw(transform: object) -> bool:
    """Whether the transform accepts a raw image, so that no Pillow image is needed.

    That is a uint8 tensor [H, W] or a uint8 array [H, W, C].

    Exact types, here and below: a subclass may have changed what the transform does.
    """
    if type(transform) is Compose:
        return bool(transform.transforms) and takes_raw(transform.transforms[0])
    return type(transform) is ToTensor


def batched(transform: object) -> Callable[[Tensor], Tensor] | None:
    """The transform for a whole stack at once, or None when it has no such form.

    That is uint8 [N, H, W] or [N, H, W, C].
    """
    if not takes_raw(transform):
        return None
    steps = transform.transforms if type(transform) is Compose else [transform]
    forms = [_batched_step(step) for step in steps]
    return None if None in forms else Compose(forms)  # type: ignore[arg-type]


def _batched_step(step: object) -> Callable[[Any], Any] | None:
    if type(step) is ToTensor:
        return step.stack
    return step if type(step) is Normalize else None
