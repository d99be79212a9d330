"""New tensors, and tensors as Python, NumPy, pickle and copy see them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from parity import assert_same, outcome
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
        lambda: fg.zeros(2, device="cuda:99"),
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


CALLS = [
    lambda t: t.zeros(size=(2, 1)),
    lambda t: t.zeros(t.tensor(2), 3),
    lambda t: t.ones((t.tensor(2), 3)),
    lambda t: t.zeros([]),
    lambda t: t.zeros(),
    lambda t: t.zeros(2, size=(2,)),
    lambda t: t.zeros((2,), (3,)),
    lambda t: t.zeros(2, layout=t.strided, device="cpu", pin_memory=False, requires_grad=True),
    lambda t: t.zeros(2, pin_memory=True),
    lambda t: t.zeros(2, dtype=t.int64, requires_grad=True),
    lambda t: t.zeros(2, dtype="float32"),
    lambda t: t.zeros(2, foo=1),
    lambda t: t.full((2,), t.tensor(2)),
    lambda t: t.full((2,), t.tensor([2])),
    lambda t: t.full((2,), 300, dtype=t.uint8),
    lambda t: t.full((2,), float("nan"), dtype=t.int64),
    lambda t: t.full((), 3),
    lambda t: t.full_like(t.ones(2, dtype=t.int64), 2.7),
    lambda t: t.full_like(t.ones(2), t.tensor(True)),
    lambda t: t.ones_like([1]),
    lambda t: t.eye(2, -1),
    lambda t: t.scalar_tensor(3),
    lambda t: t.scalar_tensor(True, dtype=t.int64),
    lambda t: t.ones(2).new_zeros(2, 1),
    lambda t: t.ones(2).new_zeros(size=(2, 1)),
    lambda t: t.ones(2).long().new_ones((2, 1), requires_grad=False),
    lambda t: t.ones(2).long().new_full((2,), 3.7),
    lambda t: t.ones(2).new_tensor([1, 2]),
    lambda t: t.ones(2).new_tensor([1, 2], dtype=t.int64),
    lambda t: t.ones(2).double().new_empty((0,)),
    lambda t: t.ones(2).new_empty_strided((2, 3), (1, 2)).zero_(),
    lambda t: t.arange(end=5),
    lambda t: t.arange(start=1, end=5),
    lambda t: t.arange(True),
    lambda t: t.arange(t.tensor(3.5)),
    lambda t: t.arange(t.tensor(1), 4),
    lambda t: t.arange(0.5, 3.7, dtype=t.int64),
    lambda t: t.arange(0, 5, 0.5, dtype=t.int32),
    lambda t: t.arange(3, dtype=t.bool),
    lambda t: t.arange(300, dtype=t.uint8),
    lambda t: t.arange(5, dtype=t.float16),
    lambda t: t.arange(0, 2**40, 2**38),
    lambda t: t.arange(2**62, 2**62 + 3),
    lambda t: t.arange(3, 3, -1),
    lambda t: t.arange(3, 1),
    lambda t: t.arange(1, 3, 0),
    lambda t: t.arange(float("inf")),
    lambda t: t.arange(float("nan")),
    lambda t: t.arange("a"),
    lambda t: t.arange([1]),
    lambda t: t.arange(),
    lambda t: t.linspace(0.9, 10.9, 5, dtype=t.int64),
    lambda t: t.linspace(0, 1, 3, dtype=t.bool),
    lambda t: t.linspace(t.tensor(0.0), t.tensor(1.0), 3),
    lambda t: t.linspace(t.tensor([0.0]), t.tensor(1.0), 3),
    lambda t: t.linspace(0, 1, 2.5),
    lambda t: t.linspace(0, 1, 1),
    lambda t: t.logspace(0, 3, 4),
    lambda t: t.logspace(0, 3, 4, 2),
    lambda t: t.logspace(0, 1, 5, base=3, dtype=t.int32),
    lambda t: t.logspace(-2, 2, 5, base=-2),
    lambda t: t.logspace(0, 1, -5),
    lambda t: t.tensor([t.tensor([1.0]), t.tensor([2.0])]),
    lambda t: t.tensor([t.tensor([1.0, 2.0]), [3, 4]]),
    lambda t: t.tensor(None),
    lambda t: t.tensor([None]),
    lambda t: t.tensor({}),
    lambda t: t.tensor(1e20, dtype=t.int64),
    lambda t: t.tensor(float("nan"), dtype=t.int64),
    lambda t: t.tensor(-1, dtype=t.uint8),
    lambda t: t.tensor(1e40),
    lambda t: t.asarray([1, 2]),
    lambda t: t.asarray([1], copy=False),
    lambda t: t.asarray(t.ones(2), dtype=t.int64, copy=False),
    lambda t: t.asarray(t.ones(2, requires_grad=True), requires_grad=True),
    lambda t: t.asarray(np.arange(3), dtype=t.float32, copy=True),
    lambda t: t.asarray("a"),
]


@pytest.mark.parametrize("call", CALLS)
def test_calls_give_what_torch_gives(torch, call):
    ours, theirs = outcome(call, fg), outcome(call, torch)
    if isinstance(theirs, type):
        assert ours is theirs
    else:
        assert ours.requires_grad is theirs.requires_grad
        assert_same(ours, theirs, exact=False)


def test_asarray_shares_memory_unless_told():
    x, array = fg.ones(2), np.ones(2)
    assert fg.asarray(x).data_ptr() == fg.asarray(x, copy=False).data_ptr() == x.data_ptr()
    assert fg.asarray(x, copy=True).data_ptr() != x.data_ptr()
    fg.asarray(array)[0] = 5
    fg.asarray(array, copy=True)[1] = 5
    assert array.tolist() == [5, 1]
    assert fg.asarray(x, requires_grad=True).requires_grad
    assert not x.requires_grad


SIZES = st.integers(0, 6)


@given(rows=SIZES, columns=SIZES, offset=st.integers(-9, 9))
def test_indices_of_triangles(torch, rows, columns, offset):
    for name in ("tril_indices", "triu_indices"):
        for dtype in ("int64", "int32"):
            ours, theirs = (
                getattr(t, name)(rows, columns, offset, dtype=getattr(t, dtype))
                for t in (fg, torch)
            )
            assert_same(ours, theirs)


def test_triangles_of_any_size_are_made_or_refused_at_once():
    assert fg.tril_indices(2**40, 1, -(2**40) + 2)[0].tolist() == [2**40 - 2, 2**40 - 1]
    assert fg.triu_indices(2**40, 2)[1].tolist() == [0, 1, 1]
    assert fg.tril_indices(2**40, 0, 2**62).shape == (2, 0)
    for sizes in ((2**40, 2**40), (-1, 2), (2**24, 2**24)):
        with pytest.raises(RuntimeError):
            fg.tril_indices(*sizes)
    with pytest.raises(NotImplementedError):
        fg.triu_indices(2, 2, dtype=fg.float32)


def test_more_memory_than_there_is_raises_at_once():
    """Even where the system would hand it out and end the process when it is written."""
    for call in (lambda: fg.ones(2**44), lambda: fg.zeros(1).expand(2**44).contiguous()):
        with pytest.raises(RuntimeError, match="out of memory"):
            call()
