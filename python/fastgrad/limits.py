"""What numbers of each dtype can hold."""

from __future__ import annotations

from math import log10

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import DType

# By dtype: the bits of the fraction, and the largest exponent.
_FLOATS = {"float16": (10, 15), "bfloat16": (7, 127), "float32": (23, 127), "float64": (52, 1023)}


class _Limits:
    """What finfo and iinfo share."""

    __slots__ = ("bits", "dtype", "max", "min")

    bits: int
    dtype: str

    def _take(self, type: DType) -> _core.dtype:
        if not isinstance(type, _core.dtype) and type not in (int, float, bool):
            raise TypeError(
                f"{self.__class__.__name__}(): argument 'type' must be torch.dtype, not "
                f"{type.__class__.__name__}"
            )
        kind = _core.promote_types(type, type)
        self.bits = kind.itemsize * 8
        self.dtype = str(kind).removeprefix("torch.")
        return kind

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.dtype == self.dtype

    __hash__ = None  # type: ignore[assignment]

    def _show(self, *names: str) -> str:
        numbers = ", ".join(f"{name}={getattr(self, name):g}" for name in names)
        return f"{type(self).__name__}({numbers}, dtype={self.dtype})"


class finfo(_Limits):
    """What a floating-point dtype (unless told, the default one) can hold.

    Attributes: `bits`, `max`, `min`, `eps` (the distance from 1 to the next number), `tiny` and
    `smallest_normal` (the smallest positive number of full precision), `resolution`, `dtype`.

    Raises:
        TypeError: no floating-point dtype.

    Follows ``torch.finfo``.

    >>> import fastgrad as torch
    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    """

    __slots__ = ("eps", "resolution", "smallest_normal", "tiny")

    max: float
    min: float

    def __init__(self, type: DType | None = None) -> None:
        if not self._take(type or _core.get_default_dtype()).is_floating_point:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'{self.dtype}'"
            )
        fraction, exponent = _FLOATS[self.dtype]
        self.eps = 2.0**-fraction
        self.max = (2.0 - self.eps) * 2.0**exponent
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - exponent)
        self.resolution = float(f"1e-{int(fraction * log10(2))}")

    def __repr__(self) -> str:
        return self._show("resolution", "min", "max", "eps", "smallest_normal", "tiny")


class iinfo(_Limits):
    """What an integer dtype can hold. Attributes: `bits`, `max`, `min`, `dtype`.

    Raises:
        TypeError: no integer dtype.

    Follows ``torch.iinfo``.

    >>> import fastgrad as torch
    >>> torch.iinfo(torch.int32).max
    2147483647
    """

    __slots__ = ()

    max: int
    min: int

    def __init__(self, type: DType) -> None:
        kind = self._take(type)
        if kind.is_floating_point:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                f"'{self.dtype}'"
            )
        if kind is _core.bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        self.min = -(2 ** (self.bits - 1)) if kind.is_signed else 0
        self.max = self.min + 2**self.bits - 1

    def __repr__(self) -> str:
        return self._show("min", "max")
