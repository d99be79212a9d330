"""NumPy's own functions called with tensors: ``np.sin(x)``, ``array * x``, ``np.mean(x)``.

NumPy asks its arguments what to do. Its operators are the tensors' own, recorded as those are. All
else NumPy computes, on the memory of the tensors; what it gives is a tensor where PyTorch's is.
"""

from __future__ import annotations

from fastgrad import _core
from fastgrad.ops import binary, comparison, power
from fastgrad.ops.exchange import from_numpy, numpy
from fastgrad.ops.matmul import product_with_array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastgrad.tensor import Tensor


# NumPy's names of what `array + tensor` and the like come to.
_OPERATORS: dict[str, Callable[[Any, Any], Tensor]] = {
    "add": binary.add,
    "subtract": binary.sub,
    "multiply": binary.mul,
    "divide": binary.div,
    "floor_divide": binary.floor_divide,
    "remainder": binary.remainder,
    "power": power.pow,
    "matmul": product_with_array,
    "equal": comparison.eq,
    "not_equal": comparison.ne,
    "less": comparison.lt,
    "less_equal": comparison.le,
    "greater": comparison.gt,
    "greater_equal": comparison.ge,
    "bitwise_and": comparison.bitwise_and,
    "bitwise_or": comparison.bitwise_or,
    "bitwise_xor": comparison.bitwise_xor,
    "left_shift": comparison.bitwise_left_shift,
    "right_shift": comparison.bitwise_right_shift,
}

# The functions that NumPy looks for among the methods of its argument.
_METHODS = frozenset(
    (
        *("all", "amax", "amin", "any", "max", "mean", "min", "prod", "std", "sum", "trace", "var"),
        *("argmax", "argmin", "argsort", "around", "clip", "cumprod", "cumsum", "diagonal"),
        *("repeat", "reshape", "round", "squeeze", "swapaxes", "take", "transpose"),
    )
)
_SHAPES = frozenset(("ndim", "shape", "size"))


def array_ufunc(
    self: Tensor, ufunc: Any, method: str, *inputs: Any, out: tuple[Any, ...] = (), **options: Any
) -> Any:
    """What ``ufunc(*inputs)`` gives when a tensor is among the inputs: a tensor.

    Raises:
        RuntimeError: NumPy computes it, and a tensor requires grad.
        TypeError: the result is to be written into a tensor.
    """
    if method == "__call__" and not out and not options:
        operator = _OPERATORS.get(ufunc.__name__)
        if operator is not None:
            return operator(*inputs)
    if _has_tensor(out) or (method == "at" and _has_tensor(inputs[:1])):
        return NotImplemented
    if out:
        options["out"] = out
    result = getattr(ufunc, method)(*_plain(inputs), **_plain(options))
    return result if out else _as_tensors(result)


def array_function(
    self: Tensor, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What one of NumPy's other functions gives when a tensor is among its arguments.

    Raises:
        RuntimeError: a tensor requires grad.
    """
    name = function.__name__
    force = name in _SHAPES
    result = function(*_plain(args, force), **_plain(kwargs, force))
    return _as_tensors(result) if name in _METHODS else result


def _has_tensor(values: tuple[Any, ...]) -> bool:
    return any(isinstance(value, _core.TensorBase) for value in values)


def _plain(value: Any, force: bool = False) -> Any:
    """The arguments with arrays in place of tensors."""
    if isinstance(value, _core.TensorBase):
        return numpy(value, force=force)  # type: ignore[arg-type]
    if type(value) in (list, tuple):
        return type(value)(_plain(part, force) for part in value)
    if type(value) is dict:
        return {key: _plain(part, force) for key, part in value.items()}
    return value


def _as_tensors(result: Any) -> Any:
    """The results with tensors in place of arrays and of NumPy's numbers."""
    if isinstance(result, tuple):
        return tuple(map(_as_tensors, result))
    if not hasattr(result, "__array_interface__"):
        return result
    from numpy import asarray

    return from_numpy(asarray(result))
