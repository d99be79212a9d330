"""Rows of rounding and the parts of a number."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op, fraction
from strategies import ALL, FLOATS, NUMBERS, Operand, Sample


def spoiled(m):
    """Numbers among which there are NaN and infinities, and what to put there."""
    sample = make.unary()(m)
    values = sample.args[0].values
    if values.dtype.kind == "f":
        places = np.random.default_rng(m.integer(0, 99)).integers(0, 9, values.shape)
        for place, value in enumerate((np.nan, np.inf, -np.inf)):
            values = np.where(places == place, values.dtype.type(value), values)
    options = m.choose(({}, {"nan": 1.0}, {"posinf": 5.0, "neginf": -7.0}))
    # The largest number depends on the dtype, which the reference does not see: give one always.
    return Sample((Operand(values),), {"posinf": 2.0, "neginf": -3.0, **options})


ROWS = [
    Op("floor", np.floor, make.unary(), NUMBERS, smooth=fraction),
    Op("ceil", np.ceil, make.unary(), NUMBERS, smooth=fraction),
    Op("trunc", np.trunc, make.unary(), NUMBERS, smooth=fraction),
    Op("round", np.round, make.unary(), NUMBERS, smooth=fraction),
    Op(
        "round",
        ref.round_,
        make.nothing_but(decimals=1),
        smooth=lambda x, decimals: fraction(10 * x),
        halves=False,
        label="round decimals",
    ),
    Op("frac", lambda x: x - np.trunc(x), make.unary(), FLOATS, smooth=fraction),
    Op("nan_to_num", np.nan_to_num, spoiled, ALL, smooth=lambda x, **o: np.isfinite(x)),
    Op("frexp", np.frexp, make.unary(), FLOATS, smooth=lambda x: fraction(np.log2(np.abs(x)))),
]
