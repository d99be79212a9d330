"""The sampler for several processes, each of which takes its own part of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sized

import fastgrad
from fastgrad.utils.data.sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """The indices of one process: every so-manieth of an order that all processes share.

    Where the number of processes does not divide the dataset, the first indices come twice, so that
    all have equally many; with `drop_last` the last ones do not come.

    Args:
        dataset: anything with a length.
        num_replicas, rank: how many processes there are, and which is this; those of the process
            group by default.
        shuffle: a new order in each epoch; call ``set_epoch`` before each, or it is the same.
        seed: of the order; the same on all processes.
        drop_last: leave out what would be padded.

    Raises:
        ValueError: the rank is not below `num_replicas`, or there is no process group to ask.

    For the same seed and epoch the order is PyTorch's. Follows
    ``torch.utils.data.DistributedSampler``.

    >>> from fastgrad.utils.data import DistributedSampler
    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            from fastgrad import distributed

            num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
            rank = distributed.get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        kept = len(dataset) if not drop_last else len(dataset) - num_replicas + 1
        self.num_samples = max(0, -(-kept // num_replicas))
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        if self.shuffle:
            generator = fastgrad.Generator().manual_seed(self.seed + self.epoch)
            order = fastgrad.randperm(size, generator=generator).tolist()
        else:
            order = list(range(size))
        if self.total_size > size > 0:
            order *= -(-self.total_size // size)
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch begins: each has another order, the same on all processes."""
        self.epoch = epoch
