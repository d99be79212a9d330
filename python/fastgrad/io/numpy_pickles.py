"""NumPy's arrays in pickles, for the reader that runs no code."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from typing import Any

from fastgrad.io.unpickling import Buildable, Named, Names, Unpickler

_PLAIN = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


class _Dtype(Buildable):
    """What stands for a dtype of numbers while a pickle is read."""

    def __init__(self, code: Any, align: Any = False, copy: Any = True) -> None:
        if not isinstance(code, str) or not _PLAIN.fullmatch(code):
            raise ValueError(f"{code!r} is no dtype of numbers")
        self.code = code

    def build(self, state: Any) -> None:
        """State: (version, byte order, None, None, None, -1, -1, flags)."""
        _, order, *structure = state
        if order not in ("<", ">", "|", "=") or any(part is not None for part in structure[:3]):
            raise ValueError(f"{state!r} is no state of a dtype of numbers")
        self.code = order + self.code.lstrip("<>|=")


class ArrayState(Buildable):
    """What stands for an array while a pickle is read; `array()` makes it."""

    def __init__(self, *ignored: Any) -> None:
        self._state: Any = None
        self._array: Any = None

    def build(self, state: Any) -> None:
        """State: (version, shape, dtype, Fortran order, bytes)."""
        _, shape, dtype, fortran, values = state
        if not isinstance(dtype, _Dtype) or type(shape) is not tuple:
            raise ValueError("an array without shape or dtype")
        if not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"{shape!r} is no shape")
        if isinstance(values, str):  # text of Python 2 is bytes
            values = values.encode("latin1")
        if type(values) is not bytes:
            raise ValueError(f"an array's values are a {type(values).__name__}, not bytes")
        size = math.prod(shape) * int(dtype.code[-1])
        if size != len(values):
            raise ValueError(f"an array of shape {shape} has {len(values)} bytes, not {size}")
        self._state = shape, dtype.code, bool(fortran), values

    def array(self) -> Any:
        """The array, the same at each call.

        Raises:
            ValueError: the pickle did not say what is in it.
        """
        import numpy

        if self._state is None:
            raise ValueError("an array without values")
        if self._array is None:
            shape, code, fortran, values = self._state
            read = numpy.frombuffer(values, code).reshape(shape, order="F" if fortran else "C")
            self._array = read.astype(read.dtype.newbyteorder("="))
        return self._array


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes where pickles have none."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"unexpected encoding {encoding!r}")
    return text.encode("latin1")


NAMES: Names = {
    ("numpy", "ndarray"): Named("numpy.ndarray", ArrayState),
    ("numpy", "dtype"): Named("numpy.dtype", _Dtype),
    ("numpy.core.multiarray", "_reconstruct"): Named("numpy._reconstruct", ArrayState),
    ("numpy._core.multiarray", "_reconstruct"): Named("numpy._reconstruct", ArrayState),
    ("_codecs", "encode"): Named("_codecs.encode", _encoded),
}


def with_arrays(value: Any) -> Any:
    """What a pickle holds, with arrays in place of their states, in lists, tuples and dictionaries.

    Raises:
        pickle.UnpicklingError: the pickle did not say what is in an array, or nests too deeply.

    Example:
        >>> import pickle, numpy
        >>> from fastgrad.io.numpy_pickles import NAMES, Unpickler, with_arrays
        >>> data = pickle.dumps({"a": [numpy.array([1, 2])]}, protocol=2)
        >>> with_arrays(Unpickler(data, NAMES).load())
        {'a': [array([1, 2])]}
    """
    from pickle import UnpicklingError

    try:
        return _replaced(value, set())
    except ValueError as error:
        raise UnpicklingError(str(error)) from error
    except RecursionError:
        raise UnpicklingError("containers inside each other, too many for Python") from None


def _replaced(value: Any, seen: set[int]) -> Any:
    if isinstance(value, ArrayState):
        return value.array()
    if isinstance(value, tuple):
        parts = [_replaced(part, seen) for part in value]
        return value if all(map(operator.is_, parts, value)) else tuple(parts)
    if isinstance(value, list | dict) and id(value) not in seen:
        seen.add(id(value))  # it may hold itself
        for key, part in list(value.items() if isinstance(value, dict) else enumerate(value)):
            value[key] = _replaced(part, seen)
    return value


def read_arrays(data: bytes) -> Mapping[str, Any]:
    """The dictionary in a pickle, with arrays among its values, without running any code.

    Keys that are bytes become text.

    Raises:
        pickle.UnpicklingError: damaged, or something else than containers, numbers, text and
            arrays of numbers.

    Example:
        >>> import pickle, numpy
        >>> from fastgrad.io.numpy_pickles import read_arrays
        >>> read_arrays(pickle.dumps({b"data": numpy.array([1, 2]), "labels": [0]}, protocol=2))
        {'data': array([1, 2]), 'labels': [0]}
    """
    from pickle import UnpicklingError

    value = Unpickler(data, NAMES).load()
    if type(value) is not dict:
        raise UnpicklingError(f"expected a dictionary, got a {type(value).__name__}")
    return {
        key.decode("latin1") if type(key) is bytes else str(key): part
        for key, part in with_arrays(value).items()
    }
