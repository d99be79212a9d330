"""The op table: one row for each operation. From a row follow its tests in every respect.

`tests/test_ops.py` tests values, dtypes, layouts, zero sizes, instruction sets and errors of every
row, `tests/test_gradients.py` derivatives, `tests/test_determinism.py` numbers of threads.
"""

from rows import (
    activation,
    binary,
    comparison,
    complex,
    diagonal,
    indexing,
    loss,
    matmul,
    norm,
    power,
    reduction,
    rounding,
    scan,
    scatter,
    shape,
    softmax,
    sort,
    special,
    ternary,
    trigonometry,
    unary,
)
from rows.op import Op

FAMILIES = (
    *(unary, rounding, trigonometry, special, complex, binary, power, comparison, ternary),
    *(reduction, scan, sort, shape, indexing, scatter, diagonal, matmul),
    *(softmax, activation, norm, loss),
)
OPS: list[Op] = [row for family in FAMILIES for row in family.ROWS]
