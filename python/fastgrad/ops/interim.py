from __future__ import annotations

from fastgrad import _core
from fastgrad.ops.ternary import where


def diagonal(input, offset=0, dim1=0, dim2=1):
    n = input.ndim
    d1 = dim1 % n
    d2 = dim2 % n
    rest = [d for d in range(n) if d not in (d1, d2)]
    y = input.permute((*rest, d1, d2))
    r, c = y.shape[-2:]
    k = max(0, min(r + min(offset, 0), c - max(offset, 0)))
    i = _core.arange(0, 1, k, _core.int64)
    return y[(..., i - min(offset, 0), i + max(offset, 0))]


def _mask(x, f):
    i = _core.unsqueeze(_core.arange(0, 1, x.shape[-2], _core.int64), 1)
    j = _core.arange(0, 1, x.shape[-1], _core.int64)
    return where(f(i, j), x, _core.full((), 0, x.dtype))


def tril(input, diagonal=0):
    return _mask(input, lambda i, j: j - i <= diagonal)


def triu(input, diagonal=0):
    return _mask(input, lambda i, j: j - i >= diagonal)
