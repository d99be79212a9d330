"""Datasets, samplers and collation."""

from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from data_helpers import SIZE, Squares, Stream, plain, points, same_passes
from fastgrad.utils import data

# --- datasets ----------------------------------------------------------------------------------


def test_tensor_dataset_gives_rows():
    dataset = points(fg)
    assert len(dataset) == SIZE
    assert plain(dataset[3]) == [[6, 7], 3]
    assert plain(dataset[-1]) == [[44, 45], 22]
    assert plain(dataset[1:3]) == [[[2, 3], [4, 5]], [1, 2]]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((fg.zeros(3), fg.zeros(4)), AssertionError, "Size mismatch between tensors.*3, 4"),
        ((), TypeError, "at least one tensor"),
        ((np.zeros(3),), TypeError, "argument 0 is a ndarray.*as_tensor"),
        ((fg.zeros(2), fg.tensor(1.0)), TypeError, "argument 1 is 0-dimensional"),
    ],
)
def test_tensor_dataset_refuses(arguments, error, text):
    with pytest.raises(error, match=text):
        data.TensorDataset(*arguments)


def test_base_classes_name_the_missing_method():
    class Nothing(data.Dataset):
        pass

    class NoStream(data.IterableDataset):
        pass

    class NoOrder(data.Sampler):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define __getitem__"):
        Nothing()[0]
    with pytest.raises(NotImplementedError, match="NoStream must define __iter__"):
        iter(NoStream())
    with pytest.raises(NotImplementedError, match="NoOrder must define __iter__"):
        iter(NoOrder())
    assert data.Dataset[int] is not None  # usable in annotations


def test_subset_and_its_batches():
    subset = data.Subset(points(fg), [5, 3, -1])
    assert len(subset) == 3
    assert plain(subset[2]) == [[44, 45], 22]
    assert plain(subset.__getitems__([0, 1])) == [[[10, 11], 5], [[6, 7], 3]]
    expected = [[[[10, 11], [6, 7]], [5, 3]], [[[44, 45]], [22]]]
    assert [plain(b) for b in data.DataLoader(subset, batch_size=2)] == expected
    subset.indices = fg.tensor([5, 3, 22])
    assert [plain(b) for b in data.DataLoader(subset, batch_size=2)] == expected
    nested = data.Subset(subset, range(3))
    assert [plain(b) for b in data.DataLoader(nested, batch_size=2)] == expected


def test_subset_of_a_dataset_without_batches():
    subset = data.Subset(data.Subset(Squares(), [4, 2]), [1, 0])
    assert list(subset) == [4, 16]
    assert plain(next(iter(data.DataLoader(subset, batch_size=2)))) == [4, 16]


def test_concat_dataset():
    both = Squares(3) + Squares(2)
    assert isinstance(both, data.ConcatDataset)
    assert both.cumulative_sizes == [3, 5]
    assert [both[i] for i in range(-5, 5)] == [0, 1, 4, 0, 1] * 2
    assert list(both) == [0, 1, 4, 0, 1]
    with pytest.raises(ValueError, match="index -6 is out of range for 5 samples"):
        both[-6]
    with pytest.raises(IndexError, match="index 5 is out of range for 5 samples"):
        both[5]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        data.ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        data.ConcatDataset([Stream()])


@pytest.mark.parametrize("lengths", [[20, 3], [0.5, 0.25, 0.25], [0.1] * 10, [23, 0], [1.0]])
def test_random_split_is_torchs(torch, lengths):
    parts = [
        module.random_split(range(SIZE), lengths, generator=lib.Generator().manual_seed(3))
        for lib, module in ((fg, data), (torch, torch.utils.data))
    ]
    assert [p.indices for p in parts[0]] == [p.indices for p in parts[1]]
    assert sorted(i for part in parts[0] for i in part) == list(range(SIZE))


def test_random_split_takes_the_default_generator():
    splits = []
    for _ in range(2):
        fg.manual_seed(1)
        splits.append([part.indices for part in data.random_split(Squares(), [10, 13])])
    assert splits[0] == splits[1]


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        ([20, 4], "sum to 24, the dataset has 23 samples"),
        ([0.5, 0.4], "Sum of input lengths"),
        ([1.5, -0.5], "Fraction at index 0 is not between 0 and 1"),
        ([24, -1], "Length at index 1 is -1"),
        ([11.5, 11.5], "Length at index 0 is 11.5"),
    ],
)
def test_random_split_refuses(lengths, text):
    with pytest.raises(ValueError, match=text):
        data.random_split(Squares(), lengths)


def test_random_split_warns_of_an_empty_part():
    with pytest.warns(UserWarning, match="index 2 is 0"):
        parts = data.random_split(Squares(2), [0.4, 0.4, 0.2])
    assert [len(part) for part in parts] == [1, 1, 0]


def test_chain_dataset_is_torchs(torch):
    class TorchStream(torch.utils.data.IterableDataset):
        __iter__, __len__ = Lengthy.__iter__, Lengthy.__len__

    both = (Lengthy() + Lengthy(), TorchStream() + TorchStream())
    assert [type(one).__name__ for one in both] == ["ChainDataset"] * 2
    assert list(both[0]) == list(both[1]) == [0, 1, 2, 0, 1, 2]
    assert len(both[0]) == len(both[1]) == 6
    loader = data.DataLoader(both[0], batch_size=4)
    assert plain(list(loader)) == [[0, 1, 2, 0], [1, 2]]
    for broken in (data.ChainDataset([Lengthy(), [1]]), Lengthy() + Squares()):
        with pytest.raises(AssertionError, match="only supports IterableDataset"):
            list(broken)


class Lengthy(data.IterableDataset):
    def __iter__(self):
        return iter(range(3))

    def __len__(self):
        return 3


@pytest.mark.parametrize("named", [False, True])
def test_stack_dataset_is_torchs(torch, named):
    seen = []
    for lib, module in ((fg, data), (torch, torch.utils.data)):
        parts = {"points": points(lib), "text": [str(i) for i in range(SIZE)]}
        for chosen in (parts, {"points": points(lib)}):
            stacked = (
                module.StackDataset(**chosen) if named else module.StackDataset(*chosen.values())
            )
            assert len(stacked) == SIZE
            loader = module.DataLoader(stacked, batch_size=10)
            samples = [stacked[3], *stacked.__getitems__([1, 2]), *loader]
            seen.append(described(samples))
    assert seen[:2] == seen[2:]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda stack: stack([1], [1, 2]), "Size mismatch between datasets"),
        (lambda stack: stack(x=[1], y=[1, 2]), "Size mismatch between datasets"),
        (lambda stack: stack([1], x=[1]), "both"),
        (lambda stack: stack(), "one dataset should be passed"),
    ],
)
def test_stack_dataset_refuses(torch, make, text):
    for module in (data, torch.utils.data):
        with pytest.raises(ValueError, match=text):
            make(module.StackDataset)


# --- samplers ----------------------------------------------------------------------------------


@given(
    size=st.integers(1, 90),
    replacement=st.booleans(),
    num_samples=st.none() | st.integers(1, 200),
    own_generator=st.booleans(),
)
def test_random_sampler_is_torchs(torch, size, replacement, num_samples, own_generator):

    def make(lib, module):
        generator = lib.Generator().manual_seed(9) if own_generator else None
        return module.RandomSampler(range(size), replacement, num_samples, generator)

    passes = same_passes(torch, make, passes=3)
    assert {len(one) for one in passes} == {num_samples or size}


def test_subset_random_sampler_is_torchs(torch):
    same_passes(torch, lambda lib, module: module.SubsetRandomSampler([7, 3, 5, 11]))


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("own_generator", [False, True])
@pytest.mark.parametrize("weights", [[0.1, 0.9, 0.4, 0.7, 3.0, 0.6], (5, 0, 1, 1, 1, 1)])
def test_weighted_random_sampler_is_torchs(torch, weights, replacement, own_generator):
    def make(lib, module):
        generator = lib.Generator().manual_seed(9) if own_generator else None
        return module.WeightedRandomSampler(weights, 5, replacement, generator)

    same_passes(torch, make)

    def loader(lib, module):
        sampler = make(lib, module)
        return module.DataLoader(points(lib), batch_size=2, sampler=sampler)

    same_passes(torch, loader)
    assert len(make(fg, data)) == 5


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([[1.0, 2.0]], 1), ValueError, "weights should be a 1d sequence"),
        (([1.0], 0), ValueError, "num_samples should be a positive integer"),
        (([1.0], 1.5), ValueError, "num_samples should be a positive integer"),
        (([1.0], True), ValueError, "num_samples should be a positive integer"),
        (([1.0], 1, 0), ValueError, "replacement should be a boolean"),
        (([-1.0, 2.0], 1), RuntimeError, "."),
    ],
    ids=str,
)
def test_weighted_random_sampler_refuses(torch, arguments, error, text):
    for module in (data, torch.utils.data):
        with pytest.raises(error, match=text):
            list(module.WeightedRandomSampler(*arguments))


def test_sequential_sampler_in_blocks(monkeypatch):
    monkeypatch.setattr("fastgrad.utils.data.sampler._SEQUENTIAL_BLOCK", 10)
    loader = data.DataLoader(points(fg), batch_size=4)
    assert [y.tolist() for _, y in loader] == [
        list(range(i, min(i + 4, 23))) for i in range(0, 23, 4)
    ]
    assert list(data.SequentialSampler("abc")) == [0, 1, 2]
    assert len(data.SequentialSampler("abc")) == 3


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3"])
def test_sizes_must_be_positive_ints(value):
    with pytest.raises(ValueError, match="batch_size should be a positive integer"):
        data.BatchSampler(range(3), value, False)
    with pytest.raises(ValueError, match="num_samples should be a positive integer"):
        data.RandomSampler(range(3), num_samples=value)


def test_samplers_refuse():
    with pytest.raises(ValueError, match="drop_last should be a boolean"):
        data.BatchSampler(range(3), 1, 0)
    with pytest.raises(TypeError, match="replacement should be a bool"):
        data.RandomSampler(range(3), replacement=1)
    with pytest.raises(ValueError, match="num_samples=0"):
        data.DataLoader([], shuffle=True)
    with pytest.raises(ValueError, match="empty data_source"):
        list(data.RandomSampler([], num_samples=3))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [0, 1, 5, 6])
def test_batch_sampler(size, drop_last):
    sampler = data.BatchSampler(range(size), 3, drop_last)
    expected = [list(range(i, min(i + 3, size))) for i in range(0, size, 3)]
    expected = [batch for batch in expected if len(batch) == 3 or not drop_last]
    assert list(sampler) == expected
    assert len(sampler) == len(expected)


def test_random_sampler_follows_a_growing_dataset():
    rows = [1, 2]
    sampler = data.RandomSampler(rows)
    rows.append(3)
    assert sorted(sampler) == [0, 1, 2]
    assert len(sampler) == 3


# --- collation ---------------------------------------------------------------------------------

Pair = namedtuple("Pair", "x y")

COLLATED = [
    [1, 2, 3],
    [True, False],
    [1.5, 2.5],
    [1, 2.5],
    [np.float32(1.5), np.float32(2)],
    [np.int64(1), np.int64(2)],
    [np.float64(1.5), np.float64(2)],
    [np.bool_(True), np.bool_(False)],
    [np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)],
    ["a", "b"],
    [b"a", b"b"],
    [(1, "a"), (2, "b")],
    [[1, 2.0], [3, 4.0]],
    [{"x": 1, "y": (1.0, 2)}, {"x": 2, "y": (3.0, 4)}],
    [OrderedDict(x=1), OrderedDict(x=2)],
    [defaultdict(int, x=1), defaultdict(int, x=2)],
    [Pair(1, 2.0), Pair(3, 4.0)],
    [range(2), range(2)],
    [(), ()],
]


def described(value):
    """Structure, types, dtypes and numbers, in a form that the two libraries share."""
    if hasattr(value, "dtype"):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return [(key, described(part)) for key, part in value.items()]
    if isinstance(value, list | tuple):
        return type(value).__name__, [described(part) for part in value]
    return value


@pytest.mark.parametrize("batch", COLLATED, ids=str)
def test_default_collate_is_torchs(torch, batch):
    ours = data.default_collate(batch)
    assert described(ours) == described(torch.utils.data.default_collate(batch))


@pytest.mark.parametrize("batch", COLLATED, ids=str)
def test_default_convert_is_torchs(torch, batch):
    ours = data.default_convert(batch)
    assert described(ours) == described(torch.utils.data.default_convert(batch))


def test_default_collate_keeps_containers():
    assert isinstance(data.default_collate([Pair(1, 2), Pair(3, 4)]), Pair)
    assert isinstance(data.default_collate([OrderedDict(x=1)]), OrderedDict)
    tensor = fg.ones(2)
    assert data.default_convert(tensor) is tensor
    assert data.default_convert("text") == "text"
    assert data.default_convert(np.array(["a"])).tolist() == ["a"]


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        ([(1, 2), (1,)], RuntimeError, "equal size, got lengths .1, 2."),
        ([np.zeros(2), np.zeros(3)], RuntimeError, r"same shape, got \(2,\), \(3,\)"),
        ([np.array(["a"]), np.array(["b"])], TypeError, "dtype <U1"),
        ([object()], TypeError, "found <class 'object'>.*collate_fn"),
        ([None], TypeError, "NoneType"),
        ([fg.zeros(2), fg.zeros(3)], RuntimeError, "equal size"),
    ],
)
def test_default_collate_refuses(batch, error, text):
    with pytest.raises(error, match=text):
        data.default_collate(batch)
