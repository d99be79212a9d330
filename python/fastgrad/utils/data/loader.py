"""DataLoader: runs through a dataset in batches, in this thread or with workers."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import cycle, islice, repeat
from operator import index as as_index
from typing import Any, Generic, TypeVar
from weakref import finalize

import fastgrad
from fastgrad import _core
from fastgrad.tensor import Tensor
from fastgrad.utils.data.collate import default_collate, default_convert
from fastgrad.utils.data.dataset import Dataset, IterableDataset, makes_batches, sample_of
from fastgrad.utils.data.pinning import pinned
from fastgrad.utils.data.process import ProcessPool, context_of
from fastgrad.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    draw_seed,
    index_batches,
)
from fastgrad.utils.data.worker import END, Lane, WorkerInfo, WorkerPool

T_co = TypeVar("T_co", covariant=True)

_FIXED = frozenset(
    {"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"}
)


class DataLoader(Generic[T_co]):
    """Iterates over a dataset in batches. For the same seed the order of samples is PyTorch's.

    A batch of a TensorDataset (or of any dataset with `__getbatch__`, see `Dataset`) is gathered
    at once, unless a `collate_fn` is given. Workers are threads: the dataset is shared, not
    copied, and must bear being read from several threads at once. With a `multiprocessing_context`
    they are processes, as in PyTorch: for datasets that compute in Python, whose lock threads
    cannot share, and for those that are not safe in threads. Random numbers in them are PyTorch's.

    Args:
        dataset: a map-style dataset (`__getitem__` and `__len__`) or an IterableDataset.
        batch_size: samples in a batch; None gives single samples.
        shuffle: a new random order in each pass.
        sampler: any iterable of indices, in place of `shuffle`.
        batch_sampler: any iterable of lists (or int64 tensors) of indices, in place of
            `batch_size`, `shuffle`, `sampler` and `drop_last`.
        num_workers: threads (or processes) that load ahead; 0 loads in the calling thread.
        collate_fn: makes a batch of a list of samples; `default_collate` when None
            (`default_convert` for single samples).
        pin_memory: put the batches' tensors into pinned memory, from which a CUDA device copies
            while the host goes on (``to(device, non_blocking=True)``); without one, nothing.
        drop_last: leave out a last batch that is smaller.
        timeout: seconds to wait for a batch of a worker; 0 waits for ever.
        worker_init_fn: called with the worker's id in each worker before it loads.
        multiprocessing_context: have worker processes, started in this way: "fork" (at once, with
            the dataset as it is), "spawn" or "forkserver" (from new; the dataset, `collate_fn` and
            `worker_init_fn` are pickled), or a context of `multiprocessing`. None for threads.
        generator: source of the random order and of the workers' seeds; the default generator
            when None.
        prefetch_factor: batches that each worker loads ahead, 2 when None.
        persistent_workers: keep the workers from one pass to the next.

    Raises:
        ValueError: options that exclude each other or are out of range.
        TypeError: a `multiprocessing_context` that is none.
        RuntimeError: while iterating, no batch came within `timeout`, or a worker process died.

    An exception in a worker is raised where its batch was expected, with notes of the worker's id
    and of the item that the dataset was asked for.
    Follows torch.utils.data.DataLoader.

    >>> import fastgrad as torch
    >>> from fastgrad.utils.data import DataLoader, TensorDataset
    >>> squares = TensorDataset(torch.arange(5), torch.arange(5) ** 2)
    >>> for x, y in DataLoader(squares, batch_size=2, drop_last=True):
    ...     print(x.tolist(), y.tolist())
    [0, 1] [0, 1]
    [2, 3] [4, 9]
    """

    def __init__(
        self,
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], object] | None = None,
        multiprocessing_context: Any = None,
        generator: "fastgrad.Generator | None" = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            sampler = _default_sampler(dataset, bool(shuffle), generator)
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = context_of(multiprocessing_context, num_workers)
        self.generator = generator
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self.persistent_workers = persistent_workers
        self._pool: WorkerPool | None = None
        self._pins = False

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FIXED and name in self.__dict__:
            raise ValueError(
                f"{name} cannot be changed after DataLoader is made; make a new DataLoader"
            )
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        self._pins = self.pin_memory and _core.accelerator.device_count() > 0
        return _WorkersPass(self) if self.num_workers else _SerialPass(self)

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._steps)  # type: ignore[arg-type]
        extra = 0 if self.drop_last or self.batch_size is None else self.batch_size - 1
        return (len(self.dataset) + extra) // (self.batch_size or 1)  # type: ignore[arg-type]

    @property
    def _steps(self) -> Iterable[Any]:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _make_fetch(self) -> Callable[[], "_Fetch"]:
        # Bound to the parts it needs and not to the loader, which worker threads must not hold.
        if isinstance(self.dataset, IterableDataset):
            return partial(_Stream, self.dataset, self.collate_fn, self.drop_last)
        if self.batch_sampler is None:
            return partial(partial, _fetch_sample, self.dataset, self.collate_fn)
        if self.collate_fn is default_collate and makes_batches(self.dataset):
            return partial(partial, _fetch_batch, self.dataset)
        return partial(partial, _fetch_samples, self.dataset, self.collate_fn)

    def _worker_pool(self, base_seed: int) -> WorkerPool:
        if self._pool is not None and self._pool.is_alive():
            return self._pool
        infos = [
            WorkerInfo(i, self.num_workers, base_seed + i, self.dataset)
            for i in range(self.num_workers)
        ]
        context = self.multiprocessing_context
        if context is None:
            pool = WorkerPool(infos, self.worker_init_fn)
        else:
            pool = ProcessPool(infos, self.worker_init_fn, self._make_fetch(), context)
        if self.persistent_workers:
            self._pool = pool
        return pool


_Fetch = Callable[[Any], Any]


def _fetch_sample(dataset: Any, collate: _Fetch, key: Any) -> Any:
    return collate(sample_of(dataset, key))


def _fetch_samples(dataset: Any, collate: _Fetch, keys: Any) -> Any:
    if isinstance(keys, Tensor):
        keys = keys.tolist()
    many = getattr(dataset, "__getitems__", None)
    if many is None:
        return collate([sample_of(dataset, key) for key in keys])
    try:
        samples = many(keys)
    except Exception as error:
        error.add_note(f"Raised by items {keys!r} of the {type(dataset).__name__}.")
        raise
    return collate(samples)


def _fetch_batch(dataset: Any, keys: Any) -> Any:
    if not isinstance(keys, Tensor):
        keys = fastgrad.tensor([as_index(key) for key in keys], dtype=fastgrad.int64)
    batch = dataset.__getbatch__(keys)
    return _fetch_samples(dataset, default_collate, keys) if batch is NotImplemented else batch


def _pinning(make_fetch: Callable[[], _Fetch]) -> _Fetch:
    fetch = make_fetch()
    return lambda step: pinned(fetch(step))


class _Stream:
    """Fetches from one run through an IterableDataset."""

    def __init__(self, dataset: Iterable[Any], collate: _Fetch, drop_last: bool) -> None:
        self._samples = iter(dataset)
        self._collate = collate
        self._drop_last = drop_last

    def __call__(self, step: list[None] | None) -> Any:
        samples = list(islice(self._samples, 1 if step is None else len(step)))
        if not samples or (self._drop_last and step is not None and len(samples) < len(step)):
            return END
        return self._collate(samples[0] if step is None else samples)


class _SerialPass:
    """One pass over the data in the calling thread."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._loader = loader
        # Drawn though nobody here needs it: the default generator is then in the same state
        # with and without workers, and in the state in which PyTorch leaves it.
        draw_seed(loader.generator)
        self._steps = index_batches(loader._steps)
        self._fetch = loader._make_fetch()()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        batch = self._fetch(next(self._steps))
        if batch is END:
            raise StopIteration
        return pinned(batch) if self._loader._pins else batch

    def __len__(self) -> int:
        return len(self._loader)


class _WorkersPass:
    """One pass over the data with workers, which get the batches in turn.

    Which worker loads which batch does not depend on timing, and the batches come in order.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._loader = loader
        base_seed = draw_seed(loader.generator)
        self._steps = index_batches(loader._steps)
        self._pool: WorkerPool | None = loader._worker_pool(base_seed)
        make_fetch = loader._make_fetch()
        # Threads pin what they load; what processes send is pinned when it has come.
        self._pins = loader._pins and loader.multiprocessing_context is not None
        if loader._pins and not self._pins:
            make_fetch = partial(_pinning, make_fetch)
        lanes = [Lane(self._pool.fetch_maker(i, make_fetch)) for i in range(loader.num_workers)]
        self._turns = cycle(enumerate(lanes))
        self._waiting: deque[Lane] = deque()
        finalize(self, _cancel, lanes).atexit = False
        for _ in range(loader.num_workers * (loader.prefetch_factor or 1)):
            self._submit_next()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while self._waiting:
            # Taken out of the queue after it has come: after a timeout or Ctrl-C the same batch
            # is the next one again.
            batch, error = self._waiting[0].receive(self._loader.timeout)
            lane = self._waiting.popleft()
            lane.ended = batch is END
            self._submit_next()
            if error is not None:
                try:
                    raise error
                finally:
                    del error  # error -> traceback -> this frame -> error would be a cycle
            if not lane.ended:
                return pinned(batch) if self._pins else batch
        self._pool = None
        raise StopIteration

    def _submit_next(self) -> None:
        turns = islice(self._turns, self._loader.num_workers)
        worker, lane = next((turn for turn in turns if not turn[1].ended), (0, None))
        step = next(self._steps, END)
        if lane is not None and step is not END and self._pool is not None:
            self._waiting.append(lane)
            self._pool.submit(worker, lane, step)

    def __len__(self) -> int:
        return len(self._loader)


def _cancel(lanes: list[Lane]) -> None:
    for lane in lanes:
        lane.cancelled = True


def _default_sampler(
    dataset: Any, shuffle: bool, generator: "fastgrad.Generator | None"
) -> Iterable[Any]:
    if isinstance(dataset, IterableDataset):
        return repeat(None)  # a stream has no indices, only how many samples a step takes
    return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError(
            f"num_workers option should be non-negative, got {num_workers}; "
            "use num_workers=0 to load in the calling thread"
        )
    if timeout < 0:
        raise ValueError(f"timeout option should be non-negative, got {timeout}")
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ValueError(f"prefetch_factor option should be positive, got {prefetch_factor}")
    needs_workers = {
        "timeout": timeout,
        "prefetch_factor": prefetch_factor,
        "persistent_workers": persistent_workers,
    }
    for name, value in needs_workers.items():
        if value and num_workers == 0:
            raise ValueError(f"{name} option needs num_workers > 0; got {name}={value!r}")


def _check_order(
    dataset: object,
    batch_size: int | None,
    shuffle: bool | None,
    sampler: object,
    batch_sampler: object,
    drop_last: bool,
) -> None:
    if isinstance(dataset, IterableDataset):
        order = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
        for name, value in order.items():
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, "
                    f"but got {name}={value!r}; order the samples in the dataset's __iter__"
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                "and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )
