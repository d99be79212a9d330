"""The op table: one row for each operation. From a row follow its tests in every respect.

`tests/test_ops.py` tests values, dtypes, layouts, zero sizes, instruction sets and errors of every
row, `tests/test_gradients.py` derivatives, `tests/test_determinism.py` numbers of threads.
"""

from rows import (
    activation,
    addmm,
    arrangement,
    attention,
    binary,
    broadcast,
    calculus,
    comparison,
    complex,
    conv,
    diagonal,
    distance,
    einsum,
    embedding,
    extremes,
    histogram,
    indexing,
    joining,
    linalg,
    loss,
    matmul,
    norm,
    pool,
    power,
    products,
    reduction,
    resize,
    rounding,
    scan,
    scatter,
    shape,
    softmax,
    sort,
    special,
    splitting,
    statistics,
    strided,
    ternary,
    transposition,
    trigonometry,
    unary,
    unique,
    vector_norm,
)
from rows.op import Op

FAMILIES = (
    *(unary, rounding, trigonometry, special, complex, binary, power, comparison, ternary),
    *(reduction, extremes, vector_norm, statistics, scan, sort, unique, histogram, calculus),
    *(addmm, einsum, products, linalg),
    *(shape, transposition, broadcast, splitting, joining, arrangement, strided),
    *(indexing, scatter, diagonal, matmul, softmax, activation, norm, loss),
    *(distance, embedding, conv, pool, resize, attention),
)
OPS: list[Op] = [row for family in FAMILIES for row in family.ROWS]
