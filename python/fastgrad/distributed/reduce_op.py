"""How numbers of several processes become one."""

from __future__ import annotations

from enum import Enum

import fastgrad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

_BITWISE = {"BAND": "bitwise_and", "BOR": "bitwise_or", "BXOR": "bitwise_xor"}


class ReduceOp(Enum):
    """What a reduction does with the tensors of all ranks, element by element.

    The order of the additions is fixed by the number of ranks, so that a result repeats bit for
    bit. Sums of float16 and bfloat16 are rounded after each addition.

    Follows ``torch.distributed.ReduceOp``.
    """

    SUM = "sum"
    AVG = "avg"
    PRODUCT = "product"
    MIN = "min"
    MAX = "max"
    BAND = "band"
    BOR = "bor"
    BXOR = "bxor"

    def check(self, call: str, tensor: Tensor) -> None:
        """An error where it has no meaning for the dtype."""
        is_float = tensor.dtype.is_floating_point
        if self.name in _BITWISE and is_float:
            raise TypeError(f"{call}: {self.name} needs integers or bools, got {tensor.dtype}")
        if self is ReduceOp.AVG and not is_float:
            raise TypeError(f"{call}: AVG needs floating-point numbers, got {tensor.dtype}")

    def combine(self, into: Tensor, other: Tensor) -> None:
        """Change `into` to what becomes of both."""
        if self in (ReduceOp.SUM, ReduceOp.AVG):
            into.add_(other)
        elif self is ReduceOp.PRODUCT:
            into.mul_(other)
        elif self in (ReduceOp.MIN, ReduceOp.MAX):
            pick = fastgrad.minimum if self is ReduceOp.MIN else fastgrad.maximum
            into.copy_(pick(into, other))
        else:
            into.copy_(getattr(fastgrad, _BITWISE[self.name])(into, other))

    def complete(self, result: Tensor, ranks: int) -> None:
        """What remains to be done to the tensors of all ranks combined."""
        if self is ReduceOp.AVG:
            result.div_(ranks)
