"""Small datasets for the tests of data loading, and the comparison with PyTorch."""

import fastgrad as fg
from fastgrad.utils import data

SIZE = 23


def points(lib, size=SIZE):
    """A TensorDataset of `lib` (fastgrad or torch): row i is ((2i, 2i + 1), i)."""
    source = data if lib is fg else lib.utils.data
    return source.TensorDataset(lib.arange(2 * size).reshape(size, 2), lib.arange(size))


def plain(batch):
    """A batch of either library as lists of numbers."""
    if isinstance(batch, list | tuple):
        return [plain(part) for part in batch]
    return batch.tolist() if hasattr(batch, "tolist") else batch


def same_passes(torch, make, passes=2):
    """Runs `make(library, its data module)` in both for some passes; returns fastgrad's batches.

    The default generators must end in the same state too, so that what a script draws after an
    epoch is the same.
    """
    seen = []
    for lib, module in ((fg, data), (torch, torch.utils.data)):
        lib.manual_seed(5)
        iterable = make(lib, module)
        batches = [[plain(batch) for batch in iterable] for _ in range(passes)]
        seen.append((batches, lib.randint(1 << 30, (4,)).tolist()))
    assert seen[0] == seen[1]
    return seen[0][0]


class Squares(data.Dataset):
    def __init__(self, size=SIZE):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if not 0 <= index < self.size:
            raise IndexError(index)
        return index * index


class Stream(data.IterableDataset):
    """0 to size - 1, each number from one of the workers."""

    def __init__(self, size=SIZE):
        self.size = size

    def __iter__(self):
        info = data.get_worker_info()
        return iter(
            range(self.size) if info is None else range(info.id, self.size, info.num_workers)
        )
