"""Features of regions of interest. Follows torchvision.ops.

Source: https://docs.pytorch.org/vision/stable/ops.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import fastgrad as fg
from fastgrad import Tensor, nn
from fastgrad.vision.ops.boxes import checked_boxes


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def _rois(op: str, input: Tensor, boxes: Tensor | Sequence[Tensor]) -> list[list[float]]:
    """Rows of (image, x1, y1, x2, y2)."""
    if input.dim() != 4:
        raise ValueError(f"{op}: input must have the shape [N, C, H, W], got {list(input.shape)}")
    if isinstance(boxes, Tensor):
        rows: list[list[float]] = checked_boxes(op, boxes, columns=5).tolist()
    else:
        rows = [
            [float(image), *row]
            for image, some in enumerate(boxes)
            for row in checked_boxes(op, some).tolist()
        ]
    for row in rows:
        if not 0 <= row[0] < len(input):
            raise IndexError(f"{op}: a box belongs to image {row[0]:g}, there are {len(input)}")
        if not all(map(math.isfinite, row)):
            raise ValueError(f"{op}: a box is not finite: {row[1:]}")
    return rows


def roi_pool(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """The largest features in each cell of a grid over each region.

    Args:
        input: feature maps [N, C, H, W].
        boxes: [K, 5] with the number of the image before (x1, y1, x2, y2), or a list of [L, 4].
        output_size: the grid's height and width.
        spatial_scale: what the coordinates are multiplied by to get those of `input`.

    Returns:
        [K, C, *output_size]; 0 in cells without pixels.

    Raises:
        ValueError, IndexError: shapes that do not fit, or an image that is not there.

    Source: Girshick 2015, "Fast R-CNN". Follows torchvision.ops.roi_pool.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import roi_pool
    >>> X = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_pool(X, torch.tensor([[0.0, 0, 0, 20, 20]]), output_size=(2, 2), spatial_scale=0.1)
    tensor([[[[ 5.,  6.],
              [ 9., 10.]]]])
    """
    height, width = _pair(output_size)
    regions = []
    for image, *corners in _rois("roi_pool", input, boxes):
        x1, y1, x2, y2 = (_rounded(c * spatial_scale) for c in corners)
        rows = _cells(y1, y2, height, input.shape[2])
        columns = _cells(x1, x2, width, input.shape[3])
        planes = input[int(image)]
        cells = [_largest(planes, *r, *c) for r in rows for c in columns]
        regions.append(fg.stack(cells, 1).reshape(-1, height, width))
    return fg.stack(regions) if regions else input.new_zeros((0, input.shape[1], height, width))


def _rounded(x: float) -> int:
    """To the nearest integer; halves away from zero."""
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def _cells(first: int, last: int, count: int, limit: int) -> list[tuple[int, int]]:
    """Where `count` cells of the pixels from `first` to `last` begin and end."""
    size = max(last - first + 1, 1) / count
    return [
        (
            min(max(first + math.floor(i * size), 0), limit),
            min(max(first + math.ceil((i + 1) * size), 0), limit),
        )
        for i in range(count)
    ]


def _largest(planes: Tensor, top: int, bottom: int, left: int, right: int) -> Tensor:
    if top >= bottom or left >= right:
        return planes.new_zeros(len(planes))
    return planes[:, top:bottom, left:right].flatten(1).max(1).values


def roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """The mean of interpolated features in each cell of a grid over each region.

    Args:
        input: feature maps [N, C, H, W].
        boxes: [K, 5] with the number of the image before (x1, y1, x2, y2), or a list of [L, 4].
        output_size: the grid's height and width.
        spatial_scale: what the coordinates are multiplied by to get those of `input`.
        sampling_ratio: samples in a cell along each side; without, as many as it has pixels.
        aligned: coordinates are those of pixels' corners, not of their centres.

    Returns:
        [K, C, *output_size].

    Raises:
        ValueError, IndexError: shapes that do not fit, or an image that is not there.

    Source: He et al. 2017, "Mask R-CNN". Follows torchvision.ops.roi_align.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.ops import roi_align
    >>> X = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_align(X, torch.tensor([[0.0, 0, 0, 2, 2]]), output_size=1, sampling_ratio=2)
    tensor([[[[5.]]]])
    """
    height, width = _pair(output_size)
    shift = 0.5 if aligned else 0.0
    regions = []
    for image, *corners in _rois("roi_align", input, boxes):
        x1, y1, x2, y2 = (c * spatial_scale - shift for c in corners)
        rows = _samples(y1, y2, height, sampling_ratio, aligned, input.shape[2], input)
        columns = _samples(x1, x2, width, sampling_ratio, aligned, input.shape[3], input)
        regions.append(rows @ input[int(image)] @ columns.t())
    return fg.stack(regions) if regions else input.new_zeros((0, input.shape[1], height, width))


def _samples(
    first: float, last: float, cells: int, ratio: int, aligned: bool, limit: int, like: Tensor
) -> Tensor:
    """A matrix [cells, limit] that averages linear interpolations between pixels.

    Interpolation in a plane is interpolation along its rows and along its columns.
    """
    length = last - first if aligned else max(last - first, 1.0)
    count = ratio if ratio > 0 else math.ceil(length / cells)
    weights = [[0.0] * limit for _ in range(cells)]
    for cell in range(cells):
        for i in range(count):
            at = first + (cell + (i + 0.5) / count) * length / cells
            if at < -1 or at > limit:
                continue
            at = max(at, 0.0)
            low = min(int(at), limit - 1)
            high = min(low + 1, limit - 1)
            share = at - low if low < limit - 1 else 0.0
            weights[cell][low] += (1 - share) / count
            weights[cell][high] += share / count
    return fg.tensor(weights, dtype=like.dtype)


class RoIPool(nn.Module):
    """:func:`roi_pool` as a module. Follows torchvision.ops.RoIPool.

    >>> from fastgrad.vision.ops import RoIPool
    >>> RoIPool(output_size=(2, 2), spatial_scale=0.1)
    RoIPool(output_size=(2, 2), spatial_scale=0.1)
    """

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        """The regions' features."""
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return f"RoIPool(output_size={self.output_size}, spatial_scale={self.spatial_scale})"


class RoIAlign(nn.Module):
    """:func:`roi_align` as a module. Follows torchvision.ops.RoIAlign.

    >>> from fastgrad.vision.ops import RoIAlign
    >>> RoIAlign(output_size=2, spatial_scale=1.0, sampling_ratio=2)
    RoIAlign(output_size=2, spatial_scale=1.0, sampling_ratio=2, aligned=False)
    """

    def __init__(
        self,
        output_size: int | Sequence[int],
        spatial_scale: float,
        sampling_ratio: int,
        aligned: bool = False,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        """The regions' features."""
        return roi_align(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned
        )

    def __repr__(self) -> str:
        return (
            f"RoIAlign(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
        )
