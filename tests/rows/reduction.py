"""Rows of reductions."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, FLOATS, NUMBERS, REAL

ROWS = [
    Op("sum", ref.reduction(np.sum), make.reduced(), ALL, scale=10),
    Op("mean", ref.reduction(np.mean), make.reduced(), scale=10),
    Op("prod", ref.reduction(np.prod), make.small_products, ALL, scale=10),
    Op("amax", ref.reduction(np.max), make.reduced(empty=False), ALL),
    Op("amin", ref.reduction(np.min), make.reduced(empty=False), ALL),
    Op("max", lambda x: x.max(), make.not_empty, ALL),
    Op("min", lambda x: x.min(), make.not_empty, ALL),
    Op(
        "max",
        ref.extreme(np.max, np.argmax),
        make.along(False, keepdim=(False, True)),
        ALL,
        label="max dim",
    ),
    Op(
        "min",
        ref.extreme(np.min, np.argmin),
        make.along(False, keepdim=(False, True)),
        ALL,
        label="min dim",
    ),
    Op("argmax", ref.position(np.argmax), make.reduced(REAL, False, True), NUMBERS, False),
    Op("argmin", ref.position(np.argmin), make.reduced(REAL, False, True), NUMBERS, False),
    Op("var", ref.var, make.reduced(correction=(0, 1, 2)), scale=10),
    Op(
        "std",
        ref.std,
        make.reduced(empty=False, correction=(0, 1)),
        scale=20,
        smooth=lambda x, **o: x.size > 3 and ref.var(x, **o) > 0.05,
    ),
    Op("any", ref.reduction(np.any), make.reduced(), ALL, False),
    Op("all", ref.reduction(np.all), make.reduced(), ALL, False),
    Op("Tensor.sum_to_size", ref.sum_to_size, make.summed_to, FLOATS, scale=10),
]
