"""Rows of other shapes for the same elements."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL, Sample


def viewed_as(m):
    sample = make.viewed(m)
    shape = np.reshape(sample.args[0].values, sample.args[1]).shape
    return Sample((sample.args[0], m.operand(shape, differentiable=False)))


def atleast_3d(x):
    """PyTorch's, which puts a vector in the middle as NumPy does, and a matrix in front."""
    return x[..., None] if x.ndim == 2 else np.atleast_3d(x)


ROWS = [
    Op("reshape", np.reshape, make.reshaped, ALL),
    Op("Tensor.reshape_as", lambda x, y: x.reshape(y.shape), viewed_as, ALL),
    Op("Tensor.view", np.reshape, make.viewed, ALL),
    Op("Tensor.view_as", lambda x, y: x.reshape(y.shape), viewed_as, ALL),
    Op("flatten", ref.flatten, make.flattened, ALL),
    Op("ravel", np.ravel, make.unary(), ALL),
    Op("unflatten", ref.unflatten, make.unflattened, ALL),
    Op("squeeze", ref.squeeze, make.squeezed, ALL),
    Op("unsqueeze", np.expand_dims, make.unsqueezed, ALL),
    Op("select", lambda x, d, i: np.take(x, i, d), make.one_position, ALL),
    Op("narrow", ref.narrow, make.narrowed, ALL),
    Op("narrow_copy", ref.narrow, make.narrowed, ALL),
    Op("atleast_1d", np.atleast_1d, make.unary(), ALL),
    Op("atleast_2d", np.atleast_2d, make.unary(), ALL),
    Op("atleast_3d", atleast_3d, make.unary(), ALL),
    Op(
        "atleast_2d",
        lambda a, b: (np.atleast_2d(a), np.atleast_2d(b)),
        make.binary(),
        ALL,
        label="atleast_2d of several",
    ),
    Op("clone", np.copy, make.unary(), ALL),
    Op("Tensor.contiguous", np.copy, make.unary(), ALL),
]
