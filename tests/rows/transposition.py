"""Rows of dimensions in another order."""

import numpy as np

import arguments as make
from rows.op import Op
from strategies import ALL, Sample


def moved(m):
    """A tensor, and dimensions with the places that they move to."""
    sample = make.permuted(m)
    x, targets = sample.args
    if not targets or m.flag():
        rank = len(targets)
        return Sample((x, m.dim(rank), m.dim(rank)))
    count = m.integer(0, len(targets))
    order = make.permuted(m).args[1] if count == 0 else range(len(targets))
    sources = tuple(d for d in order if d < count)
    return Sample((x, sources, targets[: len(sources)]))


def moveaxis(x, source, destination):
    return np.moveaxis(x, source, destination) if x.ndim else x


ROWS = [
    Op("transpose", np.swapaxes, make.exchanged, ALL),
    Op("swapaxes", np.swapaxes, make.exchanged, ALL),
    Op("permute", np.transpose, make.permuted, ALL),
    Op("movedim", moveaxis, moved, ALL),
    Op("adjoint", lambda x: np.swapaxes(x, -1, -2), make.of_rank(2, 4), ALL),
    Op("t", np.transpose, make.of_rank(0, 2), ALL),
    Op("T", np.transpose, make.of_rank(2, 2), ALL, call=lambda lib, x: x.T),
    Op("H", np.transpose, make.of_rank(2, 2), ALL, call=lambda lib, x: x.H),
    Op("mT", lambda x: np.swapaxes(x, -1, -2), make.of_rank(2, 4), ALL, call=lambda lib, x: x.mT),
    Op("mH", lambda x: np.swapaxes(x, -1, -2), make.of_rank(2, 4), ALL, call=lambda lib, x: x.mH),
]
