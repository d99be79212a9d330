"""Rows of tensors put together."""

import itertools

import numpy as np

import arguments as make
from rows.op import Op
from strategies import ALL, Sample


def joined_at(dim, low):
    """Tensors with at least `low` dimensions that differ in size along `dim`."""

    def make_sample(m):
        shape = m.shape(low, 3)
        at = max(min(dim, len(shape) - 1), 0)
        sizes = [m.size() or 1 for _ in range(m.integer(1, 3))]
        return Sample(([m.operand((*shape[:at], n, *shape[at + 1 :])) for n in sizes],))

    return make_sample


def rows_or_matrices(m):
    """What vstack joins: vectors and matrices of one width, or numbers."""
    if m.flag():
        return Sample(([m.operand(()) for _ in range(m.integer(1, 3))],))
    width = m.size()
    shapes = [m.choose(((width,), (m.size(), width))) for _ in range(m.integer(1, 3))]
    return Sample(([m.operand(shape) for shape in shapes],))


def columns_or_matrices(m):
    height = m.size()
    shapes = [m.choose(((height,), (height, m.size()))) for _ in range(m.integer(1, 3))]
    return Sample(([m.operand(shape) for shape in shapes],))


def of_several_dtypes(m):
    """Tensors of different dtypes, perhaps an empty vector among them."""
    parts = [m.operand((2, m.size() or 1), dtype=m.choose(ALL)) for _ in range(2)]
    nothing = [m.operand((0,), dtype=m.choose(ALL)) for _ in range(m.integer(0, 1))]
    return Sample((parts + nothing, 1))


def cat_skipping(parts, dim=0):
    """A concatenation that leaves out vectors without elements, but not their dtypes."""
    kept = [part for part in parts if part.shape != (0,)]
    joined = np.concatenate(kept, dim) if kept else parts[0]
    return joined.astype(np.result_type(*parts))


def blocks(m):
    count = m.integer(1, 3)
    return Sample(
        tuple(m.operand(tuple(m.size() for _ in range(m.integer(0, 2)))) for _ in range(count))
    )


def block_diag(*parts):
    matrices = [np.atleast_2d(part) for part in parts]
    out = np.zeros(np.sum([x.shape for x in matrices], axis=0), np.result_type(*parts))
    row = column = 0
    for x in matrices:
        out[row : row + x.shape[0], column : column + x.shape[1]] = x
        row, column = row + x.shape[0], column + x.shape[1]
    return out


def vectors(low):
    return lambda m: Sample(
        tuple(m.operand((m.choose((1, 2, 3)),)) for _ in range(m.integer(low, 3)))
    )


def cartesian_prod(*parts):
    return np.stack([grid.ravel() for grid in np.meshgrid(*parts, indexing="ij")], 1)


def chosen_from(m):
    options = {"r": m.integer(1, 3), "with_replacement": m.flag()}
    return Sample((m.operand((m.choose((0, 1, 2, 4, 5)),)),), options)


def combinations(x, r=2, with_replacement=False):
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    return np.asarray(list(choose(x, r)), x.dtype).reshape(-1, r)


ROWS = [
    Op("cat", np.concatenate, make.joined, ALL),
    Op("cat", cat_skipping, of_several_dtypes, ("float32",), label="cat of several dtypes"),
    Op("stack", np.stack, make.stacked, ALL),
    Op("hstack", np.hstack, joined_at(1, 0), ALL),
    Op("vstack", np.vstack, rows_or_matrices, ALL),
    Op("dstack", np.dstack, joined_at(2, 3), ALL),
    Op("column_stack", np.column_stack, columns_or_matrices, ALL),
    Op("block_diag", block_diag, blocks, ALL),
    Op("cartesian_prod", cartesian_prod, vectors(2), ALL),
    Op("combinations", combinations, chosen_from, ALL),
]
