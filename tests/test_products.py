"""Matrix products, einsum and distances: what the rows of the op table cannot say."""

import numpy as np
import pytest

import fastgrad as fg

pytestmark = pytest.mark.core
RNG = np.random.default_rng(1)
X = fg.ones(2, 3)
Y = fg.ones(3, 4)


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(
        np.asarray(found.tolist()).reshape(tuple(found.shape)), expected, tolerance, tolerance
    )


# addmm and its family


def test_beta_of_zero_ignores_the_input():
    nan = fg.full((2, 4), float("nan"))
    assert fg.equal(fg.addmm(nan, X, Y, beta=0), X @ Y)
    assert fg.addr(nan, fg.ones(2), fg.ones(4), beta=0).isfinite().all()


def test_addmm_in_place():
    a = fg.tensor(RNG.normal(size=(3, 3)), requires_grad=True)
    b = a * 2
    c = b.addmm_(a, a, beta=0.5, alpha=3)
    assert c is b
    (gradient,) = fg.autograd.grad(b.sum(), a)
    x = a.detach().numpy()
    close(b.detach(), x + 3 * x @ x)
    close(gradient, 1 + 3 * (x.sum(1)[None, :] + x.sum(0)[:, None]))
    for name, shapes in {
        "addmv_": ((2,), (2, 3), (3,)),
        "addr_": ((2, 3), (2,), (3,)),
        "baddbmm_": ((5, 2, 4), (5, 2, 3), (5, 3, 4)),
        "addbmm_": ((2, 4), (5, 2, 3), (5, 3, 4)),
    }.items():
        x, *factors = (fg.tensor(RNG.normal(size=shape)) for shape in shapes)
        expected = getattr(fg, name[:-1])(x, *factors)
        assert fg.equal(getattr(x, name)(*factors), expected)
        assert fg.equal(x, expected)


# dot


@pytest.mark.parametrize("n", [16384, 16385, 50_001])
@pytest.mark.parametrize("step", [1, 3])
def test_dot_of_long_vectors(n, step):
    x, y = RNG.normal(size=(2, n * step))
    found = fg.dot(fg.tensor(x)[::step], fg.tensor(y)[::step])
    np.testing.assert_allclose(found.item(), x[::step] @ y[::step], rtol=0, atol=1e-10 * n**0.5)
    total = fg.addmv(fg.ones(1, dtype=fg.float64), fg.tensor(x[None, :n]), fg.tensor(y[:n]))
    np.testing.assert_allclose(total.item(), 1 + x[:n] @ y[:n], rtol=0, atol=1e-10 * n**0.5)


# einsum


def test_operands_of_einsum_in_other_forms():
    expected = X @ Y
    assert fg.equal(fg.einsum("ij,jk", [X, Y]), expected)
    assert fg.equal(fg.einsum(" i j , j k -> i k ", X, Y), expected)
    assert fg.equal(fg.einsum(X, [0, 1], Y, [1, 2], [0, 2]), expected)
    assert fg.equal(fg.einsum(X, [0, 1], Y, [1, 2]), expected)
    assert fg.equal(fg.einsum(X, [..., 1], Y, [1, 2], [..., 2]), expected)
    assert fg.equal(fg.einsum(X, [51, 0]), X.t())  # letters in order: a small one comes last


def test_sizes_of_one_broadcast():
    close(fg.einsum("ij,jk->ik", X, fg.ones(1, 4)), np.full((2, 4), 3))
    close(fg.einsum("bij,bjk->bik", fg.ones(1, 2, 3), fg.ones(5, 3, 1)), np.full((5, 2, 1), 3))


def test_dimensions_of_an_ellipsis_that_the_result_lacks_are_summed():
    x = fg.arange(24).reshape(2, 3, 4)
    assert fg.equal(fg.einsum("...i->i", x), x.sum((0, 1)))
    assert fg.equal(fg.einsum("i...->i", x), x.sum((1, 2)))


def test_views_of_einsum_share_memory():
    x = fg.arange(6).reshape(2, 3)
    fg.einsum("ij->ji", x)[0, 1] = 9
    assert x[1, 0] == 9


def test_einsum_of_integers_adds_up_as_in_torch(torch):
    for t in (fg, torch):
        x = t.ones(2, 3, dtype=t.int32)
        assert t.einsum("ij->i", x).dtype is t.int64
        assert t.einsum("ij,ij->ij", x, x).dtype is t.int32


EINSUM_ERRORS = {
    "ij->ik": (RuntimeError, "output subscript k"),
    "ij->ii": (RuntimeError, "i appears more than once"),
    "ij,jk": (RuntimeError, "fewer operands"),
    "i": (RuntimeError, r"subscripts in the equation \(1\) does not match.*\(2\) for operand 0"),
    "ijk": (RuntimeError, r"\(3\) is more than"),
    "ijk...": (RuntimeError, r"\(3\) is more than"),
    "i.j": (RuntimeError, "not part of any ellipsis"),
    "...i...": (RuntimeError, "ellipsis"),
    "i1": (RuntimeError, r"invalid subscript '1'.*\[a-zA-Z\]"),
    "ij->i->j": (RuntimeError, "invalid subscript '-' for the output"),
    "ii": (RuntimeError, "i is repeated for operand 0.*3 != 2"),
}


@pytest.mark.parametrize(("equation", "error"), EINSUM_ERRORS.items(), ids=str)
def test_messages_of_einsum(equation, error):
    with pytest.raises(error[0], match=error[1]):
        fg.einsum(equation, X)


def test_more_messages_of_einsum():
    with pytest.raises(RuntimeError, match=r"subscript j has size 3.*operand 1.*seen size 4"):
        fg.einsum("ij,jk", Y, Y)
    with pytest.raises(RuntimeError, match="more operands"):
        fg.einsum("ij", X, X)
    with pytest.raises(ValueError, match="no operands"):
        fg.einsum("ij")
    with pytest.raises(ValueError, match=r"\[0, 52\)"):
        fg.einsum(X, [0, 52])
    with pytest.raises(RuntimeError, match="float64"):
        fg.einsum("ij,jk", X, Y.double())


# Other products and distances

ERRORS = {
    "addmm: dtypes": (RuntimeError, "float64 and", lambda: fg.addmm(X[0].double(), X, Y)),
    "addmm: input": (RuntimeError, r"\[3\].*\[2, 4\]", lambda: fg.addmm(X[0], X, Y)),
    "addmm: a larger input": (RuntimeError, "broadcast", lambda: fg.addmm(fg.ones(1, 2, 4), X, Y)),
    "addmm: dimensions": (RuntimeError, "addmm.*1D", lambda: fg.addmm(X, X, Y[0])),
    "addmm: whole numbers": (
        RuntimeError,
        "alpha.*2.5",
        lambda: fg.addmm(fg.ones(4).long(), X.long(), Y.long(), alpha=2.5),
    ),
    "addmm_: shape": (RuntimeError, "addmm_.*broadcast", lambda: fg.ones(4).addmm_(X, Y)),
    "addbmm: shapes": (
        RuntimeError,
        r"\[2, 1, 1\] and \[3, 1, 1\]",
        lambda: fg.addbmm(fg.ones(1, 1), fg.ones(2, 1, 1), fg.ones(3, 1, 1)),
    ),
    "inner: shapes": (RuntimeError, r"\[2, 3\] and \[3, 4\]", lambda: fg.inner(X, Y)),
    "vdot: dimensions": (RuntimeError, "vdot.*2D", lambda: fg.vdot(X, X)),
    "tensordot: sizes": (RuntimeError, "size 3 in dim 1.*size 2", lambda: fg.tensordot(X, X, 1)),
    "tensordot: dims": (RuntimeError, "dims=5", lambda: fg.tensordot(X, X, 5)),
    "tensordot: lists": (RuntimeError, "length", lambda: fg.tensordot(X, X, ([0], [0, 1]))),
    "tensordot: dim": (IndexError, r"\[-2, 1\].*7", lambda: fg.tensordot(X, X, ([7], [0]))),
    "cross: no dim": (RuntimeError, "size 3.*4, 4", lambda: fg.cross(fg.ones(4, 4), fg.ones(4, 4))),
    "cross: size": (RuntimeError, "length 3. Got 2 and 2", lambda: fg.cross(X, X, dim=0)),
    "cross: dimensions": (RuntimeError, "unsqueeze", lambda: fg.cross(X, X[0], dim=-1)),
    "vecdot: dtypes": (RuntimeError, "float64", lambda: fg.linalg.vecdot(X, X.double())),
    "multi_dot: one": (RuntimeError, "at least 2.*1", lambda: fg.linalg.multi_dot([X])),
    "multi_dot: sizes": (
        RuntimeError,
        r"1 and 2 with shapes \[3, 4\] and \[2, 3\]",
        lambda: fg.linalg.multi_dot([X, Y, X]),
    ),
    "multi_dot: a vector inside": (
        RuntimeError,
        "tensor 1 must be 2D",
        lambda: fg.linalg.multi_dot([X, X[0], Y]),
    ),
    "chain_matmul: a vector": (RuntimeError, "1D", lambda: fg.chain_matmul(X[0], Y)),
    "cdist: columns": (RuntimeError, "X1: 3 X2: 4", lambda: fg.cdist(X, Y)),
    "cdist: p": (RuntimeError, "non-negative.*-1", lambda: fg.cdist(X, X, -1)),
    "cdist: a vector": (RuntimeError, "X1 got: 1D", lambda: fg.cdist(X[0], X)),
    "cdist: integers": (RuntimeError, "int64", lambda: fg.cdist(X.long(), X.long())),
    "cdist: mode": (ValueError, "fast.*use_mm", lambda: fg.cdist(X, X, compute_mode="fast")),
    "cdist: batches": (
        RuntimeError,
        "broadcast",
        lambda: fg.cdist(fg.ones(2, 1, 1), fg.ones(3, 1, 1)),
    ),
}


@pytest.mark.parametrize(("error", "message", "call"), ERRORS.values(), ids=ERRORS)
def test_message(error, message, call):
    with pytest.raises(error, match=message):
        call()


def test_a_chain_is_multiplied_in_the_cheapest_order():
    # From left to right this would take 10^12 multiplications and a matrix of 8 GB.
    column, row = fg.ones(33_000, 1), fg.ones(1, 33_000)
    assert fg.linalg.multi_dot([column, row, column])[0].item() == 33_000
    assert fg.chain_matmul(row, column, row).shape == (1, 33_000)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, np.inf])
@pytest.mark.parametrize("count", [3, 30])
def test_equal_vectors_pull_with_no_force(p, count):
    x = fg.tensor(RNG.normal(size=(count, 4)), requires_grad=True)
    y = x.detach().clone()
    distances = fg.cdist(x, y, p, compute_mode="donot_use_mm_for_euclid_dist")
    (gradient,) = fg.autograd.grad(distances.diagonal().sum(), x)
    close(distances.diagonal(), np.zeros(count))
    close(gradient, np.zeros((count, 4)))


def test_distances_by_product_agree():
    x, y = (fg.tensor(RNG.normal(size=(size, 8))) for size in (40, 30))
    modes = ("use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    first, second = (fg.cdist(x, y, compute_mode=mode) for mode in modes)
    close(first, second.numpy())
    assert fg.equal(fg.cdist(x, y), first)
    assert fg.equal(fg.cdist(x[:25], y[:25]), second[:25, :25])


def test_distances_to_nan_are_nan():
    x = fg.tensor([[float("nan"), 1.0], [0.0, 1.0]])
    for p in (0.5, 1, 2, 3, np.inf):
        assert fg.cdist(x, x, p).isnan().tolist() == [[True, True], [True, False]]
