"""Flatten and Unflatten: joining and splitting dimensions."""

import math
from collections.abc import Sequence

from ... import Tensor
from ..module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Joins the dimensions from `start_dim` to `end_dim` into one.

    Args:
        start_dim: the first of them; the default leaves the batch dimension alone.
        end_dim: the last of them.

    Follows torch.nn.Flatten.

    >>> import fastgrad as torch
    >>> torch.nn.Flatten()(torch.zeros(32, 1, 28, 28)).shape
    torch.Size([32, 784])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor that has these dimensions."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits one dimension into several.

    Args:
        dim: the dimension to split.
        unflattened_size: the sizes it becomes; one of them may be -1, to be worked out.

    Raises:
        TypeError: `dim` is not an int, or `unflattened_size` not a tuple or list of ints.

    Follows torch.nn.Unflatten.

    >>> import fastgrad as torch
    >>> torch.nn.Unflatten(1, (2, -1))(torch.zeros(32, 50)).shape
    torch.Size([32, 2, 25])
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError(f"dim must be an int, got {dim!r}")
        if not isinstance(unflattened_size, tuple | list) or not all(
            isinstance(size, int) for size in unflattened_size
        ):
            raise TypeError(
                f"unflattened_size must be a tuple or list of ints, got {unflattened_size!r}"
            )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor whose dimension `dim` has the product of the sizes as its size."""
        rank = input.dim()
        if not -rank <= self.dim < rank:
            raise IndexError(
                f"unflatten: dim {self.dim} is out of range for an input with {rank} dimensions"
            )
        dim = self.dim % rank
        shape = tuple(input.shape)
        return input.reshape((*shape[:dim], *self._sizes(shape[dim]), *shape[dim + 1 :]))

    def _sizes(self, whole: int) -> list[int]:
        """The sizes, with -1 worked out for a dimension of size `whole`."""
        sizes = list(self.unflattened_size)
        rest = math.prod(size for size in sizes if size != -1)
        if sizes.count(-1) == 1 and rest > 0:
            sizes[sizes.index(-1)] = whole // rest
        if math.prod(sizes) != whole or -1 in sizes:
            raise RuntimeError(
                f"unflatten: sizes {tuple(self.unflattened_size)} do not multiply up to the size"
                f" of dim {self.dim} ({whole})"
            )
        return sizes

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
