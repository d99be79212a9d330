"""Rows of powers, and of logarithms of sums of powers."""

import numpy as np

import arguments as make
from rows.op import Op
from strategies import ALL, FLOATS, INTEGERS, NOT_NEGATIVE, POSITIVE, REAL, Domain, Sample


def _power_by(exponent):
    domain = POSITIVE if exponent < 0 or exponent % 1 else REAL
    return Op(
        "pow",
        lambda x, e: np.power(x, float(e)),
        lambda m: Sample((m.operand(m.shape(), domain), exponent)),
        scale=4,
        label=f"pow {exponent}",
    )


POWERS = [_power_by(exponent) for exponent in (0, 1, 2, 3, -1, -2, 0.5, -0.5, 1.5, 2.0)]

ROWS = [
    Op("pow", np.power, make.binary(POSITIVE, REAL), scale=4),
    Op(
        "pow",
        np.power,
        make.binary(Domain(integers=(-9, 9)), NOT_NEGATIVE),
        INTEGERS,
        label="pow whole",
    ),
    *POWERS,
    Op(
        "float_power",
        lambda a, b: np.power(a.astype(float), b),
        make.binary(POSITIVE, REAL),
        ALL,
        scale=4,
    ),
    Op("ldexp", lambda a, b: a * np.power(2.0, b), make.binary(), ALL, scale=2),
    Op("logaddexp", np.logaddexp, make.binary(), FLOATS),
    Op("logaddexp2", np.logaddexp2, make.binary(), FLOATS),
]
