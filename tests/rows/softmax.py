"""Rows of softmax and what is like it."""

import arguments as make
import references as ref
from rows.op import Op

ROWS = [
    Op("softmax", ref.softmax, make.along(), scale=4),
    Op("log_softmax", ref.log_softmax, make.along(), scale=4),
    Op("nn.functional.softmin", lambda x, dim: ref.softmax(-x, dim), make.along(), scale=4),
]
