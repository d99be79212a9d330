"""Datasets, samplers and the loader that turns them into batches. Follows torch.utils.data.

>>> import fastgrad as torch
>>> from fastgrad.utils.data import DataLoader, TensorDataset
>>> points = TensorDataset(torch.arange(6).reshape(3, 2), torch.tensor([0, 1, 0]))
>>> for x, y in DataLoader(points, batch_size=2):
...     print(x.tolist(), y.tolist())
[[0, 1], [2, 3]] [0, 1]
[[4, 5]] [0]
"""

from fastgrad.utils.data.collate import default_collate, default_convert
from fastgrad.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from fastgrad.utils.data.distributed import DistributedSampler
from fastgrad.utils.data.loader import DataLoader
from fastgrad.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from fastgrad.utils.data.worker import get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]
