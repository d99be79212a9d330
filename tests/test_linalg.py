"""Linear algebra: what the rows of the op table cannot say."""

import subprocess
import sys

import numpy as np
import pytest

import fastgrad as fg

pytestmark = pytest.mark.core
L = fg.linalg
RNG = np.random.default_rng(0)
A = fg.tensor([[2.0, 1.0], [1.0, 3.0]])
WIDE = fg.ones(2, 3)
SINGULAR = fg.tensor([[1.0, 2.0], [2.0, 4.0]])
ONE_SINGULAR = fg.stack([A, SINGULAR])
NAN = fg.tensor([[float("nan"), 1.0], [1.0, 1.0]])


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(
        np.asarray(found.tolist()).reshape(tuple(found.shape)), expected, tolerance, tolerance
    )


# The library's own factorisations, on both sides of the sizes where they stop to recurse

SIZES = (1, 2, 23, 24, 25, 48, 49, 50, 97, 130)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("batch", [(), (3,)])
def test_solutions_of_random_systems(n, batch):
    a, b = RNG.normal(size=(*batch, n, n)), RNG.normal(size=(*batch, n, 3))
    x, y = fg.tensor(a), fg.tensor(b)
    close(L.solve(x, y), np.linalg.solve(a, b), 1e-8)
    close(L.solve(x.mT, y), np.linalg.solve(np.swapaxes(a, -1, -2), b), 1e-8)
    close(L.inv(x) @ x, np.broadcast_to(np.eye(n), a.shape), 1e-8)
    sign, logarithm = L.slogdet(x)
    expected = np.linalg.slogdet(a)
    close(sign, expected.sign)
    close(logarithm, expected.logabsdet)


@pytest.mark.parametrize("m", SIZES)
@pytest.mark.parametrize("n", [1, 24, 70])
def test_lu_of_random_matrices(m, n):
    a = RNG.normal(size=(2, m, n))
    P, lower, upper = L.lu(fg.tensor(a))
    close(P @ lower @ upper, a)
    assert (lower.abs() <= 1).all()
    close(P.sum(-1), np.ones((2, m)))
    close(lower.triu(1).abs().sum() + upper.tril(-1).abs().sum(), 0)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_and_triangular_systems(n, upper):
    a = RNG.normal(size=(2, n, n))
    a = a @ np.swapaxes(a, -1, -2) + np.eye(n)
    other_half = np.triu(a) if upper else np.tril(a)  # all that is read
    factor = L.cholesky(fg.tensor(other_half), upper=upper)
    close(factor.mT @ factor if upper else factor @ factor.mT, a)
    b = fg.tensor(RNG.normal(size=(2, n, 40)))
    for left, right_side in ((True, b), (False, b.mT)):
        x = L.solve_triangular(factor, right_side, upper=upper, left=left)
        close(factor @ x if left else x @ factor, right_side.numpy(), 1e-8)


def test_pivots_are_lapacks():
    _, pivots = L.lu_factor(fg.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
    assert pivots.tolist() == [3, 3, 3]
    assert pivots.dtype is fg.int32


def test_solving_does_not_load_numpy():
    program = (
        "import sys, fastgrad as fg; a = fg.eye(3) * 2; fg.linalg.solve(a, fg.ones(3)); fg.det(a);"
        "fg.linalg.inv(a); fg.linalg.cholesky(a); fg.linalg.norm(a); print('numpy' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "False"


# Results with names


@pytest.mark.parametrize(
    "call",
    [
        lambda t, a: t.linalg.slogdet(a),
        lambda t, a: t.linalg.lu(a),
        lambda t, a: t.linalg.lu_factor(a),
        lambda t, a: t.linalg.lu_factor_ex(a),
        lambda t, a: t.linalg.inv_ex(a),
        lambda t, a: t.linalg.cholesky_ex(a),
        lambda t, a: t.linalg.solve_ex(a, a),
        lambda t, a: t.linalg.qr(a, "r"),
        lambda t, a: t.lu_unpack(*t.linalg.lu_factor(a)),
        lambda t, a: t.lu_unpack(*t.linalg.lu_factor(a), unpack_data=False),
        lambda t, a: t.slogdet(a),
        lambda t, a: t.svd(a, compute_uv=False),
        lambda t, a: t.triangular_solve(a, a),
        lambda t, a: t.linalg.lstsq(a, a[:, 0], driver="gels")[1:],
        lambda t, a: t.linalg.lstsq(a * 0, a, driver="gelss")[1:],
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_results_print_as_in_torch(torch, call):
    numbers = [[2.0, 1.0], [1.0, 3.0]]
    assert repr(call(fg, fg.tensor(numbers))) == repr(call(torch, torch.tensor(numbers)))


def test_names_of_decompositions():
    assert L.svd(A)._fields == ("U", "S", "Vh")
    assert fg.svd(A)._fields == ("U", "S", "V")
    assert L.eigh(A)._fields == L.eig(A)._fields == ("eigenvalues", "eigenvectors")
    assert repr(L.eigh(A)).startswith("torch.return_types.linalg_eigh(\neigenvalues=tensor([")


def test_shapes_of_decompositions():
    x = fg.ones(4, 5, 3)
    assert [y.shape for y in L.svd(x)] == [(4, 5, 5), (4, 3), (4, 3, 3)]
    assert [y.shape for y in L.svd(x, full_matrices=False)] == [(4, 5, 3), (4, 3), (4, 3, 3)]
    assert [y.shape for y in fg.svd(x)] == [(4, 5, 3), (4, 3), (4, 3, 3)]
    assert [y.shape for y in fg.svd(x, some=False)] == [(4, 5, 5), (4, 3), (4, 3, 3)]
    assert [y.shape for y in L.qr(x, "complete")] == [(4, 5, 5), (4, 5, 3)]
    assert [y.shape for y in fg.qr(x)] == [(4, 5, 3), (4, 3, 3)]
    assert [y.shape for y in L.lu(x)] == [(4, 5, 5), (4, 5, 3), (4, 3, 3)]


def test_lu_and_its_older_form_agree():
    LU, pivots = fg.lu(A)
    assert all(fg.equal(x, y) for x, y in zip((LU, pivots), L.lu_factor(A), strict=True))
    assert SINGULAR.lu(get_infos=True)[2].item() == 2


def test_svd_and_its_older_form_agree():
    x = fg.tensor(RNG.normal(size=(3, 2)))
    U, S, V = fg.svd(x)
    close(U @ S.diag() @ V.mT, x.numpy())
    close(U, L.svd(x, full_matrices=False).U.numpy())


# What depends on thresholds


def same_as_torch(torch, call, *arrays, tolerance=1e-6):
    ours, theirs = (call(t, *(t.tensor(array) for array in arrays)) for t in (fg, torch))
    assert str(ours.dtype) == str(theirs.dtype)
    close(ours, theirs.numpy(), tolerance)


NEARLY = np.diag([1.0, 1e-3, 1e-12])


@pytest.mark.parametrize("hermitian", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"atol": 1e-2}, {"rtol": 1e-14}, {"atol": 1e-13, "rtol": 0.5}, {"atol": 0.0}],
    ids=str,
)
def test_small_singular_values_count_as_zero(torch, options, hermitian):
    options = options | {"hermitian": hermitian}
    same_as_torch(torch, lambda t, x: t.linalg.matrix_rank(x, **options), NEARLY)
    same_as_torch(torch, lambda t, x: t.linalg.pinv(x, **options), NEARLY)


def test_older_names_of_thresholds(torch):
    same_as_torch(torch, lambda t, x: t.linalg.matrix_rank(x, 1e-2), NEARLY)
    same_as_torch(torch, lambda t, x: t.linalg.pinv(x, 1e-2), NEARLY)
    same_as_torch(torch, lambda t, x: t.linalg.pinv(x, rcond=1e-2), NEARLY)
    same_as_torch(torch, lambda t, x: t.pinverse(x, 1e-2), NEARLY)
    each = np.array([0.5, 1e-13])
    batch = np.stack([NEARLY, NEARLY])
    same_as_torch(torch, lambda t, x, tol: t.linalg.matrix_rank(x, atol=tol), batch, each)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 5, 3), (3, 3)])
@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
def test_least_squares(torch, shape, driver):
    a, b = RNG.normal(size=shape), RNG.normal(size=(*shape[:-1], 2))
    for i in range(4):
        same_as_torch(torch, lambda t, x, y, i=i: t.linalg.lstsq(x, y, driver=driver)[i], a, b)


def test_least_squares_of_the_smallest_norm(torch):
    a = np.ones((3, 2))
    same_as_torch(torch, lambda t, x, y: t.linalg.lstsq(x, y).solution, a, np.arange(3.0)[:, None])


@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, "fro", "nuc", np.inf, -np.inf])
def test_condition_numbers(torch, p):
    for array in (A.numpy(), np.zeros((2, 0, 0)), RNG.normal(size=(2, 3, 3))):
        same_as_torch(torch, lambda t, x: t.linalg.cond(x, p), array, tolerance=1e-5)
    if p not in (None, 2, -2):
        assert L.cond(ONE_SINGULAR, p)[1].item() == np.inf


@pytest.mark.parametrize("size", [1e-8, 0.1, 3.0, 30.0, 80.0])
def test_exponentials_of_matrices_of_any_size(torch, size):
    x = RNG.normal(size=(4, 5, 5)) * np.array([1, 0.1, -1, 1e-3])[:, None, None] * size / 3
    same_as_torch(
        torch, lambda t, x: t.linalg.matrix_exp(x) / t.linalg.matrix_exp(x).abs().max(), x
    )
    assert L.matrix_exp(NAN).isnan().any()
    assert L.matrix_exp(fg.zeros(2, 0, 0)).shape == (2, 0, 0)


# Gradients where formulas divide by zero


def gradients(t, function, array):
    x = t.tensor(array, requires_grad=True)
    (gradient,) = t.autograd.grad(function(t, x).sum(), x)
    return gradient


def test_gradient_of_the_determinant_of_singular_matrices():
    """It is the matrix of cofactors, also where PyTorch gives 0."""
    for array in (np.diag([2.0, 0, 3]), np.diag([2.0, 0, 0]), np.ones((3, 3)), np.zeros((1, 1))):
        for singular in (array, array[::-1].copy()):
            found = gradients(fg, lambda t, x: t.det(x), singular)
            close(
                found,
                [[cofactor(singular, i, j) for j in range(len(array))] for i in range(len(array))],
            )
    batch = np.stack([np.diag([2.0, 0, 3]), np.diag([1.0, 2, 3])])
    close(gradients(fg, lambda t, x: t.det(x), batch).sum(0), np.diag([6.0, 9, 2]))


def cofactor(array, i, j):
    rest = np.delete(np.delete(array, i, 0), j, 1)
    return (-1) ** (i + j) * np.linalg.det(rest)


@pytest.mark.parametrize(
    "function",
    [
        lambda t, x: t.linalg.svdvals(x),
        lambda t, x: t.linalg.svd(x)[1],
        lambda t, x: t.linalg.matrix_norm(x, "nuc"),
        lambda t, x: t.linalg.matrix_norm(x, 2),
        lambda t, x: t.linalg.eigvalsh(x),
    ],
)
def test_gradients_of_equal_values_are_finite(torch, function):
    for array in (np.eye(3), np.diag([1.0, 1.0, 0.0])):
        found = gradients(fg, lambda t, x: function(t, x).sum(), array)
        assert found.isfinite().all()
    close(gradients(fg, function, np.eye(3)), gradients(torch, function, np.eye(3)).numpy())


@pytest.mark.parametrize("order", [1, 2, 3, 0.5, 1.5, -1, np.inf, -np.inf])
@pytest.mark.parametrize("numbers", [[0.0, 0, 0], [0.0, 2, -2], [1.0, 1, 0], [3.0, -3, 3]])
def test_gradients_of_norms_at_kinks(torch, order, numbers):
    array = np.array(numbers)

    def function(t, x):
        return t.linalg.vector_norm(x, order)

    close(gradients(fg, function, array), gradients(torch, function, array).numpy())


def test_only_the_part_of_a_matrix_that_is_read_gets_a_gradient():
    x = fg.tensor(RNG.normal(size=(3, 3)), requires_grad=True)
    L.solve_triangular(
        x, fg.ones(3, 1, dtype=fg.float64), upper=True, unitriangular=True
    ).sum().backward()
    assert (x.grad != 0).tolist() == [[False, True, True], [False, False, True], [False] * 3]


def test_qr_with_more_rows_than_columns_has_no_gradient_when_complete():
    Q, _ = L.qr(fg.ones(3, 2, requires_grad=True), "complete")
    with pytest.raises(RuntimeError, match="reduced"):
        Q.sum().backward()


def test_gradients_do_not_see_changes_of_the_matrix():
    x = fg.tensor([[3.0, 0.0], [0.0, 2.0]], requires_grad=True)
    y = x * 1
    values = L.svd(y)[1]
    with fg.no_grad():
        y.zero_()
    values.sum().backward()
    close(x.grad, np.eye(2), 1e-6)


def test_nodes_have_the_names_of_torch(torch):
    for call in (
        lambda t, x: t.linalg.svd(x)[0],
        lambda t, x: t.linalg.qr(x)[1],
        lambda t, x: t.linalg.eigh(x)[0],
        lambda t, x: t.linalg.inv(x),
        lambda t, x: t.linalg.solve_triangular(x, x, upper=True),
        lambda t, x: t.addmm(x, x, x),
    ):
        names = [call(t, t.eye(2, requires_grad=True)).grad_fn.name() for t in (fg, torch)]
        assert names[0] == names[1]


# Errors

ERRORS = {
    "inv: singular": (L.LinAlgError, "linalg.inv.*element 2 is zero", lambda: L.inv(SINGULAR)),
    "inv: one of a batch": (L.LinAlgError, "Batch element 1", lambda: L.inv(ONE_SINGULAR)),
    "inv: not square": (RuntimeError, "linalg.inv.*2 by 3", lambda: L.inv(WIDE)),
    "inv: a vector": (RuntimeError, r"at least 2 dimensions.*\[3\]", lambda: L.inv(fg.ones(3))),
    "inv: integers": (RuntimeError, r"int64.*\.float\(\)", lambda: L.inv(A.long())),
    "inv: 16 bits": (NotImplementedError, r"float16.*\.float\(\)", lambda: L.inv(A.half())),
    "inv: no tensor": (TypeError, "must be Tensor, not list", lambda: L.inv([[1.0]])),
    "solve: singular": (L.LinAlgError, "singular.*lstsq", lambda: L.solve(SINGULAR, A)),
    "solve: one of a batch": (L.LinAlgError, "element 1", lambda: L.solve(ONE_SINGULAR, A)),
    "solve: shapes": (RuntimeError, r"AX = B \(2x2 and 3x1\)", lambda: L.solve(A, fg.ones(3))),
    "solve: shapes on the right": (
        RuntimeError,
        r"XA = B \(2x2 and 2x3\)",
        lambda: L.solve(A, WIDE, left=False),
    ),
    "solve: dtypes": (RuntimeError, "float32 and B of.*float64", lambda: L.solve(A, A.double())),
    "solve: a number": (TypeError, "'B' must be Tensor, not int", lambda: L.solve(A, 2)),
    "solve_triangular: a vector": (
        RuntimeError,
        "unsqueeze",
        lambda: L.solve_triangular(A, fg.ones(2), upper=True),
    ),
    "cholesky_solve: shapes": (
        RuntimeError,
        "cholesky_solve.*2x2 and 3x1",
        lambda: fg.cholesky_solve(fg.ones(3, 1), A),
    ),
    "lu_solve: pivots": (
        RuntimeError,
        r"\[1, 2\], got 9",
        lambda: L.lu_solve(A, fg.tensor([1, 9], dtype=fg.int32), A),
    ),
    "lu_solve: pivots' dtype": (
        RuntimeError,
        "int32.*int64",
        lambda: L.lu_solve(A, fg.tensor([1, 2]), A),
    ),
    "lu_unpack: pivots": (
        RuntimeError,
        "got 0",
        lambda: fg.lu_unpack(A, fg.tensor([0, 1], dtype=fg.int32)),
    ),
    "lu: no pivots": (RuntimeError, "without pivoting", lambda: L.lu(A, pivot=False)),
    "lu_factor: singular": (RuntimeError, r"U\[2,2\] is zero", lambda: L.lu_factor(SINGULAR)),
    "cholesky: not positive": (
        L.LinAlgError,
        "leading minor of order 2",
        lambda: L.cholesky(fg.tensor([[1.0, 2.0], [2.0, 1.0]])),
    ),
    "cholesky: one of a batch": (
        L.LinAlgError,
        "Batch element 1.*order 1",
        lambda: L.cholesky(fg.stack([A, -A])),
    ),
    "cholesky: NaN": (L.LinAlgError, "order 1", lambda: L.cholesky(NAN)),
    "svd: NaN": (L.LinAlgError, "non-finite.*isfinite", lambda: L.svd(NAN)),
    "svd: driver": (RuntimeError, "CUDA.*gesvd", lambda: L.svd(A, driver="gesvd")),
    "eigh: NaN": (L.LinAlgError, "linalg.eigh.*non-finite", lambda: L.eigh(NAN)),
    "eigh: infinity": (L.LinAlgError, "non-finite", lambda: L.eigvalsh(A * np.inf)),
    "eigh: UPLO": (RuntimeError, "'L' or 'U', but got X", lambda: L.eigh(A, "X")),
    "eig: complex": (
        RuntimeError,
        "complex eigenvalues.*eigh.*numpy",
        lambda: L.eigvals(fg.tensor([[0.0, 1.0], [-1.0, 0.0]])),
    ),
    "qr: mode": (RuntimeError, "'full'.*'reduced'", lambda: L.qr(A, "full")),
    "pinv: not square": (RuntimeError, "2 by 3", lambda: L.pinv(WIDE, hermitian=True)),
    "lstsq: shapes": (RuntimeError, r"\[2, 3\].*\[3, 1\]", lambda: L.lstsq(WIDE, fg.ones(3, 1))),
    "lstsq: driver": (RuntimeError, "gelsy.*'qr'", lambda: L.lstsq(A, A, driver="qr")),
    "cond: order": (RuntimeError, "invalid norm type: 3", lambda: L.cond(A, 3)),
    "cond: not square": (RuntimeError, "ord=1.*2 by 3", lambda: L.cond(WIDE, 1)),
    "norm: order": (RuntimeError, "Order 3.*'fro'", lambda: L.norm(A, 3)),
    "norm: dimensions": (RuntimeError, "1D or 2D. Got 3D", lambda: L.norm(fg.ones(1, 1, 1), 2)),
    "norm: dims": (RuntimeError, r"length 1 or 2.*\[0, 1, 2\]", lambda: L.norm(A, 2, (0, 1, 2))),
    "norm: integers": (RuntimeError, "int64", lambda: L.norm(A.long())),
    "vector_norm: name": (TypeError, "Number, not str", lambda: L.vector_norm(A, "fro")),
    "vector_norm: nothing": (
        RuntimeError,
        r"inf.*\[0, 2\].*identity",
        lambda: L.vector_norm(fg.ones(0, 2), np.inf),
    ),
    "vector_norm: narrowing": (
        RuntimeError,
        "float64.*float32",
        lambda: L.vector_norm(A.double(), dtype=fg.float32),
    ),
    "matrix_norm: dims": (RuntimeError, "different", lambda: L.matrix_norm(A, dim=(0, -2))),
    "matrix_norm: dim": (IndexError, r"\[-2, 1\].*5", lambda: L.matrix_norm(A, dim=(0, 5))),
    "matrix_power: half": (TypeError, "int, not float", lambda: L.matrix_power(A, 0.5)),
    "matrix_power: singular": (L.LinAlgError, "singular", lambda: L.matrix_power(SINGULAR, -1)),
    "matrix_exp: not square": (RuntimeError, "2 by 3", lambda: L.matrix_exp(WIDE)),
    "vander: N": (RuntimeError, "N must be greater than 1, got 1", lambda: L.vander(A, N=1)),
    "tensorinv: sizes": (RuntimeError, "3 != 2", lambda: L.tensorinv(WIDE, 1)),
    "tensorinv: ind": (RuntimeError, "positive.*0", lambda: L.tensorinv(A, 0)),
    "tensorsolve: sizes": (RuntimeError, r"\[2, 3\]", lambda: L.tensorsolve(WIDE, fg.ones(2))),
    "renorm: p": (RuntimeError, "p=-1", lambda: fg.renorm(A, -1, 0, 1.0)),
    "renorm: maxnorm": (RuntimeError, "-2", lambda: fg.renorm(A, 2, 0, -2)),
    "renorm: a vector": (RuntimeError, "1 dimensions", lambda: fg.renorm(A[0], 2, 0, 1)),
    "renorm: dim": (IndexError, "5", lambda: fg.renorm(A, 2, 5, 1)),
}


@pytest.mark.parametrize(("error", "message", "call"), ERRORS.values(), ids=ERRORS)
def test_message(error, message, call):
    with pytest.raises(error, match=message):
        call()


def test_singular_is_a_runtime_error():
    assert issubclass(L.LinAlgError, RuntimeError)


def test_failures_without_an_exception():
    inverse, info = L.inv_ex(ONE_SINGULAR)
    assert info.tolist() == [0, 2]
    close(inverse[0], np.linalg.inv(A.numpy()), 1e-6)
    assert L.cholesky_ex(fg.stack([A, -A])).info.tolist() == [0, 1]
    assert L.solve_ex(ONE_SINGULAR, A).info.tolist() == [0, 2]
    assert L.lu_factor_ex(ONE_SINGULAR).info.tolist() == [0, 2]
    with pytest.raises(L.LinAlgError):
        L.inv_ex(SINGULAR, check_errors=True)


def test_numbers_that_are_no_numbers_pass_through():
    assert L.inv(NAN).isnan().all()
    assert L.det(NAN).isnan()
    assert L.solve(NAN, A).isnan().any()
    assert L.vector_norm(NAN, np.inf).isnan()


def test_logarithm_of_the_determinant():
    found = fg.logdet(fg.stack([A, fg.tensor([[0.0, 1.0], [1.0, 0.0]]), fg.zeros(2, 2)]))
    np.testing.assert_allclose(found.tolist(), [np.log(5), np.nan, -np.inf], rtol=1e-6)
    assert L.slogdet(fg.zeros(2, 2)).sign.item() == 0


def test_methods():
    for name in ("inverse", "pinverse", "det", "logdet", "cholesky", "matrix_exp"):
        assert fg.equal(getattr(A, name)(), getattr(fg, name)(A))
    assert fg.equal(A.matrix_power(3), A @ A @ A)
    assert A.slogdet().logabsdet.item() == pytest.approx(np.log(5))
    assert A.svd().V.shape == A.qr().R.shape == (2, 2)
    x = fg.tensor([[3.0, 4.0], [0.3, 0.4]])
    assert x.renorm_(2, 0, 1.0) is x
    close(x, [[0.6, 0.8], [0.3, 0.4]], 1e-6)


def test_empty_matrices():
    assert L.det(fg.ones(2, 0, 0)).tolist() == [1.0, 1.0]
    assert L.slogdet(fg.ones(0, 0)).logabsdet.item() == 0
    assert L.inv(fg.ones(0, 3, 3)).shape == (0, 3, 3)
    assert L.solve(fg.ones(0, 0), fg.ones(0, 2)).shape == (0, 2)
    assert L.pinv(fg.ones(0, 3)).shape == (3, 0)
    assert L.matrix_rank(fg.ones(0, 3)).item() == 0
    assert [y.shape for y in L.svd(fg.ones(0, 3))] == [(0, 0), (0,), (3, 3)]
