"""The shape of a tensor."""

from __future__ import annotations


class Size(tuple):  # type: ignore[type-arg]
    """A tuple of the sizes of the dimensions. Follows ``torch.Size``."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        product = 1
        for n in self:
            product *= n
        return product

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        part = tuple.__getitem__(self, index)
        return Size(part) if isinstance(index, slice) else part

    def __add__(self, other):  # type: ignore[no-untyped-def]
        return Size(tuple.__add__(self, other))

    def __mul__(self, times):  # type: ignore[no-untyped-def]
        return Size(tuple.__mul__(self, times))

    def __reduce__(self) -> tuple[type, tuple[tuple[int, ...]]]:
        return Size, (tuple(self),)
