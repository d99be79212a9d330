"""Rows of statistics."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import FLOATS, INTEGERS, POSITIVE, Domain, Operand, Sample

SPREAD = {
    "smooth": lambda x, **o: x.size > 3 and np.all(ref.var(x, **o) > 0.05),
    "scale": 20,
}


def with_mean(function):
    def reference(x, **options):
        mean = {key: value for key, value in options.items() if key != "correction"}
        return function(x, **options), ref.reduction(np.mean)(x, **mean)

    return reference


def observed(m):
    """Variables in rows, or one variable, with weights of the observations."""
    shape = m.choose(((3, 5), (1, 6), (2, 4), (5,)))
    options = {"correction": m.choose((1, 0))}
    if m.flag():
        options["fweights"] = m.operand(shape[-1:], Domain(integers=(1, 4)), "int64")
    if m.flag():
        kind = "float64" if m.dtype in INTEGERS else m.dtype
        options["aweights"] = m.operand(shape[-1:], POSITIVE, kind, False)
    return Sample((m.operand(shape),), options)


def cov(x, correction=1, fweights=None, aweights=None):
    return np.squeeze(np.cov(x, ddof=correction, fweights=fweights, aweights=aweights))


def correlated(m):
    return Sample((m.operand(m.choose(((3, 7), (2, 5), (4, 6), (5,)))),))


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def ranked(gaps):
    """A tensor, one or several fractions, a dimension, an interpolation."""

    def make_sample(m):
        sample = make.reduced(empty=False, one_dim=True)(m)
        x = make.with_nan(m, sample.args[0]) if gaps else sample.args[0]
        # Where a rank is whole or a half, another rounding would make another result.
        fractions = m.choose((0.21, 0.83, (0.13,), (0.37, 0.91, 0.0)))
        if isinstance(fractions, tuple):
            fractions = Operand(np.array(fractions, x.values.dtype), differentiable=False)
        return Sample((x, fractions), {**sample.options, "interpolation": m.choose(INTERPOLATIONS)})

    return make_sample


def quantile(function):
    def reference(x, q, dim=None, keepdim=False, interpolation="linear"):
        axis = dim if x.ndim else None
        found = function(x, np.asarray(q), axis, keepdims=keepdim, method=interpolation)
        return np.asarray(found, x.dtype)

    return reference


ROWS = [
    Op("var", ref.var, make.reduced(correction=(0, 1, 2)), scale=10),
    Op(
        "std",
        ref.std,
        make.reduced(empty=False, correction=(0, 1)),
        scale=20,
        smooth=lambda x, **o: x.size > 3 and ref.var(x, **o) > 0.05,
    ),
    Op(
        "var_mean",
        with_mean(ref.var),
        make.reduced(empty=False, correction=(0, 1)),
        scale=20,
    ),
    Op("std_mean", with_mean(ref.std), make.reduced(empty=False, correction=(0, 1)), **SPREAD),
    Op("cov", cov, observed, (*FLOATS, *INTEGERS), scale=50),
    Op("corrcoef", lambda x: np.squeeze(np.corrcoef(x)), correlated, scale=50),
    Op("quantile", quantile(np.quantile), ranked(False), scale=20, halves=False),
    Op("nanquantile", quantile(np.nanquantile), ranked(True), scale=20, halves=False),
]
