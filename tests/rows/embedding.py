"""Rows of tables that are read by index, and of the product of two inputs and a table."""

import numpy as np

from rows.op import Op
from strategies import NUMBERS, Sample


def looked_up(m):
    """Indices, a table, and what changes its gradient only."""
    rows = m.choose((4, 1, 7))
    index = m.indices(m.shape(), rows, m.choose(("int64", "int32")))
    options = {"padding_idx": m.choose((None, 0, -1)), "scale_grad_by_freq": False}
    return Sample((index, m.operand((rows, m.choose((1, 3))), differentiable=False)), options)


def learned(m):
    rows = m.choose((4, 1, 7))
    index = m.indices(m.shape(), rows)
    return Sample((index, m.operand((rows, m.choose((1, 3))))))


def embedding(index, table, **options):
    return table[index]


def bilinear_arguments(m):
    first, second, outputs = (m.size() or 1 for _ in range(3))
    lead = tuple(min(m.size(), 20) for _ in range(m.integer(1, 2)))
    sizes = (min(outputs, 8), min(first, 30), min(second, 30))
    bias = (m.operand(sizes[:1]),) if m.flag() else ()
    inputs = m.operand((*lead, sizes[1])), m.operand((*lead, sizes[2]))
    return Sample((*inputs, m.operand(sizes), *bias))


def bilinear(a, b, weight, bias=0):
    return np.einsum("...i,oij,...j->...o", a, weight, b) + bias


ROWS = [
    Op("nn.functional.embedding", embedding, learned, (*NUMBERS, "bool")),
    Op(
        "nn.functional.embedding",
        embedding,
        looked_up,
        differentiable=False,
        label="embedding with options",
    ),
    Op("nn.functional.bilinear", bilinear, bilinear_arguments, NUMBERS, scale=20),
]
