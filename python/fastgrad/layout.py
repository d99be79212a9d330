"""How tensors lie in memory: layouts and memory formats."""

from __future__ import annotations


class layout:
    """How a tensor's elements are kept: here always ``strided``. Follows ``torch.layout``.

    >>> import fastgrad as torch
    >>> torch.zeros(2).layout
    torch.strided
    """

    __slots__ = ("_name",)
    __module__ = "fastgrad"

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> str:
        return self._name


class memory_format:
    """In which order a tensor's elements lie in memory. Follows ``torch.memory_format``.

    >>> import fastgrad as torch
    >>> torch.channels_last
    torch.channels_last
    """

    __slots__ = ("_name", "order")
    __module__ = "fastgrad"

    order: tuple[int, ...] | None  # the dimensions from the outermost to the innermost in memory

    def __init__(self, name: str, order: tuple[int, ...] | None = None) -> None:
        self._name = name
        self.order = order

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> str:
        return self._name

    def order_for(self, rank: int) -> tuple[int, ...]:
        """The order for a tensor of `rank` dimensions; RuntimeError where there is none."""
        if self.order is None or len(self.order) != rank:
            expected = f"rank {len(self.order)} tensor" if self.order else "another format"
            raise RuntimeError(f"required {expected} to use {self._name} format, got rank {rank}")
        return self.order


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last", (0, 2, 3, 1))
channels_last_3d = memory_format("channels_last_3d", (0, 2, 3, 4, 1))


def check_layout(wanted: layout | None) -> None:
    """NotImplementedError unless tensors can be kept so."""
    if wanted is not None and wanted is not strided:
        raise NotImplementedError(f"layout: only torch.strided is supported, got {wanted}")
