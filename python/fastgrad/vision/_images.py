"""Image files, opened with Pillow so that a bad one is an error that names the file."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from typing import IO, Any

from fastgrad.vision.transforms._pillow import Image, pillow

# What Pillow's readers of formats raise on damaged files, besides OSError.
_DAMAGE = (SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError)


def open_image(
    source: str | os.PathLike[str] | IO[bytes],
    mode: str | None = None,
    formats: Sequence[str] | None = None,
    name: str | None = None,
) -> Image:
    """A Pillow image that is read whole.

    Args:
        source: a path or an open file.
        mode: convert to this one of Pillow's modes.
        formats: which of Pillow's formats may be tried; without, all.
        name: what an error calls the source.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: not an image (PIL.UnidentifiedImageError), or a damaged or truncated one.
        PIL.Image.DecompressionBombError: an absurd number of pixels, from a small file perhaps.
        ImportError: Pillow is not installed.
    """
    library = pillow()
    called = name or str(source)
    try:
        with library.open(source, formats=formats) as image:
            if mode == "L":
                image.draft("L", None)  # a JPEG has its greys inside
            image.load()
            return image.copy() if mode in (None, image.mode) else image.convert(mode)
    except library.DecompressionBombError as error:
        raise library.DecompressionBombError(
            f"{called}: {error}; if the image is right, raise PIL.Image.MAX_IMAGE_PIXELS"
        ) from error
    except OSError as error:
        if error.errno is not None:  # the file system's own words: no such file, no permission
            raise
        raise type(error)(
            f"{called}: {error}; the file is damaged or no image: replace or remove it"
        ) from error
    except (*_DAMAGE, struct.error, zlib.error, MemoryError) as error:
        raise OSError(
            f"{called}: damaged image ({type(error).__name__}: {error}); replace or remove it"
        ) from error


def to_array(image: Image) -> Any:
    """An image's values as a NumPy array [H, W] or [H, W, C] that may be changed."""
    import numpy

    return numpy.array(image)
