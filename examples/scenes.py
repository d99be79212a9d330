"""Pictures of digits on textured ground, with their boxes and the class of each pixel."""

from dataclasses import dataclass
from pathlib import Path

import fastgrad as torch
from common import mnist
from fastgrad import Tensor
from fastgrad.nn.functional import affine_grid, grid_sample, interpolate
from fastgrad.vision.ops import box_convert

SIDE = 64  # of a scene, in pixels
MOST = 3  # digits in a scene
CLASSES = 10
SMALLEST, LARGEST = 18, 34  # heights of digits
TRIES = 12  # places that are drawn for a digit, of which the first free one is taken


@dataclass(frozen=True)
class Scenes:
    """Scenes, and what is to be found in them.

    Attributes:
        images: float32 (count, 3, SIDE, SIDE) in [0, 1].
        labels: float32 (count, MOST, 5), rows of (digit, x1, y1, x2, y2) with the corners as shares
            of the side; the digit is -1 in rows that say nothing.
        masks: int64 (count, SIDE, SIDE): 0 for the ground, 1 more than the digit for its pixels.
    """

    images: Tensor
    labels: Tensor
    masks: Tensor


def scenes(folder: Path, count: int, *, train: bool, seed: int = 0) -> Scenes:
    """Return `count` scenes made of MNIST's digits for training, or of those for tests.

    Args:
        folder: The folder ``--data``.
        count: How many.
        train: Which digits.
        seed: Of all that is drawn.
    """
    random = torch.Generator().manual_seed(2 * seed + train)
    digits, classes = mnist(folder, train=train, count=10_000)
    chosen = torch.randint(len(digits), (count, MOST), generator=random)
    digits, classes = digits[chosen.flatten()], classes[chosen]
    ink = _extents(digits)
    boxes, free = _places(ink.reshape(count, MOST, 4), random)
    free = free & (torch.arange(MOST) < torch.randint(1, MOST + 1, (count, 1), generator=random))
    cover = _placed(digits, ink, boxes.flatten(0, 1)).reshape(count, MOST, SIDE, SIDE)
    cover = cover * free[:, :, None, None]
    images = _painted(_texture(count, random), cover, random)
    strongest = cover.max(1)
    kind = classes.gather(1, strongest.indices.flatten(1)).reshape(count, SIDE, SIDE) + 1
    labels = torch.cat([torch.where(free, classes, -1)[:, :, None], boxes / SIDE], 2)
    return Scenes(images, labels, torch.where(strongest.values > 0.5, kind, 0))


def _extents(digits: Tensor) -> Tensor:
    """The box (x1, y1, x2, y2) of each digit's ink, in pixels of its image."""
    ink = digits[:, 0] > 0.3
    size = ink.shape[-1]
    sides = []
    for dim in (1, 2):  # any ink in a column, in a row
        line = ink.any(dim).int()
        sides.append((line.argmax(1), size - line.flip(1).argmax(1)))
    (x1, x2), (y1, y2) = sides
    return torch.stack([x1, y1, x2, y2], 1).float()


def _places(ink: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """A box for each digit, in pixels, and whether it is free of those before it."""
    count = len(ink)
    widths, heights = (ink[:, :, 2:] - ink[:, :, :2]).unbind(-1)
    height = torch.rand(count, MOST, generator=random) * (LARGEST - SMALLEST) + SMALLEST
    width = (height * widths / heights).clamp(5, LARGEST)
    sizes = torch.stack([width, height], -1)
    corner = torch.rand(count, MOST, TRIES, 2, generator=random) * (SIDE - sizes)[:, :, None]
    tried = torch.cat([corner, corner + sizes[:, :, None]], -1)
    boxes, free = torch.zeros(count, MOST, 4), torch.ones(count, MOST, dtype=torch.bool)
    for k in range(MOST):
        others = boxes[:, None, :k]
        low = torch.maximum(tried[:, k, :, None, :2], others[..., :2])
        high = torch.minimum(tried[:, k, :, None, 2:], others[..., 2:])
        apart = ((high <= low).any(-1)).all(-1)
        free[:, k] = apart.any(1)
        first = apart.int().argmax(1)
        boxes[:, k] = tried[torch.arange(count), k, first] * free[:, k, None]
    return boxes, free


def _placed(digits: Tensor, ink: Tensor, boxes: Tensor) -> Tensor:
    """Each digit alone in a scene, its ink as large as its box."""
    where = box_convert(boxes, "xyxy", "cxcywh") / SIDE * 2  # of a scene that goes from -1 to 1
    what = box_convert(ink, "xyxy", "cxcywh") / digits.shape[-1] * 2
    scale = what[:, 2:] / where[:, 2:].clamp(min=1e-3)
    shift = what[:, :2] - 1 - scale * (where[:, :2] - 1)
    theta = torch.cat([torch.diag_embed(scale), shift[:, :, None]], 2)
    grid = affine_grid(theta, [len(digits), 1, SIDE, SIDE], align_corners=False)
    return grid_sample(digits, grid, align_corners=False)[:, 0]


def _texture(count: int, random: torch.Generator) -> Tensor:
    """Coloured clouds, coarse and fine, over stripes."""
    texture = 0.35 + 0.25 * torch.rand(count, 3, 1, 1, generator=random)
    for cells, depth in ((4, 0.25), (16, 0.18), (SIDE, 0.1)):
        cloud = torch.rand(count, 3, cells, cells, generator=random) - 0.5
        texture = texture + depth * interpolate(cloud, (SIDE, SIDE), mode="bilinear")
    angle, pitch, phase = torch.rand(3, count, 1, 1, generator=random).unbind(0)
    y, x = torch.arange(SIDE)[:, None], torch.arange(SIDE)
    across = x * (torch.pi * angle).cos() + y * (torch.pi * angle).sin()
    stripes = torch.sin(across * (0.3 + pitch) + 2 * torch.pi * phase)
    return texture + 0.06 * stripes[:, None]


def _painted(ground: Tensor, cover: Tensor, random: torch.Generator) -> Tensor:
    """Paint digits onto the ground, each in a colour that is lighter, or darker."""
    count = len(ground)
    light = torch.rand(count, MOST, 1, generator=random) < 0.5
    tint = 0.3 * torch.rand(count, MOST, 3, generator=random)
    for k in range(MOST):
        colour = torch.where(light[:, k], 1 - tint[:, k], tint[:, k] - 0.1)[:, :, None, None]
        share = cover[:, k, None]
        ground = ground * (1 - share) + colour * share
    return ground.clamp(0, 1)
