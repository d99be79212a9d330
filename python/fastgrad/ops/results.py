"""Named tuples: what functions with several results return."""

from __future__ import annotations

from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

    _Tensors = tuple[Tensor, ...]
else:
    _Tensors = tuple


class Result(_Tensors):
    """A tuple with names, printed as PyTorch prints its own.

    A subclass ``name_result`` of an operation lists its fields as annotations, in the order of
    PyTorch's. Like PyTorch's it is made from one sequence: ``sort_result((values, indices))``.
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        names = tuple(cls.__annotations__)
        cls._fields = names
        for place, name in enumerate(names):
            setattr(cls, name, property(itemgetter(place)))

    def __repr__(self) -> str:
        name = type(self).__name__.removesuffix("_result")
        parts = (f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True))
        return f"torch.return_types.{name}(\n" + ",\n".join(parts) + ")"
