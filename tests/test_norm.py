"""What the op table cannot say of normalization: running statistics, precision, errors."""

import numpy as np
import pytest

import fastgrad as fg

F = fg.nn.functional
pytestmark = pytest.mark.core
SHAPES = [(5, 3), (4, 3, 7), (2, 3, 5, 6), (300, 3), (2, 3, 4, 1)]


def close(ours, theirs, rtol=1e-5):
    np.testing.assert_allclose(ours.tolist(), theirs.tolist(), rtol=rtol, atol=rtol)


def batch(lib, shape, seed=0):
    return lib.tensor(np.random.default_rng(seed).normal(3, 2, shape).astype("float32"))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0])
def test_running_statistics_are_those_of_torch(torch, shape, momentum):
    def run(lib):
        mean, variance = lib.zeros(3), lib.ones(3)
        for seed in range(3):
            F = lib.nn.functional
            F.batch_norm(batch(lib, shape, seed), mean, variance, None, None, True, momentum)
        y = lib.nn.functional.batch_norm(batch(lib, shape), mean, variance)
        return mean, variance, y

    for ours, theirs in zip(run(fg), run(torch), strict=True):
        close(ours, theirs)


@pytest.mark.parametrize("shape", [(4, 3, 7), (2, 3, 5, 6)], ids=str)
def test_running_statistics_of_instances_are_those_of_torch(torch, shape):
    def run(lib):
        mean, variance = lib.zeros(3), lib.ones(3)
        F = lib.nn.functional
        y = F.instance_norm(batch(lib, shape), mean, variance, momentum=0.3)
        z = F.instance_norm(batch(lib, shape), mean, variance, use_input_stats=False)
        return mean, variance, y, z

    for ours, theirs in zip(run(fg), run(torch), strict=True):
        close(ours, theirs)


def test_running_statistics_are_changed_in_place():
    storage = fg.zeros(6)
    mean, variance = storage[::2], storage[1::2]
    F.batch_norm(batch(fg, (4, 3)), mean, variance, training=True, momentum=1.0)
    assert storage[::2].tolist() == mean.tolist() == batch(fg, (4, 3)).mean(0).tolist()
    close(variance, batch(fg, (4, 3)).var(0))
    before = storage.tolist()
    F.batch_norm(batch(fg, (4, 3)), mean, variance)
    assert storage.tolist() == before


def test_backward_uses_the_statistics_of_its_forward():
    x = batch(fg, (4, 3)).requires_grad_()
    mean, variance = fg.zeros(3), fg.ones(3)
    y = F.batch_norm(x, mean, variance, eps=0.0)
    F.batch_norm(x, mean, variance, training=True)
    y.sum().backward()
    assert x.grad.tolist() == [[1.0] * 3] * 4


def test_a_batch_of_one_element_has_no_variance():
    mean, variance = fg.zeros(2), fg.ones(2)
    x = fg.tensor([[1.0, 2.0]])
    y = fg.batch_norm(x, None, None, mean, variance, True, 0.5, 1e-5, False)
    assert y.tolist() == [[0.0, 0.0]]
    assert mean.tolist() == [0.5, 1.0]
    assert variance.isnan().all()
    one = fg.instance_norm(x.unsqueeze(2), None, None, None, None, True, 0.5, 1e-5, False)
    assert one.tolist() == [[[0.0], [0.0]]]


def test_spellings_of_the_package(torch):
    for lib in (fg, torch):
        x, w = batch(lib, (2, 3, 4)), lib.ones(3)
        F = lib.nn.functional
        top = lib.batch_norm(x, w, None, None, None, True, 0.1, 1e-5, False)
        assert lib.equal(top, F.batch_norm(x, None, None, w, None, True))
        top = lib.instance_norm(x, w, None, None, None, True, 0.1, 1e-5, False)
        assert lib.equal(top, F.instance_norm(x, None, None, w))
        assert lib.equal(lib.layer_norm(x, (4,)), F.layer_norm(x, [4]))
        assert lib.equal(lib.group_norm(x, 3, w), F.group_norm(x, 3, w))
        assert lib.equal(lib.rms_norm(x, (3, 4)), F.rms_norm(x, (3, 4)))


NORMS = {
    "layer": lambda lib, x: lib.nn.functional.layer_norm(x, x.shape[1:]),
    "group": lambda lib, x: lib.nn.functional.group_norm(x, 1),
    "batch": lambda lib, x: lib.nn.functional.batch_norm(x, None, None, training=True),
    "instance": lambda lib, x: lib.nn.functional.instance_norm(x),
}


@pytest.mark.parametrize("inner", [5, 200])
@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
def test_a_large_mean_costs_no_digits(norm, inner):
    x = batch(fg, (40, 2, inner)) + 1e3
    exact = x.double().requires_grad_()
    rough = x.requires_grad_()
    expected, found = norm(fg, exact), norm(fg, rough)
    close(found, expected, 1e-3)
    weights = batch(fg, x.shape, 1)
    expected.backward(weights.double())
    found.backward(weights)
    close(rough.grad, exact.grad, 2e-3)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_batch_norm_are_those_of_torch(torch, shape, training):
    def run(lib):
        x = batch(lib, shape).requires_grad_()
        weight, bias = batch(lib, (3,), 1).requires_grad_(), lib.zeros(3).requires_grad_()
        y = lib.nn.functional.batch_norm(x, lib.ones(3), lib.ones(3), weight, bias, training)
        y.backward(batch(lib, shape, 2))
        return y.detach(), x.grad, weight.grad, bias.grad

    for ours, theirs in zip(run(fg), run(torch), strict=True):
        close(ours, theirs, 1e-4)


def test_default_eps_of_rms_norm_is_that_of_the_dtype(torch):
    for dtype in ("float32", "float64"):
        x, y = (lib.tensor([[1e-4, -2e-4]], dtype=getattr(lib, dtype)) for lib in (fg, torch))
        close(F.rms_norm(x, (2,)), torch.nn.functional.rms_norm(y, (2,)), 1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_floats(dtype):
    x = batch(fg, (4, 3, 20)).to(getattr(fg, dtype)).requires_grad_()
    for norm in NORMS.values():
        y = norm(fg, x)
        assert y.dtype == x.dtype
        np.testing.assert_allclose(
            y.tolist(), norm(fg, x.detach().double()).tolist(), rtol=2e-2, atol=2e-2
        )
        (grad,) = fg.autograd.grad(y.sum(), x)
        assert grad.dtype == x.dtype


def test_nothing_is_normalized():
    assert F.layer_norm(fg.zeros(3, 0), (0,)).shape == (3, 0)
    x = fg.zeros(0, 3, 4, requires_grad=True)
    mean, variance = fg.zeros(3), fg.ones(3)
    weight = fg.ones(3, requires_grad=True)
    for y in (
        F.batch_norm(x, mean, variance, weight, training=True),
        F.group_norm(x, 3, weight),
        F.layer_norm(x, (4,)),
    ):
        assert y.shape == x.shape
        y.sum().backward()
    assert (mean.tolist(), variance.tolist()) == ([0.0] * 3, [1.0] * 3)
    assert weight.grad.tolist() == [0.0] * 3
    assert F.instance_norm(fg.zeros(2, 0, 3)).shape == (2, 0, 3)
    assert F.local_response_norm(x.detach(), 2).shape == x.shape


def test_a_vector_of_zeros_is_not_divided_by_zero():
    x = fg.zeros(2, 3, requires_grad=True)
    for p in (2.0, 1.0, 3.0, 4.0, float("inf")):
        y = F.normalize(x, p)
        assert y.tolist() == [[0.0] * 3] * 2
        (grad,) = fg.autograd.grad(y.sum(), x)
        assert grad.isfinite().all()
    assert F.normalize(x + 1, dim=None).sum().item() == pytest.approx(6**0.5)
    assert F.normalize(x + 1, dim=(0, 1)).sum().item() == pytest.approx(6**0.5)


X = fg.zeros(2, 4)
W3, ONE = fg.zeros(3), fg.ones(4)
ERRORS = {
    "layer_norm: shape": (RuntimeError, r"\[3\].*\[2, 4\]", lambda: F.layer_norm(X, (3,))),
    "layer_norm: no shape": (RuntimeError, "at least 1", lambda: F.layer_norm(X, ())),
    "layer_norm: longer": (RuntimeError, r"\[1, 2, 4\]", lambda: F.layer_norm(X, (1, 2, 4))),
    "layer_norm: int": (TypeError, ".", lambda: F.layer_norm(X, 4)),
    "layer_norm: weight": (
        RuntimeError,
        r"weight.*\[4\].*\[3\]",
        lambda: F.layer_norm(X, (4,), W3),
    ),
    "layer_norm: bias": (RuntimeError, "bias", lambda: F.layer_norm(X, (4,), None, W3)),
    "layer_norm: dtype": (
        RuntimeError,
        "float32.*float64",
        lambda: F.layer_norm(X, (4,), ONE.double()),
    ),
    "layer_norm: integers": (NotImplementedError, "int64", lambda: F.layer_norm(X.long(), (4,))),
    "layer_norm: eps": (TypeError, ".", lambda: F.layer_norm(X, (4,), eps="a")),
    "rms_norm: shape": (RuntimeError, r"rms_norm.*\[3\]", lambda: F.rms_norm(X, (3,))),
    "group_norm: groups": (RuntimeError, "divisible.*3", lambda: F.group_norm(X, 3)),
    "group_norm: no groups": (RuntimeError, "greater than 0.*0", lambda: F.group_norm(X, 0)),
    "group_norm: dimensions": (RuntimeError, r"2 dimensions.*\[4\]", lambda: F.group_norm(X[0], 2)),
    "group_norm: one element": (ValueError, r"\[1, 4\]", lambda: F.group_norm(X[:1], 4)),
    "group_norm: weight": (RuntimeError, "weight", lambda: F.group_norm(X, 2, W3)),
    "batch_norm: no statistics": (
        RuntimeError,
        "evaluation",
        lambda: F.batch_norm(X, None, None),
    ),
    "batch_norm: half the statistics": (
        ValueError,
        "both",
        lambda: F.batch_norm(X, ONE, None, training=True),
    ),
    "batch_norm: statistics": (RuntimeError, r"\[4\].*\[3\]", lambda: F.batch_norm(X, W3, W3)),
    "batch_norm: one element": (
        ValueError,
        r"more than 1 value.*\[1, 4\]",
        lambda: F.batch_norm(X[:1], None, None, training=True),
    ),
    "batch_norm: dimensions": (RuntimeError, "2 dim", lambda: F.batch_norm(ONE, ONE, ONE)),
    "batch_norm: number": (
        RuntimeError,
        "2 dim",
        lambda: F.batch_norm(fg.tensor(1.0), None, None, training=True),
    ),
    "instance_norm: dimensions": (ValueError, "spatial", lambda: F.instance_norm(X)),
    "instance_norm: no statistics": (
        RuntimeError,
        "use_input_stats",
        lambda: F.instance_norm(X[None], use_input_stats=False),
    ),
    "local_response_norm: dimensions": (ValueError, "3D", lambda: F.local_response_norm(X, 2)),
    "local_response_norm: size": (
        RuntimeError,
        "size.*0",
        lambda: F.local_response_norm(X[None], 0),
    ),
    "normalize: dim": (IndexError, "5", lambda: F.normalize(X, dim=5)),
    "normalize: integers": (RuntimeError, "int64", lambda: F.normalize(X.long())),
    "backward: statistics": (
        RuntimeError,
        "statistics",
        lambda: fg._core.batch_norm_backward(X, X, None, W3, W3, True),
    ),
}


@pytest.mark.parametrize(("error", "message", "call"), ERRORS.values(), ids=ERRORS)
def test_message(error, message, call):
    with pytest.raises(error, match=message):
        call()
