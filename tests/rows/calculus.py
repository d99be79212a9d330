"""Rows of differences and integrals."""

import numpy as np

from rows.op import Op
from strategies import ALL, FLOATS, POSITIVE, Operand, Sample


def differences(m):
    shape = m.shape(1)
    dim = m.dim(len(shape))
    at = dim % len(shape)
    options = {"n": m.choose((1, 2, 3, 0)), "dim": dim}
    for name in ("prepend", "append"):
        if options["n"] and m.flag():
            options[name] = m.operand((*shape[:at], m.size(), *shape[at + 1 :]))
    return Sample((m.operand(shape),), options)


def diff(x, n=1, dim=-1, prepend=None, append=None):
    parts = [part for part in (prepend, x, append) if part is not None]
    joined = np.concatenate(parts, dim)
    return np.diff(joined, min(n, joined.shape[dim]), dim)


def sampled(m):
    shape = m.shape(1)
    dim = m.dim(len(shape))
    kind = m.choose(("plain", "dx", "x", "all x"))
    options = {"dim": dim}
    if kind == "dx":
        options["dx"] = m.choose((2, 0.5))
    if kind in ("x", "all x"):
        options["x"] = m.operand(shape if kind == "all x" else (shape[dim],))
    return Sample((m.operand(shape),), options)


def trapezoid(y, x=None, dx=1.0, dim=-1):
    return np.trapezoid(y, x, dx, dim)


def cumulative_trapezoid(y, x=None, dx=1.0, dim=-1):
    lines = np.moveaxis(y, dim, -1)
    steps = dx if x is None else np.diff(np.moveaxis(x, dim, -1) if x.ndim > 1 else x)
    return np.moveaxis(np.cumsum((lines[..., 1:] + lines[..., :-1]) / 2 * steps, -1), -1, dim)


def estimated(m):
    shape = tuple(m.choose((3, 4, 6)) for _ in range(m.choose((1, 2))))
    kind = m.choose(("plain", "number", "numbers", "points"))
    options = {"edge_order": m.choose((1, 2))}
    if kind == "number":
        options["spacing"] = 0.5
    if kind == "numbers":
        options["spacing"] = tuple(2.0 + d for d in range(len(shape)))
    if kind == "points":
        steps = [m.array((n,), POSITIVE, "float64") for n in shape]
        options["spacing"] = [Operand(np.cumsum(step), differentiable=False) for step in steps]
    return Sample((m.operand(shape),), options)


def gradient(x, spacing=1, edge_order=1):
    steps = spacing if isinstance(spacing, (tuple, list)) else [spacing]
    found = np.gradient(x, *steps, edge_order=edge_order)
    return tuple(found) if x.ndim > 1 else (found,)


# Narrow integers would wrap around.
WIDE = (*FLOATS, "int64", "int32")
ROWS = [
    Op("diff", diff, differences, ALL),
    Op("trapezoid", trapezoid, sampled, WIDE, scale=20),
    Op("cumulative_trapezoid", cumulative_trapezoid, sampled, WIDE, scale=20),
    Op("gradient", gradient, estimated, ("float64",), scale=40),
]
