"""What TensorBoard shows, as the `Summary` messages of its format."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from fastgrad import Tensor, as_tensor, histc, isfinite
from fastgrad.utils.tensorboard.records import double, doubles, float32, message, varint


def scalar(tag: str, value: float) -> bytes:
    """A point of a curve."""
    return message(1, message(1, tag) + float32(2, value))


def text(tag: str, value: str) -> bytes:
    """A text in Markdown."""
    plugin = message(9, message(1, message(1, "text")))
    tensor = varint(1, 7) + message(2, message(2, varint(1, 1))) + message(8, value)
    return message(1, message(1, tag) + plugin + message(8, tensor))


def histogram(tag: str, values: Tensor, bins: int = 64) -> bytes:
    """How often values lie in each of some equal parts of their range.

    Raises:
        ValueError: there are no values, or one is not finite.
    """
    numbers = values.detach().reshape(-1).double()
    if not numbers.numel() or not bool(isfinite(numbers).all()):
        raise ValueError(f"histogram {tag!r}: expected finite values, at least one")
    low, high = numbers.min().item(), numbers.max().item()
    width = ((high - low) or 1.0) / bins
    counts = histc(numbers, bins, low, low + width * bins)
    content = b"".join(
        (
            *(double(1, low), double(2, high), double(3, numbers.numel())),
            *(double(4, numbers.sum().item()), double(5, (numbers * numbers).sum().item())),
            doubles(6, (low + width * (i + 1) for i in range(bins))),
            doubles(7, counts.tolist()),
        )
    )
    return message(1, message(1, tag) + message(5, content))


def image(tag: str, pixels: Any, dataformats: str = "CHW") -> bytes:
    """A picture of floats in [0, 1] or bytes, grey or in colours.

    Raises:
        ValueError: the axes do not fit the letters, or there are not 1, 3 or 4 channels.
    """
    values = as_tensor(pixels).detach()
    if values.ndim != len(dataformats) or not {*"HW"} <= {*dataformats} <= {*"HWC"}:
        raise ValueError(f"image {tag!r}: shape {tuple(values.shape)} is no {dataformats}")
    values = values.permute([dataformats.index(a) for a in "HWC" if a in dataformats])
    values = values.reshape(*values.shape[:2], -1)
    if values.is_floating_point():
        values = (values * 255).clamp(0, 255)
    height, width, channels = values.shape
    if channels not in (1, 3, 4):
        raise ValueError(f"image {tag!r}: expected 1, 3 or 4 channels, got {channels}")
    rows = [bytes(row) for row in values.byte().reshape(height, width * channels).tolist()]
    return encoded_image(tag, height, width, channels, png(rows, width, channels))


def figure(tag: str, drawn: Any) -> bytes:
    """A figure of Matplotlib."""
    file = io.BytesIO()
    drawn.savefig(file, format="png")
    content = file.getvalue()
    width, height = struct.unpack(">II", content[16:24])
    return encoded_image(tag, height, width, 4, content)


def encoded_image(tag: str, height: int, width: int, channels: int, content: bytes) -> bytes:
    """A picture that is encoded already."""
    fields = varint(1, height) + varint(2, width) + varint(3, channels) + message(4, content)
    return message(1, message(1, tag) + message(4, fields))


def png(rows: list[bytes], width: int, channels: int) -> bytes:
    """Eight bits a channel, in PNG's format."""
    colours = {1: 0, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, len(rows), 8, colours, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
