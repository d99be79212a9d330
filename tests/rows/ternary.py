"""Rows of elementwise functions of three operands."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op, far_apart, kinks_of_clamp
from strategies import ALL, FLOATS, NUMBERS, POSITIVE, REAL, Sample


def between(m):
    """Two tensors and a weight, a number or a tensor."""
    a, b = m.pair()
    weight = m.choose((0.25, -0.5, 0.75, m.operand(b)))
    return Sample((m.operand(a), m.operand(b), weight))


def three(last=REAL):
    def make_them(m):
        a, b = m.pair()
        factors = m.operand(b), m.operand(m.choose((a, b)), last)
        return Sample((m.operand(a), *factors), m.choose(({}, {"value": 2})))

    return make_them


ROWS = [
    Op("clamp", ref.clamp, make.clamped, (*FLOATS, "int64", "int32"), smooth=kinks_of_clamp),
    Op("where", np.where, make.chosen_where, ALL),
    Op("clamp_min", np.maximum, make.binary(), NUMBERS, smooth=far_apart),
    Op("clamp_max", np.minimum, make.binary(), NUMBERS, smooth=far_apart),
    Op("lerp", lambda a, b, w: a + w * (b - a), between, scale=2),
    Op("addcmul", lambda a, b, c, value=1: a + value * b * c, three(), NUMBERS, scale=2),
    Op("addcdiv", lambda a, b, c, value=1: a + value * b / c, three(POSITIVE), scale=2),
    Op("fill", np.full_like, lambda m: Sample((m.operand(m.shape()), m.choose((0, 2)))), ALL),
]
