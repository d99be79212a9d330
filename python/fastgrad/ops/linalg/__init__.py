"""Linear algebra, by subject. ``fastgrad.linalg`` is its table of contents.

LU, Cholesky and triangular solves are the library's own (cpp/ops/linalg.cpp); QR, singular values
and eigenvalues are LAPACK's, through NumPy, which is imported when one of them is first called.
"""

from fastgrad.ops.linalg import determinant, legacy, norms, powers, solve

__all__ = ["determinant", "legacy", "norms", "powers", "solve"]
