"""PyTorch's old names of tensor types: ``FloatTensor``, ``LongTensor`` and so on."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.ops.conversion import dtype_of_type, type_name
from fastgrad.tensor import Tensor, made_by_constructor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Sizes

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "set_default_tensor_type",
]


class _TensorType(type):
    """The type of the old classes, which are names for tensors of one dtype."""

    dtype: _core.dtype

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *args: Any, size: Sizes | None = None, device: Any = None) -> Tensor:
        """Sizes give uninitialised memory; a sequence or an array gives its elements."""
        return made_by_constructor(args, size, cls.dtype, device)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _named(dtype: _core.dtype) -> _TensorType:
    name = type_name(dtype)
    about = f"Tensors of {dtype}: PyTorch's old name. Follows ``torch.{name}``."
    return _TensorType(name, (), {"dtype": dtype, "__doc__": about, "__module__": "fastgrad"})


BoolTensor = _named(_core.bool)
ByteTensor = _named(_core.uint8)
CharTensor = _named(_core.int8)
ShortTensor = _named(_core.int16)
IntTensor = _named(_core.int32)
LongTensor = _named(_core.int64)
HalfTensor = _named(_core.float16)
BFloat16Tensor = _named(_core.bfloat16)
FloatTensor = _named(_core.float32)
DoubleTensor = _named(_core.float64)


def set_default_tensor_type(t: Any) -> None:
    """Set the dtype of new tensors of Python floats, by PyTorch's old names.

    Raises:
        TypeError: no type of floats.

    Follows ``torch.set_default_tensor_type``.

    >>> import fastgrad as torch, warnings
    >>> warnings.simplefilter("ignore")  # PyTorch says that this is deprecated
    >>> torch.set_default_tensor_type("torch.FloatTensor")
    """
    _core.set_default_dtype(dtype_of_type(t) if isinstance(t, str) else t.dtype)
