"""New tensors, and tensors as Python, NumPy, pickle and copy see them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from parity import assert_same
from strategies import ALL

pytestmark = pytest.mark.core
DTYPES = [getattr(fg, name) for name in ALL]


def both(torch, make):
    """What `make(lib)` gives is the same in both libraries."""
    assert_same(make(fg), make(torch), exact=False)


@pytest.mark.parametrize("name", ALL)
def test_constant_tensors(torch, name):
    both(torch, lambda t: t.zeros(2, 3, dtype=getattr(t, name)))
    both(torch, lambda t: t.ones((4,), dtype=getattr(t, name)))
    both(torch, lambda t: t.full((2, 0), 1, dtype=getattr(t, name)))
    both(torch, lambda t: t.eye(3, 2, dtype=getattr(t, name)))
    both(torch, lambda t: t.ones_like(t.zeros(3, dtype=getattr(t, name)).t()))
    both(torch, lambda t: t.zeros_like(t.zeros(3), dtype=getattr(t, name)))
    both(torch, lambda t: t.full_like(t.zeros(2, dtype=getattr(t, name)), 1))


def test_dtype_of_full_follows_the_number(torch):
    for value in (True, 3, 2.5):
        both(torch, lambda t, value=value: t.full((2,), value))


@given(start=st.integers(-20, 20), size=st.integers(0, 60), step=st.integers(-7, 7).filter(bool))
def test_arange_of_integers(torch, start, size, step):
    end = start + size * step // 3
    for make in (lambda t: t.arange(start, end, step), lambda t: t.arange(abs(end))):
        assert_same(make(fg), make(torch)) if (end - start) * step >= 0 else None


@given(start=st.floats(-5, 5), size=st.floats(0, 30), step=st.floats(0.1, 3))
def test_arange_of_floats(torch, start, size, step):
    both(torch, lambda t: t.arange(start, start + size, step))


@given(start=st.floats(-50, 50), end=st.floats(-50, 50), steps=st.integers(0, 40))
def test_linspace(torch, start, end, steps):
    both(torch, lambda t: t.linspace(start, end, steps, dtype=t.float64))


@pytest.mark.parametrize(
    "data",
    [
        3,
        True,
        2.5,
        float("nan"),
        [],
        [[], []],
        [1, 2],
        [1, 2.5],
        [True, False],
        [True, 2],
        ((1, 2), [3, 4]),
        range(4),
        np.float64(1.5),
        np.float32(1.5),
        np.int32(4),
        np.bool_(True),
        [np.float64(1.5), 2],
        np.arange(6).reshape(2, 3),
        np.arange(6.0, dtype=np.float32).reshape(2, 3).T,
        np.zeros((0, 3)),
        [2**40],
        2**62,
    ],
    ids=repr,
)
def test_tensor_of_data(torch, data):
    both(torch, lambda t: t.tensor(data))


@pytest.mark.parametrize("name", ALL)
def test_tensor_with_a_dtype(torch, name):
    for data in (1, [0, 1, 2], [0.0, 1.0], [[True], [False]]):
        both(torch, lambda t, data=data: t.tensor(data, dtype=getattr(t, name)))


def test_tensor_of_tensors(torch):
    both(torch, lambda t: t.tensor([t.tensor(1.5), t.tensor(2.0)]))
    both(torch, lambda t: t.tensor([t.tensor(1), 2]))
    both(torch, lambda t: t.tensor([t.tensor(True)]))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ([[1, 2], [3]], ValueError),
        ([1, [2]], (ValueError, TypeError)),
        ("abc", (TypeError, ValueError)),
        ([None], (TypeError, RuntimeError)),
        (["a"], (TypeError, ValueError)),
        (None, (TypeError, RuntimeError)),
        ({1: 2}, (TypeError, RuntimeError)),
        ([2**70], (OverflowError, RuntimeError)),
        (np.array(["a"]), TypeError),
        (np.array([1 + 2j]), TypeError),
    ],
    ids=repr,
)
def test_data_that_is_no_tensor(data, error):
    with pytest.raises(error):
        fg.tensor(data)


def test_data_that_contains_itself():
    loop = []
    loop.append(loop)
    with pytest.raises((ValueError, RecursionError, RuntimeError)):
        fg.tensor(loop)


@pytest.mark.parametrize(
    "call",
    [
        lambda: fg.zeros(2**40, 2**40),
        lambda: fg.empty(2**62),
        lambda: fg.ones(2**63 - 1),
        lambda: fg.zeros(2**45),
        lambda: fg.zeros(-1),
        lambda: fg.zeros(2, -3),
        lambda: fg.arange(0, 2**62),
        lambda: fg.linspace(0, 1, -1),
        lambda: fg.linspace(0, 1, 2**61),
        lambda: fg.eye(-1),
        lambda: fg.eye(2**32),
        lambda: fg.zeros(1).expand(2**40, 2**40),
        lambda: fg.zeros(1).expand(2**45).clone(),
        lambda: fg.nn.functional.one_hot(fg.tensor([2**60])),
        lambda: fg.bincount(fg.tensor([2**60])),
        lambda: fg.arange(3, 1),
        lambda: fg.arange(0, 1, 0),
        lambda: fg.zeros(2, device="cuda"),
        lambda: fg.zeros(2, device="nowhere"),
    ],
)
def test_impossible_sizes_raise(call):
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        call()
    assert str(caught.value)


@pytest.mark.parametrize(
    "call", [lambda: fg.zeros("a"), lambda: fg.zeros(2.5), lambda: fg.zeros(None)]
)
def test_sizes_that_are_no_integers(call):
    with pytest.raises(TypeError):
        call()
