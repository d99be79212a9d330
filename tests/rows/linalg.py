"""Rows of linear algebra.

Matrices near the identity, with their rows moved so that they need pivots, are far from singular:
a rounding error of the argument is no larger in the result. Of decompositions that leave signs
open, the rows test what does not depend on them, as functions of any matrix.
"""

from dataclasses import replace

import numpy as np

from rows.op import Op, far_from
from strategies import FLOATS, NUMBERS, Sample


def lead(m):
    """The sizes of a batch."""
    return tuple(m.choose((1, 2, 3)) for _ in range(m.integer(0, 2)))


def near_identity(m, shape, moved=True):
    """Matrices whose diagonals stand out, perhaps with their rows moved round."""
    operand = m.operand(shape)
    values = operand.values
    if values.ndim < 2:
        return operand
    rows, columns = values.shape[-2:]
    small = values / (4 * max(rows, columns, 1)) + np.eye(rows, columns)
    roll = m.integer(0, 2) if moved else 0
    return replace(operand, values=np.roll(small, roll, -2).astype(values.dtype))


def square(m, moved=True):
    n = m.size()
    return near_identity(m, (*lead(m), n, n), moved)


def matrices(**options):
    """One square matrix, or a batch; each option is drawn from the values given for it."""

    def make(m):
        return Sample((square(m),), {key: m.choose(values) for key, values in options.items()})

    return make


def rectangles(**options):
    """The same of any shape, with singular values that differ."""

    def make(m):
        operand = near_identity(m, (*lead(m), m.size(), m.size()))
        values = operand.values
        if values.ndim > 1:
            scale = 1 + np.arange(values.shape[-1]) / 2
            operand = replace(operand, values=(values * scale).astype(values.dtype))
        return Sample((operand,), {key: m.choose(found) for key, found in options.items()})

    return make


def system(m, moved=True):
    """A and B of A X = B, or of X A = B: the size of B that is free comes last or first."""
    n, k, left = m.size(), m.size(), m.flag()
    batch = lead(m)
    a = near_identity(m, (*m.choose((batch, ())), n, n), moved)
    return a, m.operand((*batch, n, k) if left else (*batch, k, n)), left


def solvable(m):
    a, b, left = system(m)
    return Sample((a, b), {"left": left})


def with_vectors(m):
    a = square(m)
    return Sample((a, m.operand(a.values.shape[:-1])))


def triangular(m):
    a, b, left = system(m, False)
    return Sample((a, b), {"upper": m.flag(), "left": left, "unitriangular": m.flag()})


def with_columns(**options):
    def make(m):
        a = square(m, False)
        b = m.operand((*a.values.shape[:-1], m.size()))
        return Sample((a, b), {key: m.choose(values) for key, values in options.items()})

    return make


def tall_system(m):
    n = m.size()
    a = near_identity(m, (*lead(m), n + m.integer(0, 3), n))
    return Sample((a, m.operand((*a.values.shape[:-1], m.size()))))


def normed(*orders, matrix=False, empty=True):
    """A tensor, the order of the norm, the dimensions of the vector or matrix, and keepdim."""

    def make(m):
        shape = m.shape(2, 3) if matrix else m.shape()
        if not empty:
            shape = tuple(n or 2 for n in shape)
        dim = m.dims(len(shape))
        if matrix:
            dim = m.choose(((-2, -1), (-1, 0), (0, 1)))
        options = {} if dim is None else {"dim": dim, "keepdim": m.flag()}
        return Sample((m.operand(shape), m.choose(orders)), options)

    return make


def renormed(m):
    shape = tuple(n or 2 for n in m.shape(2, 3))
    order = m.choose((1, 2, 3, np.inf))
    return Sample((m.operand(shape), order, m.dim(len(shape)), m.choose((0.5, 2.0, 100.0))))


def folded(m):
    """The identity of so many numbers, folded, and what it is applied to."""
    sizes = [m.choose((1, 2, 3)) for _ in range(2)]
    n = sizes[0] * sizes[1]
    a = near_identity(m, (n, n), False)
    if a.values.shape == (n, n):
        a = replace(a, values=a.values.reshape(*sizes, n))
    return Sample((a, m.operand(tuple(sizes))))


# References, and functions of decompositions for arrays and tensors


def solved(a, b, left=True):
    if left:
        return np.linalg.solve(*together(a, b))
    return np.swapaxes(np.linalg.solve(*together(turned(a), turned(b))), -1, -2)


def turned(x):
    return np.swapaxes(x, -1, -2)


def together(a, b):
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))


def triangle(a, upper, unit=False):
    a = np.triu(a) if upper else np.tril(a)
    return a - a * np.eye(a.shape[-1]) + np.eye(a.shape[-1]) if unit else a


def solved_triangular(a, b, upper, left=True, unitriangular=False):
    return solved(triangle(a, upper, unitriangular), b, left)


def cholesky_solved(b, factor, upper=False):
    f = triangle(factor, upper)
    return np.linalg.solve(turned(f) @ f if upper else f @ turned(f), b)


def lu(a):
    """P, L and U of one matrix, by the textbook."""
    u, p = a.copy(), np.eye(a.shape[0])
    lower = np.zeros_like(p)
    for j in range(min(a.shape)):
        best = j + np.abs(u[j:, j]).argmax()
        for x in (u, p, lower):
            x[[j, best]] = x[[best, j]]
        lower[j:, j] = u[j:, j] / u[j, j]
        u -= np.outer(lower[:, j], u[j]) * (np.arange(a.shape[0]) > j)[:, None]
    k = min(a.shape)
    return p.T, lower[:, :k], np.triu(u[:k])


def every_lu(a):
    """The same of a batch."""
    k = min(a.shape[-2:])
    flat = a.reshape(-1, *a.shape[-2:]) if a.size else np.zeros((0, *a.shape[-2:]))
    shapes = ((a.shape[-2],) * 2, (a.shape[-2], k), (k, a.shape[-1]))
    parts = [lu(x) for x in flat]
    if not parts:
        eye = np.eye(a.shape[-2], k)
        empty = (np.eye(a.shape[-2]), eye, np.zeros(shapes[2]))
        return [np.broadcast_to(x, (*a.shape[:-2], *x.shape)) for x in empty]
    return [
        np.stack(part).reshape(*a.shape[:-2], *shape)
        for part, shape in zip(zip(*parts, strict=True), shapes, strict=True)
    ]


def positive(x):
    """A symmetric positive definite matrix with eigenvalues that differ."""
    n = x.shape[-1]
    return x @ turned(x) + np.diag(np.arange(n) / 2)


def positive_of(lib, x):
    n = x.shape[-1]
    return x @ x.mT + lib.eye(n, dtype=x.dtype) * lib.arange(n, dtype=x.dtype) / 2


def eigen(lib, x):
    """What the signs of eigenvectors do not change."""
    values, vectors = lib.linalg.eigh(positive_of(lib, x))
    return values, vectors**2, (vectors * values.sqrt().unsqueeze(-2)) @ vectors.mT


def eigen_reference(x):
    values, vectors = np.linalg.eigh(positive(x))
    return values, vectors**2, (vectors * np.sqrt(values)[..., None, :]) @ turned(vectors)


def skewed(lib, x):
    """A matrix without symmetry and with real eigenvalues, which differ."""
    n = x.shape[-1]
    return lib.linalg.inv(x) @ (lib.eye(n, dtype=x.dtype) * lib.arange(n, dtype=x.dtype)) @ x


def real_eigen(lib, x):
    values, vectors = lib.linalg.eig(skewed(lib, x))
    if values.is_complex():
        values, vectors = values.real, vectors.real
    by_size = values.detach().argsort(-1)
    order = by_size.unsqueeze(-2).expand(vectors.shape)
    return values.gather(-1, by_size), (vectors**2).gather(-1, order)


def real_eigen_reference(x):
    n = x.shape[-1]
    values, vectors = np.linalg.eig(np.linalg.inv(x) @ np.diag(np.arange(n, dtype=float)) @ x)
    order = values.real.argsort(-1)
    return (
        np.take_along_axis(values.real, order, -1),
        np.take_along_axis(vectors.real**2, order[..., None, :], -1),
    )


def singular(lib, x, full_matrices):
    """What the signs of singular vectors do not change."""
    U, S, Vh = lib.linalg.svd(x, full_matrices=full_matrices)
    k = S.shape[-1]
    U, Vh = U[..., :k], Vh[..., :k, :]
    return S, U**2, Vh**2, (U * S.sqrt().unsqueeze(-2)) @ Vh


def singular_reference(x, full_matrices):
    U, S, Vh = np.linalg.svd(x, full_matrices=False)
    return S, U**2, Vh**2, (U * np.sqrt(S)[..., None, :]) @ Vh


def apart(x, **options):
    """The singular values are far from each other and from 0."""
    values = np.linalg.svd(x, compute_uv=False)
    return bool((np.diff(values**2) < -0.05).all() and (values > 0.1).all())


def apart_squared(x):
    return bool((np.diff(np.linalg.eigvalsh(positive(x))) > 0.05).all())


def qr(lib, x, mode):
    Q, R = lib.linalg.qr(x, mode)
    return Q @ R, Q.mT @ Q, R**2


def qr_reference(x, mode):
    Q, R = np.linalg.qr(x, mode)
    return x, np.broadcast_to(np.eye(Q.shape[-1]), (*x.shape[:-2], Q.shape[-1], Q.shape[-1])), R**2


def exponential(x):
    out = term = np.broadcast_to(np.eye(x.shape[-1]), x.shape)
    for i in range(1, 40):
        term = term @ x / i
        out = out + term
    return out


def vector_norm(x, order, dim=None, keepdim=False):
    sizes = np.abs(x)
    dim = None if dim == () or not x.ndim else dim
    if order == 0:
        return np.count_nonzero(x, dim, keepdims=keepdim).astype(float)
    if np.isinf(order):
        return (np.max if order > 0 else np.min)(sizes, dim, keepdims=keepdim)
    return np.sum(sizes**order, dim, keepdims=keepdim) ** (1 / order)


def smooth_norm(x, order, **options):
    sizes = np.sort(np.abs(x).ravel())
    return far_from(sizes).all() and (not np.isinf(order) or (np.diff(sizes) > 1e-3).all())


def smooth_matrix_norm(x, order, dim=(-2, -1), **options):
    if order == "fro":
        return True
    if order not in ("nuc", 2, -2):
        return smooth_norm(x, np.inf)
    return apart(np.moveaxis(x, dim, (-2, -1)))


def matrix_norm(x, order, dim=(-2, -1), keepdim=False):
    return np.linalg.norm(x, order, dim, keepdim)


def any_norm(x, order, **options):
    return np.linalg.norm(x, order)


def renorm(x, order, dim, maxnorm):
    others = tuple(d for d in range(x.ndim) if d != dim % x.ndim)
    norms = vector_norm(x, order, others, True)
    return np.where(norms > maxnorm, x * (maxnorm / (norms + 1e-7)), x)


def smooth_renorm(x, order, dim, maxnorm):
    others = tuple(d for d in range(x.ndim) if d != dim % x.ndim)
    return smooth_norm(x, order) and far_from(vector_norm(x, order, others), maxnorm).all()


def row(name, reference, make, *, scale=100, **options):
    return Op(name, reference, make, halves=False, scale=scale, **options)


def signs(x):
    return [np.asarray(part) for part in np.linalg.slogdet(x)]


INF = float("inf")

SOLVES = [
    row("linalg.solve", solved, solvable),
    row(
        "linalg.solve",
        lambda a, b: np.linalg.solve(a, b[..., None])[..., 0],
        with_vectors,
        label="linalg.solve vectors",
    ),
    row(
        "linalg.solve_ex",
        lambda a, b, left: (solved(a, b, left), np.zeros(a.shape[:-2])),
        solvable,
    ),
    row("linalg.solve_triangular", solved_triangular, triangular),
    row("linalg.inv", np.linalg.inv, matrices()),
    row("linalg.inv_ex", lambda a: (np.linalg.inv(a), np.zeros(a.shape[:-2])), matrices()),
    row("inverse", np.linalg.inv, matrices()),
    row("linalg.det", np.linalg.det, matrices()),
    row("linalg.slogdet", signs, matrices()),
    row("slogdet", signs, matrices()),
    row("logdet", lambda x: np.log(np.linalg.det(x)), lambda m: Sample((square(m, False),))),
    row(
        "linalg.lu_solve",
        lambda b, a, adjoint: np.linalg.solve(turned(a) if adjoint else a, b),
        lambda m: Sample(with_columns()(m).args[::-1], {"adjoint": m.flag()}),
        call=lambda lib, b, a, adjoint: lib.linalg.lu_solve(
            *lib.linalg.lu_factor(a), b, adjoint=adjoint
        ),
    ),
    row(
        "lu_solve",
        lambda b, a: np.linalg.solve(a, b),
        lambda m: Sample(with_columns()(m).args[::-1]),
        call=lambda lib, b, a: lib.lu_solve(b, *lib.linalg.lu_factor(a)),
    ),
    row(
        "cholesky_solve",
        cholesky_solved,
        lambda m: Sample(with_columns()(m).args[::-1], {"upper": m.flag()}),
        call=lambda lib, b, f, upper: lib.cholesky_solve(b, f.triu() if upper else f.tril(), upper),
    ),
    row(
        "cholesky_inverse",
        lambda f, upper: cholesky_solved(np.eye(f.shape[-1]), f, upper),
        lambda m: Sample((square(m, False),), {"upper": m.flag()}),
        call=lambda lib, f, upper: lib.cholesky_inverse(f.triu() if upper else f.tril(), upper),
    ),
    row(
        "triangular_solve",
        lambda b, a, upper, transpose, unitriangular: (
            np.linalg.solve(
                turned(triangle(a, upper, unitriangular))
                if transpose
                else triangle(a, upper, unitriangular),
                b,
            ),
            a,
        ),
        lambda m: Sample(
            with_columns()(m).args[::-1],
            {key: m.flag() for key in ("upper", "transpose", "unitriangular")},
        ),
    ),
    row("linalg.tensorsolve", np.linalg.tensorsolve, folded),
    row(
        "linalg.tensorinv",
        lambda a: np.linalg.tensorinv(a, 2),
        lambda m: Sample(folded(m).args[:1]),
    ),
]

DECOMPOSITIONS = [
    row("linalg.lu", every_lu, rectangles()),
    row(
        "linalg.lu_factor",
        every_lu,
        rectangles(),
        call=lambda lib, x: lib.lu_unpack(*lib.linalg.lu_factor(x)),
    ),
    row(
        "linalg.cholesky",
        lambda x, upper: (turned if upper else np.asarray)(np.linalg.cholesky(positive(x))),
        matrices(upper=(False, True)),
        call=lambda lib, x, upper: lib.linalg.cholesky(positive_of(lib, x), upper=upper),
    ),
    row("linalg.qr", qr_reference, rectangles(mode=("reduced",)), call=qr),
    row(
        "linalg.qr",
        qr_reference,
        rectangles(mode=("complete",)),
        call=qr,
        differentiable=False,
        label="linalg.qr complete",
    ),
    row(
        "linalg.svd",
        singular_reference,
        rectangles(full_matrices=(False, True)),
        call=singular,
        smooth=apart,
    ),
    row(
        "linalg.svdvals",
        lambda x: np.linalg.svd(x, compute_uv=False),
        rectangles(),
        smooth=apart,
    ),
    row("linalg.eigh", eigen_reference, matrices(), call=eigen, smooth=apart_squared),
    row(
        "linalg.eigvalsh",
        lambda x: np.linalg.eigvalsh(positive(x)),
        matrices(),
        call=lambda lib, x: lib.linalg.eigvalsh(positive_of(lib, x)),
        smooth=apart_squared,
    ),
    row("linalg.eig", real_eigen_reference, matrices(), call=real_eigen, scale=1000),
]

APPROXIMATIONS = [
    row("linalg.pinv", np.linalg.pinv, rectangles()),
    row("pinverse", np.linalg.pinv, rectangles()),
    row("linalg.matrix_rank", np.linalg.matrix_rank, rectangles(), differentiable=False),
    row(
        "linalg.lstsq",
        lambda a, b: np.linalg.pinv(a) @ b,
        tall_system,
        call=lambda lib, a, b: lib.linalg.lstsq(a, b).solution,
    ),
    row(
        "linalg.cond",
        lambda x, p: np.linalg.cond(x, p) if x.shape[-1] else np.zeros(x.shape[:-2]),
        matrices(p=(None, 2, -2, 1, -1, "fro", "nuc", INF, -INF)),
        smooth=lambda x, p: smooth_matrix_norm(x, p) and apart(x),
    ),
]

NORMS = [
    row(
        "linalg.vector_norm",
        vector_norm,
        normed(0, 1, 2, 3, 0.5, 1.5),
        smooth=smooth_norm,
    ),
    row(
        "linalg.vector_norm",
        vector_norm,
        normed(INF, -INF, -1, -2.5, empty=False),
        smooth=smooth_norm,
        label="linalg.vector_norm extreme",
    ),
    row(
        "linalg.matrix_norm",
        matrix_norm,
        normed("fro", "nuc", 2, -2, 1, -1, INF, -INF, matrix=True, empty=False),
        smooth=smooth_matrix_norm,
    ),
    row(
        "linalg.norm",
        lambda x, order: np.linalg.norm(x, order),
        lambda m: Sample((m.operand((m.size(), m.size() or 1)), "fro")),
    ),
    row("renorm", renorm, renormed, smooth=smooth_renorm),
]

POWERS = [
    row(
        "linalg.matrix_power",
        np.linalg.matrix_power,
        lambda m: Sample((square(m), m.integer(-3, 5))),
        scale=1000,
    ),
    Op(
        "linalg.matrix_power",
        np.linalg.matrix_power,
        lambda m: Sample((square(m), m.integer(0, 5))),
        NUMBERS,
        halves=False,
        scale=1000,
        label="linalg.matrix_power whole",
    ),
    # PyTorch raises an error for some transposed batches.
    row("linalg.matrix_exp", exponential, matrices(), torch=False),
    Op(
        "linalg.vander",
        lambda x, N: x[..., None] ** np.arange(N),
        lambda m: Sample((m.operand(m.shape(1)),), {"N": m.integer(2, 5)}),
        FLOATS,
        scale=20,
    ),
]

ROWS = [*SOLVES, *DECOMPOSITIONS, *APPROXIMATIONS, *NORMS, *POWERS]
