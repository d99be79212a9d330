"""Image files as uint8 tensors [C, H, W]: JPEG, PNG and WebP. Follows torchvision.io.

Pillow does the work (``pip install 'fastgrad[vision]'``).
"""

from __future__ import annotations

import os
from enum import Enum
from io import BytesIO
from typing import Any

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.io.atomic import atomic_write
from fastgrad.vision._images import open_image, to_array
from fastgrad.vision.transforms._pillow import pillow

__all__ = [
    "ImageReadMode",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]

_FORMATS = ("JPEG", "PNG", "WEBP")


class ImageReadMode(Enum):
    """As which kind of image to read: as it is, or converted.

    Follows torchvision.io.ImageReadMode.
    """

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


_PILLOW_MODES = {
    ImageReadMode.UNCHANGED: None,
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}


def read_file(path: str | os.PathLike[str]) -> Tensor:
    """The bytes of a file, uint8 [N].

    Raises:
        RuntimeError: the file cannot be read.

    Follows torchvision.io.read_file.

    >>> import tempfile
    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import read_file, write_file
    >>> path = tempfile.mkdtemp() + "/abc"
    >>> write_file(path, torch.tensor([97, 98], dtype=torch.uint8))
    >>> read_file(path)
    tensor([97, 98], dtype=torch.uint8)
    """
    import numpy

    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise RuntimeError(f"read_file: [Errno {error.errno}] {error.strerror}: {path}") from error
    return fg.from_numpy(numpy.frombuffer(content, numpy.uint8).copy())


def write_file(filename: str | os.PathLike[str], data: Tensor) -> None:
    """Write bytes, uint8 [N], to a file, which appears whole or not at all.

    Raises:
        RuntimeError: other data.

    Follows torchvision.io.write_file.
    Example: see :func:`read_file`.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import write_file
    >>> write_file("bytes", torch.zeros(3))
    Traceback (most recent call last):
    RuntimeError: write_file: expected bytes, a 1-dimensional uint8 tensor, got torch.float32 [3]
    """
    content = _bytes("write_file", data)
    with atomic_write(filename) as file:
        file.write(content)


def _bytes(name: str, data: object) -> bytes:
    if not isinstance(data, Tensor) or data.dtype is not fg.uint8 or data.dim() != 1:
        what = f"{data.dtype} {list(data.shape)}" if isinstance(data, Tensor) else type(data)
        raise RuntimeError(f"{name}: expected bytes, a 1-dimensional uint8 tensor, got {what}")
    content: bytes = data.numpy().tobytes()
    return content


def read_image(
    path: str | os.PathLike[str],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """An image file as a tensor.

    Args:
        path: a JPEG, PNG or WebP file.
        mode: convert to this kind of image: an :class:`ImageReadMode`, or its name.
        apply_exif_orientation: turn the image as the camera noted.

    Returns:
        uint8 [C, H, W].

    Raises:
        RuntimeError: no such file, not such an image, a damaged or an absurdly large one.

    Follows torchvision.io.read_image.

    >>> import tempfile
    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import read_image, write_png
    >>> path = tempfile.mkdtemp() + "/grey.png"
    >>> write_png(torch.tensor([[[0, 128, 255]]], dtype=torch.uint8), path)
    >>> read_image(path)
    tensor([[[  0, 128, 255]]], dtype=torch.uint8)
    """
    if not os.path.isfile(path):
        raise RuntimeError(f"read_image: [Errno 2] No such file: {path}")
    return _decoded("read_image", path, os.fspath(path), _FORMATS, mode, apply_exif_orientation)


def decode_image(
    input: Tensor,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The bytes of a JPEG, PNG or WebP file as a tensor; see :func:`read_image`.

    Follows torchvision.io.decode_image, which takes a path, too.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import decode_image, encode_png
    >>> decode_image(encode_png(torch.full((3, 1, 2), 7, dtype=torch.uint8)), mode="GRAY")
    tensor([[[7, 7]]], dtype=torch.uint8)
    """
    if isinstance(input, (str, os.PathLike)):
        return read_image(input, mode, apply_exif_orientation)
    return _from_bytes("decode_image", input, _FORMATS, mode, apply_exif_orientation)


def decode_png(
    input: Tensor,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The bytes of a PNG file as a tensor; see :func:`read_image`.

    Follows torchvision.io.decode_png.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import decode_png, encode_png
    >>> decode_png(encode_png(torch.full((1, 1, 2), 7, dtype=torch.uint8)))
    tensor([[[7, 7]]], dtype=torch.uint8)
    """
    return _from_bytes("decode_png", input, ("PNG",), mode, apply_exif_orientation)


def decode_jpeg(
    input: Tensor,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The bytes of a JPEG file as a tensor; see :func:`read_image`.

    Follows torchvision.io.decode_jpeg.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import decode_jpeg, encode_jpeg
    >>> decode_jpeg(encode_jpeg(torch.full((1, 1, 2), 7, dtype=torch.uint8)))
    tensor([[[7, 7]]], dtype=torch.uint8)
    """
    return _from_bytes("decode_jpeg", input, ("JPEG",), mode, apply_exif_orientation)


def _from_bytes(
    name: str, data: Tensor, formats: tuple[str, ...], mode: ImageReadMode | str, turn: bool
) -> Tensor:
    content = BytesIO(_bytes(name, data))
    return _decoded(name, content, "the bytes", formats, mode, turn)


def _decoded(
    name: str, source: Any, called: str, formats: tuple[str, ...], mode: Any, turn: bool
) -> Tensor:
    library = pillow()
    wanted = _PILLOW_MODES[_read_mode(name, mode)]
    try:
        image = open_image(source, wanted if wanted == "L" else None, formats, called)
    except library.UnidentifiedImageError as error:
        raise RuntimeError(
            f"{name}: Unsupported image file {called}. Only {', '.join(formats)} are supported"
        ) from error
    except (OSError, library.DecompressionBombError) as error:
        raise RuntimeError(f"{name}: {error}") from error
    if turn:
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        raise RuntimeError(
            f"{name}: {called} has more than 8 bits for each value, and there is no uint16; open "
            "it with PIL.Image and use PILToTensor()"
        )
    if image.mode == "P":
        wanted = wanted or ("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode == "1":
        wanted = wanted or "L"
    array = to_array(image if wanted in (None, image.mode) else image.convert(wanted))
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return fg.from_numpy(planes.copy())


def _read_mode(name: str, mode: ImageReadMode | str) -> ImageReadMode:
    if isinstance(mode, ImageReadMode):
        return mode
    found = ImageReadMode.__members__.get(str(mode).upper())
    if found is None:
        raise ValueError(
            f"{name}: mode must be one of {', '.join(ImageReadMode.__members__)}, got {mode!r}"
        )
    return found


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """An image as the bytes of a PNG file.

    Args:
        input: uint8 [C, H, W] with 1 or 3 channels.
        compression_level: from 0 (fast) to 9 (small).

    Returns:
        uint8 [N].

    Raises:
        RuntimeError: other images or levels.

    Follows torchvision.io.encode_png.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import encode_png
    >>> bytes(encode_png(torch.zeros(3, 4, 4, dtype=torch.uint8))[1:4].tolist())
    b'PNG'
    """
    if not 0 <= compression_level <= 9:
        raise RuntimeError(
            f"encode_png: Compression level should be between 0 and 9, got {compression_level}"
        )
    return _encoded("encode_png", input, "PNG", compress_level=compression_level)


def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor:
    """An image as the bytes of a JPEG file, about the same but not quite.

    Args:
        input: uint8 [C, H, W] with 1 or 3 channels.
        quality: from 1 (small) to 100 (good).

    Returns:
        uint8 [N].

    Raises:
        RuntimeError: other images or qualities.

    Follows torchvision.io.encode_jpeg.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import encode_jpeg
    >>> bytes(encode_jpeg(torch.zeros(3, 4, 4, dtype=torch.uint8))[6:10].tolist())
    b'JFIF'
    """
    if not 1 <= quality <= 100:
        raise RuntimeError(
            "encode_jpeg: Image quality should be a positive number between 1 and 100, got "
            f"{quality}"
        )
    return _encoded("encode_jpeg", input, "JPEG", quality=quality)


def _encoded(name: str, image: Tensor, kind: str, **options: Any) -> Tensor:
    import numpy

    if not isinstance(image, Tensor) or image.dtype is not fg.uint8:
        got = image.dtype if isinstance(image, Tensor) else type(image)
        raise RuntimeError(f"{name}: Input tensor dtype should be uint8, got {got}")
    if image.dim() != 3 or image.shape[0] not in (1, 3):
        raise RuntimeError(
            f"{name}: The input tensor has to be [C, H, W] with 1 or 3 channels, got "
            f"{list(image.shape)}"
        )
    if image.numel() == 0:
        raise RuntimeError(f"{name}: the image is empty, its shape is {list(image.shape)}")
    array = image.numpy()[0] if image.shape[0] == 1 else image.permute(1, 2, 0).numpy()
    buffer = BytesIO()
    pillow().fromarray(numpy.ascontiguousarray(array)).save(buffer, kind, **options)
    return fg.from_numpy(numpy.frombuffer(buffer.getvalue(), numpy.uint8).copy())


def write_png(input: Tensor, filename: str | os.PathLike[str], compression_level: int = 6) -> None:
    """Write an image as a PNG file; see :func:`encode_png`.

    Follows torchvision.io.write_png.
    Example: see :func:`read_image`.

    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import write_png
    >>> write_png(torch.zeros(3, 4, 4), "black.png")
    Traceback (most recent call last):
    RuntimeError: encode_png: Input tensor dtype should be uint8, got torch.float32
    """
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: str | os.PathLike[str], quality: int = 75) -> None:
    """Write an image as a JPEG file; see :func:`encode_jpeg`.

    Follows torchvision.io.write_jpeg.

    >>> import tempfile
    >>> import fastgrad as torch
    >>> from fastgrad.vision.io import read_image, write_jpeg
    >>> path = tempfile.mkdtemp() + "/black.jpg"
    >>> write_jpeg(torch.zeros(3, 4, 4, dtype=torch.uint8), path)
    >>> read_image(path).shape
    torch.Size([3, 4, 4])
    """
    write_file(filename, encode_jpeg(input, quality))
