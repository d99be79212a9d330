"""Reading and writing by index: drawn index expressions against NumPy."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastgrad as fg
from strategies import ALL, LAYOUTS, Operand

pytestmark = pytest.mark.core
ERRORS = (IndexError, TypeError, ValueError, RuntimeError)


@st.composite
def shapes(draw):
    return tuple(draw(st.sampled_from((3, 2, 4, 1, 5, 0))) for _ in range(draw(st.integers(0, 4))))


def integers(n):
    return st.integers(-n, n - 1)


@st.composite
def slices(draw, n):
    bound = st.none() | st.integers(-n - 2, n + 2)
    return slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 3)))


@st.composite
def index_arrays(draw, n):
    """Integer arrays of shapes that broadcast together."""
    shape = draw(st.sampled_from(((2,), (1,), (2, 2), (), (2, 1))))
    size = int(np.prod(shape))
    numbers = draw(st.lists(integers(n), min_size=size, max_size=size))
    return np.array(numbers, draw(st.sampled_from(("int64", "int32")))).reshape(shape)


@st.composite
def basic(draw, shape):
    """A tuple of integers, slices, None and at most one Ellipsis."""
    entries, at = [], 0
    while at < len(shape) and draw(st.integers(0, 5)):
        n = shape[at]
        entries.append(draw(integers(n) | slices(n) if n else slices(n)))
        at += 1
    for extra in (None, Ellipsis):
        if draw(st.booleans()):
            entries.insert(draw(st.integers(0, len(entries))), extra)
    return _unambiguous(entries, shape)


def _unambiguous(entries, shape):
    """What follows an Ellipsis counts from the end: those entries must fit there too."""
    if Ellipsis in [e for e in entries if not isinstance(e, np.ndarray)]:
        at = next(i for i, e in enumerate(entries) if e is Ellipsis)
        tail = [e for e in entries[at + 1 :] if e is not None]
        for e, n in zip(reversed(tail), reversed(shape), strict=False):
            if not isinstance(e, slice):
                assume(n and np.all((np.asarray(e) >= -n) & (np.asarray(e) < n)))
    return tuple(entries)


@st.composite
def mixed(draw, shape):
    """Integers, slices, None, Ellipsis, integer arrays, lists and masks of one dimension."""
    entries = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        kinds = [slices(n)]
        if n:
            kinds += [integers(n), index_arrays(n), index_arrays(n)]
        entries.append(draw(st.one_of(kinds)))
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), None)
    if draw(st.integers(0, 3)) == 3:
        entries.insert(draw(st.integers(0, len(entries))), Ellipsis)
    return _unambiguous(entries, shape)


@st.composite
def masks(draw, shape):
    """A mask over the first dimensions, perhaps followed by a slice or an array."""
    depth = draw(st.integers(0, len(shape)))
    mask = np.asarray(np.random.default_rng(draw(st.integers(0, 999))).random(shape[:depth]) < 0.5)
    after = ((), (None,), (Ellipsis,), *(((slice(1, None),),) if depth < len(shape) else ()))
    return (mask, *draw(st.sampled_from(after)))


def indices(shape):
    return st.one_of(basic(shape), mixed(shape), mixed(shape), masks(shape))


def names_each_place_once(shape, index):
    view, rest = applied(np.arange(int(np.prod(shape))).reshape(shape), index)
    return np.unique(view[rest]).size == np.size(view[rest])


def for_tensors(index, as_lists=False):
    """The index with arrays as tensors, or as lists."""
    convert = (lambda a: a.tolist() if a.ndim == 1 else fg.tensor(a)) if as_lists else fg.tensor
    return tuple(convert(e) if isinstance(e, np.ndarray) else e for e in index)


@st.composite
def cases(draw):
    shape = draw(shapes())
    dtype = draw(st.sampled_from(ALL))
    values = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    return (
        Operand(values, draw(st.sampled_from(LAYOUTS))),
        draw(indices(shape)),
        draw(st.booleans()),
    )


def applied(array, index):
    """A view of the array and an index for it that means in NumPy what `index` means in PyTorch.

    They differ where integers and arrays meet: PyTorch takes the integers first.
    """
    first, then = [], []
    for e in index:
        if is_number(e):
            first.append(int(e))
            continue
        then.append(e)
        if e is Ellipsis:
            first.append(e)
        elif e is not None:
            first.extend([slice(None)] * (e.ndim if is_mask(e) else 1))
    try:
        view = array[(*first, ...) if Ellipsis not in first else tuple(first)]
        view[tuple(then)]
    except IndexError:
        assume(False)
    return view, tuple(then)


def is_mask(entry):
    return isinstance(entry, np.ndarray) and entry.dtype == bool


def is_number(entry):
    is_zero_d = isinstance(entry, np.ndarray) and entry.ndim == 0 and not is_mask(entry)
    return isinstance(entry, int) or is_zero_d


def is_basic(index):
    return not any(isinstance(e, np.ndarray) for e in index)


@settings(max_examples=400)
@given(case=cases())
def test_reading(case):
    operand, index, as_lists = case
    view, rest = applied(operand.values, index)
    expected = np.asarray(view[rest])
    found = operand.tensor(fg)[for_tensors(index, as_lists)]
    assert tuple(found.shape) == expected.shape
    np.testing.assert_array_equal(found.numpy(), expected)


@settings(max_examples=400)
@given(case=cases(), whole=st.booleans())
def test_writing(case, whole):
    operand, index, as_lists = case
    expected = operand.values.copy()
    view, rest = applied(expected, index)
    part = np.asarray(view[rest])
    value = np.asarray(np.arange(100, 100 + part.size).reshape(part.shape), expected.dtype)
    value = value if whole else np.asarray(7, expected.dtype)
    # Where an index names a place twice, the order of the writes would decide.
    assume(not whole or names_each_place_once(expected.shape, index))
    view[rest] = value
    x = operand.tensor(fg)
    x[for_tensors(index, as_lists)] = fg.tensor(value) if whole else value.item()
    np.testing.assert_array_equal(x.numpy(), expected)


@settings(max_examples=150)
@given(case=cases())
def test_basic_indexing_is_a_view(case):
    operand, index, _ = case
    assume(is_basic(index) and operand.values.size)
    x = operand.tensor(fg)
    view = x[index]
    view.zero_()
    expected = operand.values.copy()
    expected[index] = 0
    np.testing.assert_array_equal(x.numpy(), expected)


@settings(max_examples=200)
@given(case=cases(), seed=st.integers(0, 99))
def test_gradient_of_reading(case, seed):
    operand, index, as_lists = case
    expected = np.zeros(operand.values.shape)
    view, rest = applied(expected, index)
    x = operand.tensor(fg).detach().double().requires_grad_()
    y = x[for_tensors(index, as_lists)]
    weights = np.asarray(np.random.default_rng(seed).uniform(-1, 1, np.shape(view[rest])))
    y.backward(fg.tensor(weights))
    np.add.at(view, rest, weights)
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-12)


@settings(max_examples=150)
@given(case=cases(), seed=st.integers(0, 99))
def test_gradient_of_writing(case, seed):
    operand, index, as_lists = case
    assume(names_each_place_once(operand.values.shape, index))
    x = operand.tensor(fg).detach().double().requires_grad_()
    weights = np.asarray(np.random.default_rng(seed).uniform(-1, 1, operand.values.shape))
    view, rest = applied(weights.copy(), index)
    value = fg.zeros(np.shape(view[rest]), dtype=fg.float64, requires_grad=True)
    y = x * 1
    y[for_tensors(index, as_lists)] = value
    y.backward(fg.tensor(weights))
    np.testing.assert_array_equal(value.grad.numpy(), np.asarray(view[rest]))
    view[rest] = 0
    kept = view if view.base is None else view.base
    np.testing.assert_array_equal(x.grad.numpy(), kept.reshape(operand.values.shape))


@settings(max_examples=150)
@given(
    shape=shapes(),
    entries=st.lists(
        st.one_of(
            st.integers(-6, 6),
            st.none(),
            st.just(Ellipsis),
            st.just(slice(None, None, -1)),
            st.just(slice(0, 3, 0)),
            st.just("a"),
            st.just(1.5),
            st.just([0, 9]),
            st.just([]),
            st.booleans(),
            st.builds(lambda n: np.ones(n, bool), st.integers(0, 5)),
            st.builds(lambda n: np.full(2, n), st.integers(-9, 9)),
            st.builds(lambda n: np.full((n, 2), 0.5), st.integers(0, 2)),
        ),
        max_size=5,
    ),
)
def test_indices_that_do_not_fit_never_crash(shape, entries):
    x = fg.zeros(shape)
    index = for_tensors(entries)
    for use in (
        lambda: x[index],
        lambda: x.__setitem__(index, 1.0),
        lambda: x.__setitem__(index, fg.ones(7, 7)),
    ):
        with suppress(*ERRORS):
            use()


def test_errors_name_the_axis_the_size_and_the_index():
    x = fg.zeros(2, 3)
    for index in (5, (slice(None), 7), (0, -4)):
        with pytest.raises(
            IndexError, match=r"index -?\d+ is out of bounds for dimension \d with size \d"
        ):
            x[index]
    for index in (fg.tensor([0, 9]), [0, -5]):
        with pytest.raises(IndexError, match=r"(9|-5).* dimension 0 with size 2"):
            x[index]
    with pytest.raises(IndexError, match="too many indices"):
        x[0, 0, 0]
    with pytest.raises(IndexError, match=r"shape.*mask|mask.*shape"):
        x[fg.tensor([True, False, True])]
    with pytest.raises(IndexError, match="broadcast"):
        x[[0, 1], [0, 1, 2]]
    with pytest.raises(ValueError, match="step"):
        x[::-1]


def test_errors_of_writing():
    x = fg.zeros(2, 3)
    with pytest.raises(RuntimeError, match=r"shape|size|expand|broadcast"):
        x[0] = fg.ones(4)
    with pytest.raises(RuntimeError, match=r"shape|size|expand|broadcast"):
        x[fg.tensor([0, 1])] = fg.ones(3, 3)
    with pytest.raises((TypeError, RuntimeError, ValueError)):
        x[0] = "a"
    assert x.sum().item() == 0


def test_written_values_are_converted():
    x = fg.zeros(3, dtype=fg.int64)
    x[0] = 2.9
    x[1] = True
    x[2] = fg.tensor(7.5)
    assert x.tolist() == [2, 1, 7]
    y = fg.zeros(2, 2)
    y[0] = fg.tensor([1, 2])
    y[:, 1] = fg.tensor([[5.0, 6.0]])
    assert y.tolist() == [[1, 5], [0, 6]]


def test_writing_a_part_of_itself():
    x = fg.arange(6)
    x[1:] = x[:-1].clone()
    assert x.tolist() == [0, 0, 1, 2, 3, 4]
    y = fg.arange(6)
    y[:3] = y[3:]
    assert y.tolist() == [3, 4, 5, 3, 4, 5]


def test_the_order_of_dimensions_with_arrays(torch):
    """Arrays side by side stay in place; apart from each other, they go first."""
    index = [0, 1]
    for lib in (fg, torch):
        x = lib.zeros(2, 3, 4, 5)
        assert x[:, index, index].shape == (2, 2, 5)
        assert x[:, index, :, index].shape == (2, 2, 4)
        assert x[:, 0, :, index].shape == (2, 4, 2)  # NumPy's is (2, 2, 4)
        assert x[index, None, index].shape == (2, 1, 4, 5)
        assert x[..., index].shape == (2, 3, 4, 2)


def test_reading_and_writing_with_bools(torch):
    for lib in (fg, torch):
        x = lib.arange(6).view(2, 3)
        assert x[True].shape == (1, 2, 3)
        assert x[False].shape == (0, 2, 3)
        assert x[x > 2].tolist() == [3, 4, 5]
        x[x % 2 == 0] = -1
        assert x.tolist() == [[-1, 1, -1], [3, -1, 5]]
        x[lib.tensor([True, False])] = lib.tensor([7, 8, 9])
        assert x.tolist() == [[7, 8, 9], [3, -1, 5]]


def test_augmented_assignment():
    x = fg.zeros(3, 2)
    x[1] += 5
    x[:, 0] *= 2
    x[x > 5] -= 1
    x[[0, 0, 2]] += 1
    assert x.tolist() == [[1, 1], [9, 5], [1, 1]]
