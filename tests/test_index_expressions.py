"""Thousands of index expressions: reading, writing and gradients, against NumPy and PyTorch."""

import re
from random import Random

import numpy as np
import pytest

import fastgrad as fg
from index_expressions import Writer, expressions
from parity import assert_same, outcome

pytestmark = pytest.mark.core
SEEDS = range(12)
COUNT = 500  # for each seed
DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool")
ERRORS = (IndexError, TypeError, ValueError, RuntimeError)


def numbers(shape, dtype="float64"):
    return np.arange(1, int(np.prod(shape)) + 1).reshape(shape).astype(dtype)


def means_nothing(expression):
    """Whether NumPy cannot broadcast the arrays of the expression either."""
    try:
        expression.read(numbers(expression.shape))
    except IndexError:
        return True
    return False


def fitting(seed):
    """The expressions of a seed that mean something; the others must raise IndexError."""
    kept = []
    for expression in expressions(seed, COUNT):
        if means_nothing(expression):
            with pytest.raises(IndexError, match="broadcast"):
                fg.tensor(numbers(expression.shape))[expression.written]
        else:
            kept.append(expression)
    assert len(kept) > 0.8 * COUNT
    return kept


@pytest.mark.parametrize("seed", SEEDS)
def test_reading(seed):
    for at, expression in enumerate(fitting(seed)):
        values = numbers(expression.shape, DTYPES[at % len(DTYPES)])
        x = fg.tensor(values)
        found, expected = x[expression.written], expression.read(values)
        assert tuple(found.shape) == expected.shape, expression
        np.testing.assert_array_equal(found.numpy(), expected, err_msg=str(expression))
        assert (found._base is x) == expression.is_basic, expression


@pytest.mark.parametrize("seed", SEEDS)
def test_reading_from_any_layout(seed):
    for expression in fitting(seed):
        values = numbers(expression.shape)
        x = fg.tensor(values.T.copy()).permute(tuple(range(values.ndim - 1, -1, -1)))
        if values.ndim:
            x = fg.tensor(np.repeat(values, 2, axis=0))[::2] if seed % 2 else x
        expected = expression.read(values)
        np.testing.assert_array_equal(
            x[expression.written].numpy(), expected, err_msg=str(expression)
        )


def value_for(random, shape):
    """What to assign to a selection of a shape: all of it, less by broadcasting, or a number."""
    if random.random() < 0.3:
        return np.asarray(-random.randint(1, 9), float)
    sizes = [1 if random.random() < 0.2 else n for n in shape]
    sizes = sizes[random.randint(0, len(sizes)) if random.random() < 0.2 else 0 :]
    if random.random() < 0.1:
        sizes = [1] * (len(shape) - len(sizes) + 1) + sizes  # PyTorch drops these
    return -numbers(tuple(sizes))


def as_written(random, value):
    if value.ndim == 0 and random.random() < 0.5:
        return value.item()
    return random.choice((fg.tensor, fg.tensor, np.copy))(value)


def dropped(value, dims):
    return value.reshape(value.shape[max(value.ndim - dims, 0) :])


@pytest.mark.parametrize("seed", SEEDS)
def test_writing(seed):
    random = Random(seed)
    for expression in fitting(seed):
        expected = numbers(expression.shape)
        view, index = expression.selected(expected)
        shape = np.shape(view[index])
        value = value_for(random, shape)
        if value.ndim and not expression.names_places_once():
            value = np.asarray(-1.0)  # else the order of the writes would decide
        view[index] = dropped(value, len(shape))
        x = fg.tensor(numbers(expression.shape))
        version = x._version
        x[expression.written] = as_written(random, value)
        np.testing.assert_array_equal(x.numpy(), expected, err_msg=str(expression))
        assert x._version > version


@pytest.mark.parametrize("seed", SEEDS)
def test_adding_in_place(seed):
    for expression in fitting(seed):
        expected = numbers(expression.shape)
        view, index = expression.selected(expected)
        view[index] += 0.5  # once for places that are named twice
        x = fg.tensor(numbers(expression.shape))
        x[expression.written] += 0.5
        np.testing.assert_array_equal(x.numpy(), expected, err_msg=str(expression))


@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_of_reading(seed):
    rng = np.random.default_rng(seed)
    for expression in fitting(seed):
        expected = np.zeros(expression.shape)
        view, index = expression.selected(expected)
        weights = np.asarray(rng.uniform(-1, 1, np.shape(view[index])))
        np.add.at(view, index, weights)
        x = fg.tensor(numbers(expression.shape), requires_grad=True)
        x[expression.written].backward(fg.tensor(weights))
        np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-12, err_msg=str(expression))


@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_of_writing(seed):
    """To what was there before, and to what was assigned; once through a view of a view."""
    rng = np.random.default_rng(seed)
    for expression in fitting(seed):
        if not expression.names_places_once():
            continue
        weights = np.asarray(rng.uniform(-1, 1, expression.shape))
        kept = weights.copy()
        view, index = expression.selected(kept)
        to_value = np.array(view[index])
        view[index] = 0
        x = fg.tensor(numbers(expression.shape), requires_grad=True)
        value = fg.zeros(to_value.shape, dtype=fg.float64, requires_grad=True)
        y = x * 1
        target = y[...][:] if expression.shape and seed % 2 else y
        target[expression.written] = value
        y.backward(fg.tensor(weights))
        np.testing.assert_array_equal(x.grad.numpy(), kept, err_msg=str(expression))
        np.testing.assert_array_equal(value.grad.numpy(), to_value, err_msg=str(expression))


def in_torch(torch, written):
    """The same expression with PyTorch's tensors."""
    if isinstance(written, tuple):
        return tuple(in_torch(torch, entry) for entry in written)
    if isinstance(written, slice) and isinstance(written.start, fg.Tensor):
        return slice(written.start.item(), written.stop, written.step)
    return torch.tensor(written.numpy()) if isinstance(written, fg.Tensor) else written


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_reading_and_writing_as_in_torch(torch, seed):
    for expression in expressions(seed, COUNT):
        written = in_torch(torch, expression.written)
        x, y = (lib.tensor(numbers(expression.shape)) for lib in (fg, torch))
        found, expected = outcome(lambda: x[expression.written]), outcome(lambda: y[written])  # noqa: B023
        if isinstance(expected, type):  # it miscounts lists of masks: NumPy knows what they mean
            assert found is expected or not means_nothing(expression), expression
            continue
        assert_same(found, expected)
        if (
            outcome(y.__setitem__, written, -1.0) is None
        ):  # PyTorch does not write by masks of uint8
            x[expression.written] = -1.0
            assert_same(x, y)


# What does not fit

BOUNDS = re.compile(r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)")


def spoiled(random, expression):
    """The expression with one index out of bounds, and the axis, its size and that index."""
    entries = expression.written
    entries = list(entries) if isinstance(entries, tuple) else [entries]
    consumed = [_axes_of(entry) for entry in entries]
    rest = len(expression.shape) - sum(consumed)
    axis, places = 0, []
    for at, entry in enumerate(entries):
        if consumed[at] == 1 and not isinstance(entry, slice):
            places.append((at, axis))
        axis += rest if entry is Ellipsis else consumed[at]
    if not places:
        return None
    at, axis = random.choice(places)
    n = expression.shape[axis]
    wrong = random.choice((n, -n - 1, n + 7, 2**62, -(2**63)))
    entries[at] = _with_wrong(random, entries[at], wrong)
    return None if entries[at] is None else (tuple(entries), axis, n, wrong)


def _axes_of(entry):
    if entry is None or entry is Ellipsis or isinstance(entry, bool):
        return 0
    if isinstance(entry, (fg.Tensor, np.ndarray)) and entry.dtype in (fg.bool, fg.uint8, bool):
        return entry.ndim
    if isinstance(entry, list):
        return _axes_of(np.array(entry)) if entry else 1
    return 1


def _with_wrong(random, entry, wrong):
    """The entry with an index replaced; None where it has none."""
    if isinstance(entry, (int, np.integer)):
        return wrong
    array = np.array(entry.tolist() if isinstance(entry, fg.Tensor) else entry)
    if array.size == 0 or array.dtype == bool:
        return None
    if isinstance(entry, fg.Tensor) and entry.dtype in (fg.bool, fg.uint8):
        return None
    array.reshape(-1)[random.randrange(array.size)] = wrong
    return array.tolist() if isinstance(entry, list) else fg.tensor(array)


@pytest.mark.parametrize("seed", SEEDS)
def test_errors_name_the_axis_the_size_and_the_index(seed):
    random, seen = Random(seed), 0
    for expression in fitting(seed):
        if expression.read(numbers(expression.shape)).size == 0:
            continue  # another entry selects nothing: there is nothing to be out of bounds
        found = spoiled(random, expression)
        if found is None:
            continue
        written, axis, n, wrong = found
        x = fg.tensor(numbers(expression.shape))
        for use in (x.__getitem__, lambda index, x=x: x.__setitem__(index, 0.0)):
            with pytest.raises(IndexError) as caught:
                use(written)
            match = BOUNDS.match(str(caught.value))
            assert match is not None, str(caught.value)
            assert tuple(map(int, match.groups())) == (wrong, axis, n), (expression, written)
        np.testing.assert_array_equal(x.numpy(), numbers(expression.shape))
        seen += 1
    assert seen > 0.2 * COUNT


HOSTILE = (
    *(2**63, -(2**70), 1.0, float("nan"), float("inf"), "a", b"a", {}, {0}, 1j, object()),
    *([], [[]], [[0], [0, 0]], [None], [0.5], ["a"], [[0, 1], [1, 0]], [True, 0], [2**70], [-9]),
    *(slice(None, None, -1), slice(0, 9, 0), slice("a"), slice(0.5), slice(None, [])),
    *(np.bool_(True), np.float64(0), np.array([0.0]), np.array("a"), np.array([0, 1], "uint16")),
    *(np.zeros((2, 2), complex), np.array([object()]), range(3), range(9), (0,), ((0,), (0,))),
)
HOSTILE_TENSORS = (
    lambda: fg.tensor(0.0),
    lambda: fg.tensor([0.5, float("nan")]),
    lambda: fg.tensor([2**62]),
    lambda: fg.tensor([0], dtype=fg.int16),
    lambda: fg.zeros(9, dtype=fg.bool),
    lambda: fg.zeros(0, 0, dtype=fg.bool),
    lambda: fg.zeros(2, 0, dtype=fg.int64),
    lambda: fg.zeros(1, dtype=fg.int64).expand(3, 10**6),
)


def test_what_is_no_index_raises_and_changes_nothing():
    random = Random(0)
    writer = Writer(random)
    for _ in range(4000):
        expression = writer.expression()
        entries = expression.written
        entries = list(entries) if isinstance(entries, tuple) else [entries]
        for _ in range(random.randint(1, 2)):
            entry = random.choice((*HOSTILE, *HOSTILE_TENSORS))
            entry = entry() if callable(entry) else entry
            entries.insert(random.randint(0, len(entries)), entry)
        index = tuple(entries) if random.random() < 0.8 else entries
        x = fg.tensor(numbers(expression.shape))
        for use in (x.__getitem__, lambda index, x=x: x.__setitem__(index, fg.ones(7, 7))):
            try:
                use(index)
            except ERRORS:
                np.testing.assert_array_equal(x.numpy(), numbers(expression.shape))


def test_expressions_are_as_varied_as_they_should_be():
    """The bulk of what is drawn is not basic, and no kind of entry is missing."""
    drawn = [e for seed in SEEDS for e in expressions(seed, COUNT)]
    assert len(drawn) >= 5000
    kinds = {type(part) for e in drawn for part in e.parts}
    assert kinds >= {int, slice, bool, np.ndarray, type(None)}
    assert 0.2 < sum(e.is_basic for e in drawn) / len(drawn) < 0.6
    assert len({str(e.written) for e in drawn}) > 0.6 * len(drawn)
