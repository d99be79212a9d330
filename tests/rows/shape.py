"""Rows of changes of shape."""

import numpy as np

import arguments as make
import references as ref
from rows.op import Op
from strategies import ALL

ROWS = [
    Op("reshape", np.reshape, make.reshaped, ALL),
    Op("Tensor.view", np.reshape, make.viewed, ALL),
    Op("flatten", ref.flatten, make.flattened, ALL),
    Op("ravel", np.ravel, make.unary(), ALL),
    Op("unflatten", ref.unflatten, make.unflattened, ALL),
    Op("transpose", np.swapaxes, make.exchanged, ALL),
    Op("permute", np.transpose, make.permuted, ALL),
    Op("t", np.transpose, make.of_rank(0, 2), ALL),
    Op("T", np.transpose, make.of_rank(2, 2), ALL, call=lambda lib, x: x.T),
    Op("mT", lambda x: np.swapaxes(x, -1, -2), make.of_rank(2, 4), ALL, call=lambda lib, x: x.mT),
    Op("squeeze", ref.squeeze, make.squeezed, ALL),
    Op("unsqueeze", np.expand_dims, make.unsqueezed, ALL),
    Op("Tensor.expand", np.broadcast_to, make.expanded, ALL),
    Op("broadcast_tensors", np.broadcast_arrays, make.binary(), ALL),
    Op("select", lambda x, d, i: np.take(x, i, d), make.one_position, ALL),
    Op("narrow", ref.narrow, make.narrowed, ALL),
    Op("split", ref.split, make.in_pieces, ALL),
    Op("chunk", ref.chunk, make.in_chunks, ALL),
    Op("unbind", ref.unbind, make.along_existing, ALL),
    Op("flip", np.flip, make.flipped, ALL),
    Op("cat", np.concatenate, make.joined, ALL),
    Op("stack", np.stack, make.stacked, ALL),
    Op("clone", np.copy, make.unary(), ALL),
    Op("Tensor.contiguous", np.copy, make.unary(), ALL),
]
