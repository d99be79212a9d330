"""Rows of views with strides of their own."""

import numpy as np

from rows.op import Op
from strategies import ALL, Operand, Sample


def laid_over(m):
    """A tensor whose elements lie in order, and a shape with strides that stays inside."""
    shape = tuple(n or 2 for n in m.shape(1))
    n = int(np.prod(shape))
    sizes, strides, room = [], [], n
    for _ in range(m.integer(0, 3)):
        step = m.choose((0, 1, 2, 3))
        size = m.integer(0, min(4, room if step == 0 else (room - 1) // step + 1))
        sizes.append(size)
        strides.append(step)
        room -= max(size - 1, 0) * step
    offset = m.choose((0, room - 1))
    return Sample((Operand(m.array(shape)), tuple(sizes), tuple(strides), offset))


def as_strided(x, sizes, strides, offset):
    flat = np.ascontiguousarray(x).ravel()[offset:]
    steps = [step * flat.itemsize for step in strides]
    return np.array(np.lib.stride_tricks.as_strided(flat, sizes, steps))


def windows(m):
    shape = tuple(n or 2 for n in m.shape(1))
    dim = m.dim(len(shape))
    size, step = m.integer(0, min(shape[dim], 6)), m.choose((1, 2, 3, 200))
    return Sample((m.operand(shape), dim, size, step))


def unfold(x, dim, size, step):
    starts = range(0, x.shape[dim] - size + 1, step)
    parts = [np.moveaxis(np.take(x, range(at, at + size), dim), dim, -1) for at in starts]
    return np.stack(parts, dim % x.ndim)


ROWS = [
    Op("as_strided", as_strided, laid_over, ALL),
    Op("Tensor.unfold", unfold, windows, ALL),
]
