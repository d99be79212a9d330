"""Linear algebra under PyTorch's names: a table of contents of ``fastgrad.ops.linalg``.

Follows ``torch.linalg``. Matrices are the last two dimensions, all before them is a batch. There
are no complex tensors, so :func:`eig` and :func:`eigvals` are for matrices with real eigenvalues.
"""

from __future__ import annotations

from fastgrad.ops.linalg.approximate import cond, lstsq, matrix_rank, pinv
from fastgrad.ops.linalg.common import LinAlgError
from fastgrad.ops.linalg.determinant import det, slogdet
from fastgrad.ops.linalg.factor import (
    cholesky,
    cholesky_ex,
    lu,
    lu_factor,
    lu_factor_ex,
    qr,
)
from fastgrad.ops.linalg.norms import matrix_norm, norm
from fastgrad.ops.linalg.powers import matrix_exp, matrix_power, vander
from fastgrad.ops.linalg.solve import (
    inv,
    inv_ex,
    lu_solve,
    solve,
    solve_ex,
    tensorinv,
    tensorsolve,
)
from fastgrad.ops.linalg.spectral import eig, eigh, eigvals, eigvalsh, svd, svdvals
from fastgrad.ops.linalg.triangular import solve_triangular
from fastgrad.ops.matmul import matmul
from fastgrad.ops.products import matrix_diagonal as diagonal
from fastgrad.ops.products import multi_dot, vecdot
from fastgrad.ops.products import vector_cross as cross
from fastgrad.ops.vector_norm import vector_norm

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
