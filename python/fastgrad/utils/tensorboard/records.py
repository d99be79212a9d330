"""The file format of TensorBoard: records with checksums, each an event in protocol buffers.

A record is its length (uint64), the length's checksum, the content, the content's checksum; a
checksum is CRC-32C, rotated and shifted so that one of a checksum is not trivial. A field of a
message is a key (number * 8 + wire type) and a value: a varint (type 0), eight bytes (1), a
length and bytes (2), or four bytes (5).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import cache

_POLYNOMIAL = 0x82F63B78


@cache
def _table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


def crc32c(data: bytes) -> int:
    """The CRC-32C (Castagnoli) of some bytes."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def record(content: bytes) -> bytes:
    """A record of a file."""
    length = struct.pack("<Q", len(content))
    return length + _masked(length) + content + _masked(content)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(number: int, value: int) -> bytes:
    """A field with an integer."""
    return _encoded(number << 3) + _encoded(value & 0xFFFFFFFFFFFFFFFF)


def double(number: int, value: float) -> bytes:
    """A field with a float64."""
    return _encoded(number << 3 | 1) + struct.pack("<d", value)


def float32(number: int, value: float) -> bytes:
    """A field with a float32."""
    return _encoded(number << 3 | 5) + struct.pack("<f", value)


def message(number: int, content: bytes | str) -> bytes:
    """A field with a message, bytes or a text."""
    content = content.encode() if isinstance(content, str) else content
    return _encoded(number << 3 | 2) + _encoded(len(content)) + content


def doubles(number: int, values: Iterable[float]) -> bytes:
    """A field with a packed list of float64."""
    values = tuple(values)
    return message(number, struct.pack(f"<{len(values)}d", *values))


def _encoded(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
