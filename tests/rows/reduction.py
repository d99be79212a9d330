"""Rows of reductions."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, FLOATS, INTEGERS, Sample


def with_gaps(m):
    """A reduction of numbers some of which are NaN."""
    sample = make.reduced()(m)
    return Sample((make.with_nan(m, sample.args[0]),), sample.options)


def counted(m):
    shape = m.shape()
    dims = m.dims(len(shape))
    return Sample((m.operand(shape),), {} if dims is None else {"dim": dims})


def summed_logs(m):
    shape = m.shape()
    dim = m.dims(len(shape))
    given = tuple(range(len(shape))) if dim is None else dim
    return Sample((m.operand(shape), given), {"keepdim": m.flag()})


def logsumexp(x, dim, keepdim=False):
    axis = dim if x.ndim else None
    shift = x.max(axis, keepdims=True) if x.size else 0.0
    return np.log(np.exp(x - shift).sum(axis, keepdims=keepdim)) + (
        shift if keepdim or not x.size else np.squeeze(shift, axis)
    )


ROWS = [
    Op("sum", ref.reduction(np.sum), make.reduced(), ALL, scale=10),
    Op("mean", ref.reduction(np.mean), make.reduced(), scale=10),
    Op("prod", ref.reduction(np.prod), make.small_products, ALL, scale=10),
    Op("nansum", ref.reduction(np.nansum), with_gaps, (*FLOATS, *INTEGERS), scale=10),
    Op("nanmean", ref.reduction(np.nanmean), with_gaps, scale=10),
    Op("count_nonzero", ref.reduction(np.count_nonzero), counted, ALL, False),
    Op("logsumexp", logsumexp, summed_logs, (*FLOATS, "int64"), scale=10),
    Op("any", ref.reduction(np.any), make.reduced(), ALL, False),
    Op("all", ref.reduction(np.all), make.reduced(), ALL, False),
    Op("Tensor.sum_to_size", ref.sum_to_size, make.summed_to, FLOATS, scale=10),
]
