"""Rows of matrix products added to a tensor."""

import numpy as np

from rows.op import Op
from strategies import ALL, NUMBERS, Sample


def added(*shapes):
    """A tensor that broadcasts to the product, the factors, beta and alpha.

    `shapes` gives those of the result and of the factors from some sizes.
    """

    def make(m):
        sizes = [m.size() for _ in range(4)]
        out, a, b = (shape(*sizes) for shape in shapes)
        names = [name for name in ("beta", "alpha") if m.flag()]
        factors = (2, 0, 3) if m.dtype.startswith(("int", "uint", "bool")) else (0.5, 2, 0)
        options = {name: m.choose(factors) for name in names}
        return Sample((m.operand(m._part(out)), m.operand(a), m.operand(b)), options)

    return make


def reference(product):
    def function(x, a, b, beta=1, alpha=1):
        return beta * x + alpha * product(a, b) if beta else alpha * product(a, b)

    return function


def outer_of_bools(x, a, b, **options):
    """PyTorch's sums of bools are disjunctions."""
    out = reference(np.outer)(x, a, b, **options)
    return out.astype(bool) if x.dtype == bool else out


ROWS = [
    Op(
        "addmm",
        reference(np.matmul),
        added(lambda b, n, k, m: (n, m), lambda b, n, k, m: (n, k), lambda b, n, k, m: (k, m)),
        NUMBERS,
        scale=20,
    ),
    Op(
        "addmv",
        reference(np.matmul),
        added(lambda b, n, k, m: (n,), lambda b, n, k, m: (n, k), lambda b, n, k, m: (k,)),
        NUMBERS,
        scale=20,
    ),
    Op(
        "addr",
        outer_of_bools,
        added(lambda b, n, k, m: (n, m), lambda b, n, k, m: (n,), lambda b, n, k, m: (m,)),
        ALL,
        scale=4,
    ),
    Op(
        "baddbmm",
        reference(np.matmul),
        added(
            lambda b, n, k, m: (min(b, 3), n, m),
            lambda b, n, k, m: (min(b, 3), n, k),
            lambda b, n, k, m: (min(b, 3), k, m),
        ),
        NUMBERS,
        scale=20,
    ),
    Op(
        "addbmm",
        reference(lambda a, b: np.matmul(a, b).sum(0)),
        added(
            lambda b, n, k, m: (n, m),
            lambda b, n, k, m: (min(b, 3), n, k),
            lambda b, n, k, m: (min(b, 3), k, m),
        ),
        NUMBERS,
        scale=50,
    ),
]
