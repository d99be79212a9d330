"""Rows of indexing."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, NUMBERS

ROWS = [
    Op("index_select", lambda x, d, i: np.take(x, i, d), make.selected, ALL),
    Op("gather", ref.gather, make.gathered, ALL),
    Op("index_put", ref.index_put, make.put, ALL),
    Op("index_put", ref.index_put, make.put_adding, NUMBERS, scale=10, label="index_put adding"),
    Op(
        "masked_fill",
        lambda x, mask, value: np.where(mask, x.dtype.type(value), x),
        make.masked,
        ALL,
    ),
    Op("nonzero", lambda x: np.argwhere(x), make.unary(), ALL, False),
    Op("where", lambda x: np.nonzero(x), make.of_rank(1, 3), ALL, False, label="where alone"),
    Op("nn.functional.one_hot", ref.one_hot, make.labels, ("int64",), False),
]
