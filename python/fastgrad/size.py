"""The shape of a tensor."""

from __future__ import annotations

from operator import index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, SupportsIndex, overload


class Size(tuple[int, ...]):
    """A tuple of the sizes of the dimensions. Follows ``torch.Size``.

    >>> import fastgrad as torch
    >>> torch.zeros(2, 3).shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[SupportsIndex] = ()) -> Size:
        return tuple.__new__(cls, [_as_int(i, n) for i, n in enumerate(sizes)])

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        product = 1
        for n in self:
            product *= n
        return product

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: SupportsIndex) -> int: ...
        @overload
        def __getitem__(self, index: slice) -> Size: ...

    def __getitem__(self, index: SupportsIndex | slice) -> int | Size:
        part = tuple.__getitem__(self, index)
        return _size(Size, part) if isinstance(part, tuple) else part

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]
        if not isinstance(other, tuple):
            raise TypeError(
                f"can only concatenate tuple (not {type(other).__name__}) to torch.Size"
            )
        return _size(Size, tuple.__add__(self, other))

    def __radd__(self, other: tuple[int, ...]) -> Size:
        return _size(Size, tuple.__add__(other, self))

    def __mul__(self, times: SupportsIndex) -> Size:
        return _size(Size, tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __reduce__(self) -> tuple[object, ...]:
        return Size, (tuple(self),)


_size = tuple.__new__  # for what is known to hold integers


def _as_int(place: int, size: object) -> int:
    if not hasattr(size, "__index__"):
        raise TypeError(
            f"torch.Size() takes an iterable of 'int' (item {place} is '{type(size).__name__}')"
        )
    return index(size)


def sizes_from(args: tuple[Any, ...], named: Any, name: str) -> Any:
    """Sizes given one by one, as one sequence, or by the keyword `name`."""
    if not args:
        if named is None:
            raise TypeError(f"missing 1 required positional argument: '{name}'")
        return named
    if named is not None:
        raise TypeError(f"got multiple values for argument '{name}'")
    return args[0] if len(args) == 1 and not hasattr(args[0], "__index__") else args
