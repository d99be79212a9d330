"""The DataLoader: its batches, their order, and the options it refuses."""

from itertools import chain

import pytest

import fastgrad as fg
from data_helpers import SIZE, Squares, Stream, plain, points, same_passes
from fastgrad.utils import data


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 5},
        {"batch_size": 5, "shuffle": True},
        {"batch_size": 5, "shuffle": True, "drop_last": True},
        {"batch_size": 100, "shuffle": True},
        {"batch_size": None, "shuffle": True},
        {"batch_size": None},
        {},
        {"batch_size": 4, "sampler": [3, 1, -2, 0, 7]},
        {"batch_sampler": [[1, 2], [0], [5, -1, 3]]},
        {"batch_size": 2, "shuffle": True, "collate_fn": lambda rows: [y for _, y in rows]},
    ],
    ids=lambda options: "-".join(options) if isinstance(options, dict) else None,
)
def test_loader_is_torchs(torch, options, num_workers):
    """Batches and order are those of torch for the same seed, with and without workers."""

    def make(lib, module):
        workers = num_workers if lib is fg else 0
        return module.DataLoader(points(lib), num_workers=workers, **options)

    same_passes(torch, make)
    ours, theirs = make(fg, data), make(torch, torch.utils.data)
    assert len(ours) == len(theirs)
    assert (ours.batch_size, ours.drop_last) == (theirs.batch_size, theirs.drop_last)


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("own_generator", [False, True])
def test_loader_with_random_sampler_is_torchs(torch, replacement, own_generator):
    def make(lib, module):
        generator = lib.Generator().manual_seed(2) if own_generator else None
        sampler = module.RandomSampler(range(SIZE), replacement, 70, generator)
        return module.DataLoader(points(lib), 8, sampler=sampler, generator=generator)

    assert len(same_passes(torch, make)[0]) == 9


def test_loader_generator_is_torchs(torch):
    def make(lib, module):
        generator = lib.Generator().manual_seed(2)
        return module.DataLoader(points(lib), 8, shuffle=True, generator=generator)

    same_passes(torch, make, passes=3)


def test_a_batch_is_one_gather():
    """The fast path never asks for single samples, and is not taken when it would be wrong."""
    calls = []

    class Counting(data.TensorDataset):
        def __getitem__(self, index):
            raise AssertionError("asked for a single sample")

        def __getbatch__(self, indices):
            calls.append(indices)
            return super().__getbatch__(indices)

    dataset = Counting(fg.arange(10))
    (batch,) = next(iter(data.DataLoader(dataset, batch_size=4)))
    assert batch.tolist() == [0, 1, 2, 3]
    assert all(isinstance(indices, fg.Tensor) for indices in calls)
    subset = data.Subset(dataset, [7, 8])
    assert plain(next(iter(data.DataLoader(subset, batch_size=2)))) == [[7, 8]]


def test_an_overridden_getitem_is_respected():
    class Doubled(data.TensorDataset):
        def __getitem__(self, index):
            return tuple(2 * part for part in super().__getitem__(index))

    loader = data.DataLoader(Doubled(fg.arange(3)), batch_size=3)
    assert plain(next(iter(loader))) == [[0, 2, 4]]
    loader = data.DataLoader(data.Subset(Doubled(fg.arange(3)), [2]), batch_size=3)
    assert plain(next(iter(loader))) == [[4]]


def test_an_overridden_getitems_is_respected():
    class Negated(data.TensorDataset):
        def __getitems__(self, indices):
            return [(-index,) for index in indices]

    loader = data.DataLoader(Negated(fg.arange(3)), batch_size=3)
    assert plain(next(iter(loader))) == [[0, -1, -2]]


def test_an_overridden_sampler_is_respected():
    class Evens(data.SequentialSampler):
        def __iter__(self):
            return iter(range(0, len(self.data_source), 2))

    class Reversed(data.BatchSampler):
        def __iter__(self):
            return (batch[::-1] for batch in super().__iter__())

    dataset = data.TensorDataset(fg.arange(5))
    loader = data.DataLoader(dataset, batch_size=3, sampler=Evens(dataset))
    assert plain(list(loader)) == [[[0, 2, 4]]]
    order = Reversed(data.SequentialSampler(dataset), 3, False)
    assert plain(list(data.DataLoader(dataset, batch_sampler=order))) == [[[2, 1, 0]], [[4, 3]]]


def test_a_batch_does_not_share_memory_with_the_dataset():
    dataset = data.TensorDataset(fg.zeros(4))
    (batch,) = next(iter(data.DataLoader(dataset, batch_size=4)))
    batch.fill_(1)
    assert dataset.tensors[0].tolist() == [0, 0, 0, 0]


def test_getitems_gets_a_list_of_ints():
    class Many(Squares):
        def __getitems__(self, indices):
            assert all(type(index) is int for index in indices)
            return [-index for index in indices]

    assert plain(list(data.DataLoader(Many(4), batch_size=3))) == [[0, -1, -2], [-3]]


def test_a_list_is_a_dataset():
    assert plain(list(data.DataLoader([10, 20, 30], batch_size=2))) == [[10, 20], [30]]


def test_empty_dataset():
    loader = data.DataLoader(data.TensorDataset(fg.zeros(0, 3)), batch_size=2)
    assert list(loader) == []
    assert len(loader) == 0


def test_batch_sampler_of_tensors():
    batches = [fg.tensor([1, 0]), fg.tensor([2])]
    loader = data.DataLoader(Squares(), batch_sampler=batches)
    assert plain(list(loader)) == [[1, 0], [4]]
    loader = data.DataLoader(data.TensorDataset(fg.arange(5)), batch_sampler=batches)
    assert plain(list(loader)) == [[[1, 0]], [[2]]]


def test_pin_memory_has_no_effect():
    assert plain(list(data.DataLoader(Squares(2), pin_memory=True))) == [[0], [1]]


@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [{"batch_size": 4}, {"batch_size": 4, "drop_last": True}, {"batch_size": None}],
    ids=str,
)
def test_streams_are_torchs(torch, options, num_workers):
    class TorchStream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(Stream())

    loader = data.DataLoader(Stream(), num_workers=num_workers, **options)
    batches = plain(list(loader))
    if num_workers <= 1:
        theirs = torch.utils.data.DataLoader(TorchStream(), **options)
        assert batches == plain(list(theirs))
    elif options == {"batch_size": 4}:
        assert sorted(chain(*batches)) == list(range(SIZE))
    assert plain(list(loader)) == batches


def test_uneven_streams_end_one_by_one():
    """Worker 0 has 1 batch, worker 1 has 4: they take turns until only one of them is left."""

    class Uneven(data.IterableDataset):
        def __iter__(self):
            worker = data.get_worker_info().id
            return iter([[10], [20, 21, 22, 23]][worker])

    loader = data.DataLoader(Uneven(), batch_size=None, num_workers=2)
    assert list(loader) == [10, 20, 21, 22, 23]


def test_length_of_streams():
    class Sized(Stream):
        def __len__(self):
            return self.size

    assert len(data.DataLoader(Sized(), batch_size=4)) == 6
    assert len(data.DataLoader(Sized(), batch_size=4, drop_last=True)) == 5
    assert len(data.DataLoader(Sized(), batch_size=None)) == SIZE
    with pytest.raises(TypeError, match="has no len"):
        len(data.DataLoader(Stream()))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative, got -1"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"timeout": 1}, "timeout option needs num_workers > 0"),
        ({"prefetch_factor": 2}, "prefetch_factor option needs num_workers > 0"),
        ({"prefetch_factor": 0, "num_workers": 1}, "prefetch_factor option should be positive"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "shuffle": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "sampler": [0]}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"batch_size": 0}, "batch_size should be a positive integer"),
        ({"batch_size": 2.5}, "batch_size should be a positive integer"),
    ],
    ids=str,
)
def test_loader_refuses(options, text):
    with pytest.raises(ValueError, match=text):
        data.DataLoader(Squares(), **options)


@pytest.mark.parametrize("option", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_loader_refuses_orders_for_streams(option):
    with pytest.raises(ValueError, match=f"unspecified {next(iter(option))} option"):
        data.DataLoader(Stream(), **option)


def test_fixed_options_cannot_change():
    loader = data.DataLoader(Squares())
    for name in ("batch_size", "sampler", "batch_sampler", "drop_last", "dataset"):
        with pytest.raises(ValueError, match=f"{name} cannot be changed"):
            setattr(loader, name, None)
    loader.note = "other attributes are free"


def test_an_error_does_not_end_the_pass():
    class Flaky(Squares):
        def __getitem__(self, index):
            if index == 1:
                raise LookupError("no sample 1")
            return index

    for num_workers in (0, 2):
        batches = iter(data.DataLoader(Flaky(4), num_workers=num_workers))
        assert plain(next(batches)) == [0]
        with pytest.raises(LookupError, match="no sample 1"):
            next(batches)
        assert plain(list(batches)) == [[2], [3]]
