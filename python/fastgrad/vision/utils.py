"""Pictures of tensors: grids, boxes and masks drawn on images. Follows torchvision.utils."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import IO, Any

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.vision.transforms.functional import convert_image_dtype, pil_to_tensor, to_pil_image

__all__ = ["draw_bounding_boxes", "draw_segmentation_masks", "make_grid", "save_image"]

Colors = Any  # a colour (a name, "#rrggbb", (r, g, b)), a list of them, or None
_SMALLEST_RANGE = 1e-5
_HALF_SEEN = 100  # the opacity of a filled box, of 255


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """One image of many, in rows.

    Args:
        tensor: images [N, C, H, W], one [C, H, W] or [H, W], or a list of images of one shape.
            Grey images get three channels.
        nrow: how many images a row has.
        padding: the width of the borders.
        normalize: bring the values to 0 ... 1.
        value_range: what becomes 0 and 1; without, the smallest and the largest value.
        scale_each: have a range for each image.
        pad_value: the value of the borders.

    Returns:
        [3, ...], or one image as it is.

    Raises:
        TypeError: no tensor and no list of them, or a `value_range` that is no pair.

    Follows torchvision.utils.make_grid.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.utils import make_grid
    >>> make_grid(torch.ones(2, 1, 1, 1), padding=1)[0]
    tensor([[0., 0., 0., 0., 0.],
            [0., 1., 0., 1., 0.],
            [0., 0., 0., 0., 0.]])
    """
    images = _as_batch(tensor)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError(
                "value_range has to be a tuple (min, max) if specified. min and max are numbers"
            )
        parts = images if scale_each else [images]
        scaled = [_scaled(part, value_range) for part in parts]
        images = fg.stack(scaled) if scale_each else scaled[0]
    if images.shape[0] == 1:
        return images.squeeze(0)
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = -(-count // columns)
    high, wide = height + padding, width + padding
    shape = (channels, high * rows + padding, wide * columns + padding)
    grid = fg.full(shape, pad_value, dtype=images.dtype)
    for i, image in enumerate(images):
        top, left = i // columns * high + padding, i % columns * wide + padding
        grid[:, top : top + height, left : left + width] = image
    return grid


def _as_batch(tensor: Any) -> Tensor:
    is_list = isinstance(tensor, (list, tuple)) and all(isinstance(t, Tensor) for t in tensor)
    if not isinstance(tensor, Tensor) and not (is_list and len(tensor)):
        raise TypeError(f"make_grid: tensor or list of tensors expected, got {type(tensor)}")
    images: Tensor = fg.stack(list(tensor)) if is_list else tensor
    images = images.detach()
    if images.dim() not in (2, 3, 4):
        raise TypeError(
            f"make_grid: images are [N, C, H, W], [C, H, W] or [H, W], got {list(images.shape)}"
        )
    images = images.reshape(*(1,) * (4 - images.dim()), *images.shape)
    return fg.cat([images] * 3, 1) if images.shape[1] == 1 else images


def _scaled(images: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    low, high = value_range or (float(images.min()), float(images.max()))
    return (images.clamp(low, high) - low) / max(high - low, _SMALLEST_RANGE)


def save_image(
    tensor: Tensor | Sequence[Tensor],
    fp: str | os.PathLike[str] | IO[bytes],
    format: str | None = None,
    **options: Any,
) -> None:
    """Write images, floats from 0 to 1, into a file, many as a grid.

    Args:
        tensor: see :func:`make_grid`.
        fp: the file; the extension says in which format.
        format: the format, for a file object.
        options: those of :func:`make_grid`.

    Raises:
        TypeError: see :func:`make_grid`.
        ValueError: an unknown extension.

    Follows torchvision.utils.save_image.

    >>> import tempfile
    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import read_image
    >>> from fastgrad.vision.utils import save_image
    >>> path = tempfile.mkdtemp() + "/grid.png"
    >>> save_image(torch.ones(4, 1, 2, 2), path, nrow=2, padding=1)
    >>> read_image(path)[0, 1]
    tensor([  0, 255, 255,   0, 255, 255,   0], dtype=torch.uint8)
    """
    grid = make_grid(tensor, **options)
    pixels = (grid * 255 + 0.5).clamp(0, 255).to(fg.uint8)
    to_pil_image(pixels).save(fp, format=format)


def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: Sequence[str | None] | None = None,
    colors: Colors = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: Colors = None,
    label_background_colors: Colors = None,
    fill_labels: bool = False,
) -> Tensor:
    """The image with boxes.

    Args:
        image: [C, H, W] with 1 or 3 channels, uint8, or floats from 0 to 1.
        boxes: [N, 4] as (xmin, ymin, xmax, ymax) in pixels.
        labels: a text for each box, or None where there is none.
        colors: of the boxes: one colour, or a list with one for each box; a colour is a name,
            "#rrggbb" or (red, green, blue). Without, all are different.
        fill: fill the boxes, so that one sees the image through.
        width: of the lines.
        font, font_size: a TrueType file and its size; without, Pillow's small font.
        label_colors: of the texts, as `colors`, which they have by default.
        fill_labels: draw the texts on a ground of the boxes' colours, or of
        label_background_colors: those.

    Returns:
        [3, H, W] of the image's dtype.

    Raises:
        TypeError: the image is no tensor.
        ValueError: images, boxes, labels or colours that do not fit.

    Follows torchvision.utils.draw_bounding_boxes.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.utils import draw_bounding_boxes
    >>> image = torch.zeros(1, 3, 4, dtype=torch.uint8)
    >>> draw_bounding_boxes(image, torch.tensor([[0, 0, 2, 2]]), colors="red")[0]
    tensor([[255, 255, 255,   0],
            [255,   0, 255,   0],
            [255, 255, 255,   0]], dtype=torch.uint8)
    """
    _check_image("draw_bounding_boxes", image, (1, 3))
    count = _check_boxes(boxes, labels)
    if count == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn", stacklevel=2)
        return image
    from PIL import ImageDraw

    outlines = _colors(colors, count)
    ink = outlines if label_colors is None else _colors(label_colors, count)
    grounds: Sequence[Any] = [None] * count
    if fill_labels:
        given = label_background_colors
        grounds = outlines if given is None else _colors(given, count)
    rgb = image.expand(3, -1, -1) if image.shape[0] == 1 else image
    picture = to_pil_image(convert_image_dtype(rgb.detach(), fg.uint8))
    draw = ImageDraw.Draw(picture, "RGBA" if fill else None)
    write = _writer(draw, font, font_size)
    for i, box in enumerate(boxes.to(fg.int64).tolist()):
        inner = (*outlines[i], _HALF_SEEN) if fill else None
        draw.rectangle(box, width=width, outline=outlines[i], fill=inner)
        if labels is not None and labels[i] is not None:
            write((box[0] + width + 1, box[1] + width + 1), labels[i], ink[i], grounds[i])
    return convert_image_dtype(pil_to_tensor(picture), image.dtype)


def _writer(draw: Any, font: str | None, font_size: int | None) -> Callable[..., None]:
    """A function that writes a text at a place in a colour, on a ground if there is one."""
    from PIL import ImageFont

    if font is None and font_size is not None:
        warnings.warn("Argument 'font_size' will be ignored since 'font' is not set.", stacklevel=3)
    face = ImageFont.load_default() if font is None else ImageFont.truetype(font, font_size or 10)

    def write(at: tuple[int, int], text: str, ink: Any, ground: Any) -> None:
        if ground is not None:
            left, top, right, bottom = draw.textbbox(at, text, font=face)
            draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=ground)
        draw.text(at, text, fill=ink, font=face)

    return write


def _check_image(name: str, image: object, channels: tuple[int, ...]) -> None:
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}: Tensor expected, got {type(image)}")
    if image.dtype is not fg.uint8 and not image.is_floating_point():
        raise ValueError(f"{name}: The image dtype must be uint8 or float, got {image.dtype}")
    if image.dim() != 3:
        raise ValueError(
            f"{name}: Pass individual images [C, H, W], not batches; got {list(image.shape)}"
        )
    if image.shape[0] not in channels:
        kinds = "RGB" if channels == (3,) else "grayscale and RGB"
        raise ValueError(f"{name}: Only {kinds} images are supported, got {list(image.shape)}")


def _check_boxes(boxes: Tensor, labels: Sequence[str | None] | None) -> int:
    """How many there are."""
    if boxes.dim() != 2 or boxes.shape[1] != 4:
        if boxes.numel() == 0:
            return 0
        raise ValueError(f"draw_bounding_boxes: boxes are [N, 4], got {list(boxes.shape)}")
    if bool((boxes[:, 0] > boxes[:, 2]).any()) or bool((boxes[:, 1] > boxes[:, 3]).any()):
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use vision.ops.box_convert to "
            "convert them"
        )
    if labels is not None and len(labels) != len(boxes):
        raise ValueError(
            f"Number of boxes ({len(boxes)}) and labels ({len(labels)}) mismatch. Please specify "
            "labels for each box."
        )
    return len(boxes)


def _colors(given: Colors, count: int) -> list[tuple[int, ...]]:
    from PIL import ImageColor

    if given is None:
        return [
            tuple(i * step % 255 for step in (2**25 - 1, 2**15 - 1, 2**21 - 1))
            for i in range(count)
        ]
    each = given if isinstance(given, list) else [given] * count
    if len(each) < count:
        raise ValueError(
            f"Number of colors must be equal or larger than the number of objects, but got "
            f"{len(each)} < {count}."
        )
    return [
        ImageColor.getrgb(color) if isinstance(color, str) else tuple(color)
        for color in each[:count]
    ]


def draw_segmentation_masks(
    image: Tensor, masks: Tensor, alpha: float = 0.8, colors: Colors = None
) -> Tensor:
    """The image with coloured masks.

    Args:
        image: [3, H, W], uint8, or floats from 0 to 1.
        masks: bool [N, H, W], or one [H, W].
        alpha: from 0 (masks that one does not see) to 1 (an image that one does not see there).
        colors: one colour, or a list with one for each mask; see :func:`draw_bounding_boxes`.

    Returns:
        [3, H, W] of the image's dtype. Where masks overlap, it is darker.

    Raises:
        TypeError: the image is no tensor.
        ValueError: images, masks or colours that do not fit.

    Follows torchvision.utils.draw_segmentation_masks.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.utils import draw_segmentation_masks
    >>> image = torch.full((3, 1, 2), 100, dtype=torch.uint8)
    >>> draw_segmentation_masks(image, torch.tensor([[True, False]]), alpha=0.5, colors="blue")
    tensor([[[ 50, 100]],
    <BLANKLINE>
            [[ 50, 100]],
    <BLANKLINE>
            [[177, 100]]], dtype=torch.uint8)
    """
    _check_image("draw_segmentation_masks", image, (3,))
    if masks.dim() == 2:
        masks = masks[None]
    if masks.dim() != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype is not fg.bool:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[1:] != image.shape[1:]:
        raise ValueError(
            f"The image and the masks must have the same height and width, got "
            f"{list(image.shape[1:])} and {list(masks.shape[1:])}"
        )
    if len(masks) == 0:
        warnings.warn("masks doesn't contain any mask. No mask was drawn", stacklevel=2)
        return image
    painted = image.detach().clone()
    white = 255 if image.dtype is fg.uint8 else 1.0
    for mask, color in zip(masks, _colors(colors, len(masks)), strict=True):
        paint = (fg.tensor(color) / 255 * white).to(image.dtype)
        painted = fg.where(mask, paint.reshape(3, 1, 1), painted)
    painted = fg.where(masks.sum(0) > 1, fg.zeros((), dtype=image.dtype), painted)
    mixed = image.detach() * (1 - alpha) + painted * alpha
    return mixed.to(image.dtype)
