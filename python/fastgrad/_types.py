"""Types that many signatures share, for type checkers: nothing imports this at run time."""

from __future__ import annotations

from typing import TypeAlias

from fastgrad._core import dtype
from fastgrad.device import device
from fastgrad.tensor import Tensor

# To a type checker int and bool are floats too.
Operand: TypeAlias = Tensor | float
DType: TypeAlias = dtype | type[float]
Place: TypeAlias = device | str | int
Sizes: TypeAlias = tuple[int, ...] | list[int]
Dims: TypeAlias = int | Sizes
