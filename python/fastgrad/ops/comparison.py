"""Comparisons, tests, logic and bits: elementwise functions without a gradient."""

from __future__ import annotations

from math import inf

from fastgrad import _core
from fastgrad.device import made_on
from fastgrad.ops.direct import direct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad._types import Operand
    from fastgrad.tensor import Tensor

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "eq",
    "equal",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "is_nonzero",
    "is_same_size",
    "is_signed",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "not_equal",
    "signbit",
]


@direct(_core.eq)
def eq(input: Operand, other: Operand) -> Tensor:
    """input == other, as bool. Follows ``torch.eq``.

    >>> import fastgrad as torch
    >>> torch.eq(torch.tensor([1, 2]), torch.tensor([1, 3]))
    tensor([ True, False])
    """
    return _core.eq(input, other)


@direct(_core.ne)
def ne(input: Operand, other: Operand) -> Tensor:
    """input != other, as bool. Follows ``torch.ne``.

    >>> import fastgrad as torch
    >>> torch.ne(torch.tensor([1, 2]), torch.tensor([1, 3]))
    tensor([False,  True])
    """
    return _core.ne(input, other)


not_equal = ne


@direct(_core.lt)
def lt(input: Operand, other: Operand) -> Tensor:
    """input < other, as bool. Follows ``torch.lt``.

    >>> import fastgrad as torch
    >>> torch.lt(torch.tensor([1, 2, 3]), 2)
    tensor([ True, False, False])
    """
    return _core.lt(input, other)


less = lt


@direct(_core.le)
def le(input: Operand, other: Operand) -> Tensor:
    """input <= other, as bool. Follows ``torch.le``.

    >>> import fastgrad as torch
    >>> torch.le(torch.tensor([1, 2, 3]), 2)
    tensor([ True,  True, False])
    """
    return _core.le(input, other)


less_equal = le


@direct(_core.gt)
def gt(input: Operand, other: Operand) -> Tensor:
    """input > other, as bool. Follows ``torch.gt``.

    >>> import fastgrad as torch
    >>> torch.gt(torch.tensor([1, 2, 3]), 2)
    tensor([False, False,  True])
    """
    return _core.gt(input, other)


greater = gt


@direct(_core.ge)
def ge(input: Operand, other: Operand) -> Tensor:
    """input >= other, as bool. Follows ``torch.ge``.

    >>> import fastgrad as torch
    >>> torch.ge(torch.tensor([1, 2, 3]), 2)
    tensor([False,  True,  True])
    """
    return _core.ge(input, other)


greater_equal = ge


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape and the same elements.

    >>> import fastgrad as torch
    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    result: bool = _core.equal(input, other)
    return result


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Whether \\|input - other\\| <= atol + rtol * \\|other\\|, elementwise, as bool.

    Raises:
        RuntimeError: the dtypes differ.

    Follows ``torch.isclose``.

    >>> import fastgrad as torch
    >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"isclose: {input.dtype} did not match {other.dtype}; convert one of them"
        )
    if rtol < 0 or atol < 0:
        raise RuntimeError(
            f"isclose: rtol and atol must be greater than or equal to zero, got {rtol} and {atol}"
        )
    close = eq(input, other)
    if not input.dtype.is_floating_point:
        input, other = input.double(), other.double()
    with_tolerance = le(abs(input - other), abs(other) * rtol + atol)
    finite = logical_and(isfinite(input), isfinite(other))
    close = logical_or(close, logical_and(finite, with_tolerance))
    if equal_nan:
        close = logical_or(close, logical_and(isnan(input), isnan(other)))
    return close


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether every element of `input` is close to that of `other` (see :func:`isclose`).

    Raises:
        RuntimeError: the dtypes differ.

    Follows ``torch.allclose``.

    >>> import fastgrad as torch
    >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-7]))
    True
    """
    return bool(_core.all(isclose(input, other, rtol, atol, equal_nan), (), False).item())


def isnan(input: Tensor) -> Tensor:
    """Whether x is not a number, as bool. Follows ``torch.isnan``.

    >>> import fastgrad as torch
    >>> torch.isnan(torch.tensor([1.0, torch.nan]))
    tensor([False,  True])
    """
    return _core.isnan(input)


def isinf(input: Tensor) -> Tensor:
    """Whether x is plus or minus infinity, as bool. Follows ``torch.isinf``.

    >>> import fastgrad as torch
    >>> torch.isinf(torch.tensor([1.0, -torch.inf]))
    tensor([False,  True])
    """
    return _core.isinf(input)


def isfinite(input: Tensor) -> Tensor:
    """Whether x is neither infinite nor NaN, as bool. Follows ``torch.isfinite``.

    >>> import fastgrad as torch
    >>> torch.isfinite(torch.tensor([1.0, torch.inf, torch.nan]))
    tensor([ True, False, False])
    """
    return _core.isfinite(input)


@direct(_core.logical_and)
def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Whether both are not 0, as bool. Follows ``torch.logical_and``.

    >>> import fastgrad as torch
    >>> torch.logical_and(torch.tensor([0, 1, 2]), torch.tensor([1, 0, 3]))
    tensor([False, False,  True])
    """
    return _core.logical_and(input, other)


@direct(_core.logical_or)
def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Whether either is not 0, as bool. Follows ``torch.logical_or``.

    >>> import fastgrad as torch
    >>> torch.logical_or(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 3]))
    tensor([False,  True,  True])
    """
    return _core.logical_or(input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Whether exactly one is not 0, as bool. Follows ``torch.logical_xor``.

    >>> import fastgrad as torch
    >>> torch.logical_xor(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 3]))
    tensor([False,  True, False])
    """
    return _core.logical_xor(input, other)


@direct(_core.logical_not)
def logical_not(input: Tensor) -> Tensor:
    """Whether x is 0 (False), as bool. Follows ``torch.logical_not``.

    >>> import fastgrad as torch
    >>> torch.logical_not(torch.tensor([0, 1, 2]))
    tensor([ True, False, False])
    """
    return _core.logical_not(input)


def bitwise_and(input: Operand, other: Operand) -> Tensor:
    """input & other, for integers and bools. Follows ``torch.bitwise_and``.

    >>> import fastgrad as torch
    >>> torch.bitwise_and(torch.tensor([6, 3]), 2)
    tensor([2, 2])
    """
    return _core.bitwise_and(input, other)


def bitwise_or(input: Operand, other: Operand) -> Tensor:
    """input | other, for integers and bools. Follows ``torch.bitwise_or``.

    >>> import fastgrad as torch
    >>> torch.bitwise_or(torch.tensor([4, 1]), 2)
    tensor([6, 3])
    """
    return _core.bitwise_or(input, other)


def bitwise_xor(input: Operand, other: Operand) -> Tensor:
    """input ^ other, for integers and bools. Follows ``torch.bitwise_xor``.

    >>> import fastgrad as torch
    >>> torch.bitwise_xor(torch.tensor([6, 1]), 2)
    tensor([4, 3])
    """
    return _core.bitwise_xor(input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """~input: every bit of an integer, or not of a bool.

    Raises:
        RuntimeError: the tensor has floats.

    Follows ``torch.bitwise_not``.

    >>> import fastgrad as torch
    >>> torch.bitwise_not(torch.tensor([0, 5]))
    tensor([-1, -6])
    """
    if input.dtype is _core.bool:
        return _core.logical_not(input)
    if input.dtype.is_floating_point:
        raise RuntimeError(
            f"bitwise_not: not implemented for {input.dtype}; expected integers or bool"
        )
    return _core.bitwise_xor(input, 255 if input.dtype is _core.uint8 else -1)


def isposinf(input: Tensor) -> Tensor:
    """Whether x is infinity, as bool. Follows ``torch.isposinf``.

    >>> import fastgrad as torch
    >>> torch.isposinf(torch.tensor([torch.inf, -torch.inf]))
    tensor([ True, False])
    """
    return _core.eq(input, inf)


def isneginf(input: Tensor) -> Tensor:
    """Whether x is minus infinity, as bool. Follows ``torch.isneginf``.

    >>> import fastgrad as torch
    >>> torch.isneginf(torch.tensor([torch.inf, -torch.inf]))
    tensor([False,  True])
    """
    return _core.eq(input, -inf)


def signbit(input: Tensor) -> Tensor:
    """Whether the sign is minus (also that of -0.0), as bool. Follows ``torch.signbit``.

    >>> import fastgrad as torch
    >>> torch.signbit(torch.tensor([1.0, -2.0, -0.0]))
    tensor([False,  True,  True])
    """
    return _core.signbit(input)


def bitwise_left_shift(input: Operand, other: Operand) -> Tensor:
    """input * 2**other for integers, without the bits that leave the dtype.

    Follows ``torch.bitwise_left_shift``.

    >>> import fastgrad as torch
    >>> torch.bitwise_left_shift(torch.tensor([1, 3]), 2)
    tensor([ 4, 12])
    """
    return _core.bitwise_left_shift(input, other)


def bitwise_right_shift(input: Operand, other: Operand) -> Tensor:
    """input / 2**other for integers, rounded down. Follows ``torch.bitwise_right_shift``.

    >>> import fastgrad as torch
    >>> torch.bitwise_right_shift(torch.tensor([5, -5]), 1)
    tensor([ 2, -3])
    """
    return _core.bitwise_right_shift(input, other)


def isin(
    elements: Operand,
    test_elements: Operand,
    *,
    assume_unique: bool = False,
    invert: bool = False,
) -> Tensor:
    """Whether each of `elements` is among `test_elements` (with `invert`: is not), as bool.

    Args:
        assume_unique: Says that no element occurs twice, which makes no difference here.

    Raises:
        TypeError: both are numbers.
        RuntimeError: the elements are bools.

    Follows ``torch.isin``.

    >>> import fastgrad as torch
    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    if not any(isinstance(x, _core.TensorBase) for x in (elements, test_elements)):
        raise TypeError("isin: expected a Tensor as elements or test_elements, got two numbers")
    kind = _core.result_type(elements, test_elements)
    if kind is _core.bool:
        raise RuntimeError("isin: Unsupported input type encountered for isin(): bool; use .int()")
    place = next(x for x in (elements, test_elements) if isinstance(x, _core.TensorBase)).device
    wanted, listed = (
        _core.cast(_core.detach(x), kind)
        if isinstance(x, _core.TensorBase)
        else made_on(place, _core.tensor, x, kind)
        for x in (elements, test_elements)
    )
    found = _are_listed(wanted, listed.reshape(-1))
    return logical_not(found) if invert else found


def _are_listed(wanted: Tensor, listed: Tensor) -> Tensor:
    """By binary search in the sorted list."""
    if listed.numel() == 0:
        return _core.full_at(wanted.get_device(), wanted.shape, False, _core.bool)
    ordered = _core.sort(listed, 0, False)[0]
    # An element above all, and NaN, which equals nothing, are compared with the last.
    places = _core.minimum(_core.searchsorted(ordered, wanted, None, False), listed.numel() - 1)
    return eq(ordered[places], wanted)


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not 0.

    Raises:
        RuntimeError: the tensor has no element, or several.

    Follows ``torch.is_nonzero``.

    >>> import fastgrad as torch
    >>> torch.is_nonzero(torch.tensor([0.0]))
    False
    """
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether the shapes are equal. Follows ``torch.is_same_size``.

    >>> import fastgrad as torch
    >>> torch.is_same_size(torch.zeros(2, 3), torch.zeros(3, 2))
    False
    """
    return input.shape == other.shape


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers. Follows ``torch.is_signed``.

    >>> import fastgrad as torch
    >>> torch.is_signed(torch.tensor([True]))
    False
    """
    return input.dtype.is_signed
