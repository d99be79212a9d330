"""Where scripts look for ``torch.onnx``: no files of that format are written."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["export"]


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """Say that nothing is exported.

    Raises:
        NotImplementedError: always.

    >>> import fastgrad.onnx
    >>> fastgrad.onnx.export()
    Traceback (most recent call last):
    NotImplementedError: onnx.export: no files of this format are written; save the state_dict()
    """
    raise NotImplementedError(
        "onnx.export: no files of this format are written; save the state_dict()"
    )
