"""Images turned, sheared, seen from elsewhere. Follows torchvision.transforms.functional."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastgrad import Tensor
from fastgrad.vision.transforms import _pillow, _tensors
from fastgrad.vision.transforms._checks import InterpolationMode, get_dimensions, mode_of
from fastgrad.vision.transforms._pillow import is_pillow
from fastgrad.vision.transforms.functional_conversion import pil_to_tensor, to_pil_image


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[int] | None = None,
    fill: Any = None,
) -> Any:
    """The image turned against the clock.

    Args:
        angle: in degrees.
        interpolation: NEAREST or BILINEAR (BICUBIC too for Pillow images).
        expand: make the result large enough for all of the image.
        center: (x, y) in pixels; by default the middle.
        fill: the value of the corners, or one for each channel.

    Raises:
        TypeError, ValueError: arguments that do not fit.

    Follows torchvision.transforms.functional.rotate.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import rotate
    >>> rotate(torch.tensor([[[1, 2], [3, 4]]]), 90)
    tensor([[[2, 4],
             [1, 3]]])
    """
    mode = mode_of(interpolation, img, ("nearest", "bilinear"))
    channels, height, width = get_dimensions(img)
    if is_pillow(img):
        return _pillow.rotate(img, angle, mode, expand, center, fill)
    middle = (0.0, 0.0)
    if center is not None:
        middle = (center[0] - width / 2, center[1] - height / 2)
    # The map leads from output to input: against the angle.
    matrix = inverse_affine(middle, -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    size = _tensors.rotated_size(matrix, height, width) if expand else (height, width)
    return _tensors.warp(img, matrix, size, mode, _colour(fill, channels))


def _colour(fill: Any, channels: int) -> Sequence[float] | None:
    if fill is None:
        return None
    if isinstance(fill, (int, float)):
        return (fill,)
    if len(fill) not in (1, channels):
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of "
            f"the image ({len(fill)} != {channels})"
        )
    return tuple(fill)


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[int] | None = None,
) -> Any:
    """The image turned, moved, enlarged and sheared; the middle stays where it is.

    Args:
        angle: in degrees, with the clock.
        translate: to the right and down, in pixels.
        scale: above 0.
        shear: along x, and along y, in degrees.

    Raises:
        ValueError: arguments that do not fit.

    Follows torchvision.transforms.functional.affine.
    """
    mode = mode_of(interpolation, img, ("nearest", "bilinear"))
    if scale <= 0:
        raise ValueError(f"Argument scale should be positive, got {scale}")
    if len(translate) != 2:
        raise ValueError(f"Argument translate should be a sequence of length 2, got {translate}")
    shears = (shear, 0.0) if isinstance(shear, (int, float)) else tuple(shear)
    if len(shears) == 1:
        shears = (shears[0], shears[0])
    channels, height, width = get_dimensions(img)
    if is_pillow(img):
        at = (width * 0.5, height * 0.5) if center is None else center
        matrix = inverse_affine(at, angle, translate, scale, shears)
        return _pillow.affine(img, matrix, mode, fill)
    at = (0.0, 0.0) if center is None else (center[0] - width / 2, center[1] - height / 2)
    matrix = inverse_affine(at, angle, translate, scale, shears)
    return _tensors.warp(img, matrix, (height, width), mode, _colour(fill, channels))


def inverse_affine(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
) -> list[float]:
    """The map from the pixels of the result to those of the image, six numbers in rows.

    The image is scaled, sheared, turned (each about the centre) and moved.
    """
    turn, shear_x, shear_y = (math.radians(a) for a in (angle, *shear))
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -math.cos(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -math.sin(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) + math.cos(turn)
    (x, y), (right, down) = center, translate
    rows = ((d / scale, -b / scale), (-c / scale, a / scale))
    matrix = []
    for row, start in zip(rows, (x, y), strict=True):
        matrix += [*row, row[0] * (-x - right) + row[1] * (-y - down) + start]
    return matrix


def perspective(
    img: Any,
    startpoints: Sequence[Sequence[int]],
    endpoints: Sequence[Sequence[int]],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """The image seen from elsewhere, so that four of its points come to lie on others.

    Args:
        startpoints: four points (x, y): the upper left, upper right, lower right and lower left
            corner, say.
        endpoints: where they come to lie.
        interpolation: NEAREST or BILINEAR (BICUBIC too for Pillow images).
        fill: the value where there is no image, or one for each channel.

    Raises:
        ValueError: not four points, or arguments that do not fit.

    Follows torchvision.transforms.functional.perspective.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import perspective
    >>> corners = [[0, 0], [1, 0], [1, 1], [0, 1]]
    >>> perspective(torch.tensor([[[1, 2], [3, 4]]]), corners, corners)
    tensor([[[1, 2],
             [3, 4]]])
    """
    coefficients = _perspective_coefficients(startpoints, endpoints)
    mode = mode_of(interpolation, img, ("nearest", "bilinear"))
    channels = get_dimensions(img)[0]
    if is_pillow(img):
        return _pillow.project(img, coefficients, mode, fill)
    return _tensors.project(img, coefficients, mode, _colour(fill, channels))


def _perspective_coefficients(
    startpoints: Sequence[Sequence[int]], endpoints: Sequence[Sequence[int]]
) -> list[float]:
    """The map from the endpoints to the startpoints; see ``_tensors.project``."""
    import numpy

    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and "
            f"{len(endpoints)} endpoints."
        )
    rows = []
    for (to_x, to_y), (x, y) in zip(endpoints, startpoints, strict=True):
        rows.append([to_x, to_y, 1, 0, 0, 0, -x * to_x, -x * to_y])
        rows.append([0, 0, 0, to_x, to_y, 1, -y * to_x, -y * to_y])
    wanted = numpy.array(startpoints, numpy.float64).reshape(8)
    solution, *_ = numpy.linalg.lstsq(numpy.array(rows, numpy.float64), wanted, rcond=None)
    coefficients: list[float] = solution.astype(numpy.float32).tolist()
    return coefficients


def elastic_transform(
    img: Any,
    displacement: Tensor,
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """Each pixel from a place nearby.

    Args:
        displacement: [1, H, W, 2]: how far to the right and down the place is, in halves of the
            image's width and height.
        interpolation: NEAREST or BILINEAR.
        fill: the value where there is no image, or one for each channel.

    Raises:
        TypeError, ValueError: arguments that do not fit.

    Follows torchvision.transforms.functional.elastic_transform.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.transforms.functional import elastic_transform
    >>> one_to_the_right = torch.tensor([1.0, 0.0]).expand(1, 1, 2, 2)
    >>> elastic_transform(torch.tensor([[[1, 2]]]), one_to_the_right)
    tensor([[[2, 0]]])
    """
    if not isinstance(displacement, Tensor):
        raise TypeError(f"Argument displacement should be a Tensor, got {type(displacement)}")
    channels, height, width = get_dimensions(img)
    if tuple(displacement.shape) != (1, height, width, 2):
        raise ValueError(
            f"Argument displacement shape should be {(1, height, width, 2)}, but given "
            f"{tuple(displacement.shape)}"
        )
    tensor = pil_to_tensor(img) if is_pillow(img) else img
    mode = mode_of(interpolation, tensor, ("nearest", "bilinear"))
    out = _tensors.displace(tensor, displacement, mode, _colour(fill, channels))
    return to_pil_image(out, img.mode) if is_pillow(img) else out
