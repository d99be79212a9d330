"""The dtype of results: every pair of dtypes, as tensors, 0-d tensors and Python numbers."""

import operator

import pytest

import fastgrad as fg
from parity import assert_same, name_of, outcome
from strategies import ALL, HALVES

pytestmark = pytest.mark.core
OPERATORS = {
    name: getattr(operator, name)
    for name in (
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "eq",
        "lt",
        "ge",
        "and_",
        "or_",
        "xor",
        "lshift",
        "rshift",
    )
}
IN_PLACE = {
    name: getattr(operator, name)
    for name in ("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ilshift")
}
FUNCTIONS = (
    "add",
    "sub",
    "mul",
    "div",
    "maximum",
    "minimum",
    "remainder",
    "fmod",
    "pow",
    "atan2",
    "floor_divide",
    "eq",
    "logical_and",
    "bitwise_or",
    *("fmax", "fmin", "copysign", "hypot", "nextafter", "heaviside", "gcd", "lcm", "xlogy"),
    *("logaddexp", "logaddexp2", "float_power"),
    *("bitwise_left_shift", "bitwise_right_shift"),
)


def operands(lib, kind):
    """For each dtype a tensor, or a 0-d tensor; or Python numbers."""
    if kind == "number":
        return {"bool": True, "int": 2, "float": 2.5}
    data = [1, 1, 1] if kind == "tensor" else 1
    return {name: lib.tensor(data, dtype=getattr(lib, name)) for name in ALL + HALVES}


def same_outcome(torch, function):
    """Both libraries give the same result, or both raise."""
    ours, theirs = outcome(function, fg), outcome(function, torch)
    if isinstance(theirs, type):
        assert isinstance(ours, type), f"PyTorch raises {theirs.__name__}, fastgrad gives {ours}"
    else:
        assert not isinstance(ours, type), (
            f"fastgrad raises {ours.__name__}, PyTorch gives {theirs}"
        )
        assert_same(ours, theirs, exact=False)


def is_power_of_bool(name, a, b):
    """PyTorch computes it for some kinds of operands and raises for others."""
    return "pow" in name and a == b == "bool"


@pytest.mark.parametrize("right", ["tensor", "zero-d", "number"])
@pytest.mark.parametrize("left", ["tensor", "zero-d", "number"])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators(torch, name, left, right):
    if left == right == "number":
        return
    for a in operands(fg, left):
        for b in operands(fg, right):
            if is_power_of_bool(name, a, b):
                continue
            same_outcome(
                torch,
                lambda t, a=a, b=b: OPERATORS[name](operands(t, left)[a], operands(t, right)[b]),
            )


@pytest.mark.parametrize("right", ["tensor", "zero-d", "number"])
@pytest.mark.parametrize("name", IN_PLACE)
def test_operators_in_place(torch, name, right):
    for a in ALL + HALVES:
        for b in operands(fg, right):
            if is_power_of_bool(name, a, b):
                continue
            same_outcome(
                torch,
                lambda t, a=a, b=b: IN_PLACE[name](operands(t, "tensor")[a], operands(t, right)[b]),
            )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(torch, name):
    for a in ALL + HALVES:
        for b in ALL + HALVES:
            if is_power_of_bool(name, a, b):
                continue
            same_outcome(
                torch,
                lambda t, a=a, b=b: getattr(t, name)(
                    operands(t, "tensor")[a], operands(t, "tensor")[b]
                ),
            )


@pytest.mark.parametrize("function", ["where", "clamp", "cat"])
def test_functions_of_several_tensors(torch, function):
    calls = {
        "where": lambda t, a, b: t.where(t.tensor([True, False, True]), a, b),
        "clamp": lambda t, a, b: t.clamp(a, min=b),
        "cat": lambda t, a, b: t.cat([a, b]),
    }
    for a in ALL + HALVES:
        for b in ALL + HALVES:
            same_outcome(
                torch,
                lambda t, a=a, b=b: calls[function](
                    t, operands(t, "tensor")[a], operands(t, "tensor")[b]
                ),
            )


def test_result_type(torch):
    kinds = ("tensor", "zero-d", "number")
    for left in kinds:
        for right in kinds:
            for a in operands(fg, left):
                for b in operands(fg, right):
                    ours, theirs = (
                        t.result_type(operands(t, left)[a], operands(t, right)[b])
                        for t in (fg, torch)
                    )
                    assert name_of(ours) == name_of(theirs), (left, a, right, b)


def test_promote_types(torch):
    for a in ALL + HALVES:
        for b in ALL + HALVES:
            ours, theirs = (t.promote_types(getattr(t, a), getattr(t, b)) for t in (fg, torch))
            assert name_of(ours) == name_of(theirs)


@pytest.mark.parametrize("name", ["uint8", "int32"])
def test_integers_wrap_around(torch, name):
    def compute(t):
        x = t.tensor([0, 1, 127, 200], dtype=getattr(t, name))
        return t.stack([x + 100, x * 5, x - 9, x * x, -x])

    assert_same(compute(fg), compute(torch))


def test_division_of_integers_by_zero():
    x = fg.tensor([1, 2])
    for operation in (operator.floordiv, operator.mod):
        for zero in (0, fg.tensor([1, 0])):
            with pytest.raises((RuntimeError, ZeroDivisionError), match=r"zero|ZeroDivision"):
                operation(x, zero)
    smallest = fg.tensor([-(2**63)])
    assert (smallest // 1).tolist() == [-(2**63)]
    assert (smallest % -1).tolist() == [0]
    smallest // -1  # the quotient has no int64; it must not crash


def test_floats_to_integers(torch):
    numbers = [0.0, 1.9, -1.9, 100.5, 255.0]
    for name in ("int64", "int32"):
        assert_same(
            fg.tensor(numbers).to(getattr(fg, name)), torch.tensor(numbers).to(getattr(torch, name))
        )
    for wild in (float("nan"), float("inf"), 1e30):
        fg.tensor([wild]).to(fg.int32)  # any number, but no crash


def test_numbers_beyond_the_dtype():
    with pytest.raises((RuntimeError, OverflowError)):
        fg.tensor([1]) + 2**70
    with pytest.raises((RuntimeError, OverflowError)):
        fg.full((2,), 300, dtype=fg.uint8)
    with pytest.raises((RuntimeError, OverflowError)):
        fg.zeros(2, dtype=fg.int32).fill_(2**40)


def test_arithmetic_with_other_things():
    x = fg.ones(2)
    for other in ("a", None, [1, 2], object()):
        for operation in (operator.add, operator.mul, operator.truediv, operator.lt):
            with pytest.raises(TypeError):
                operation(x, other)


def test_arrays_count_as_tensors():
    import numpy as np

    array = np.ones(3)
    assert fg.result_type(fg.ones(3), array) is fg.float64
    assert fg.result_type(array, fg.tensor([1])) is fg.float64
