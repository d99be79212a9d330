"""Dropout: PyTorch's masks, in place and out of place, and what happens to other shapes."""

import numpy as np
import pytest

import fastgrad as fg

F = fg.nn.functional
pytestmark = pytest.mark.core
SHAPES = {
    "dropout": [(40,), (5, 8)],
    "alpha_dropout": [(40,), (5, 8)],
    "dropout1d": [(6, 3), (4, 6, 3)],
    "dropout2d": [(4, 6, 3, 2)],
    "dropout3d": [(4, 6, 3, 1, 2), (6, 3, 1, 2)],
    "feature_alpha_dropout": [(4, 6, 3), (5, 8)],
}
CASES = [(name, shape) for name, shapes in SHAPES.items() for shape in shapes]


def run(lib, name, shape, p, inplace):
    lib.manual_seed(4)
    x = lib.arange(1.0, 1.0 + np.prod(shape)).view(shape).requires_grad_()
    y = x * 1
    out = getattr(lib.nn.functional, name)(y, p, training=True, inplace=inplace)
    assert (out is y) is inplace
    out.sum().backward()
    return [out.tolist(), x.grad.tolist(), lib.rand(1).tolist()]


@pytest.mark.parametrize("p", [0.4, 1.0, 1])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
def test_results_gradients_and_draws_are_those_of_torch(torch, name, shape, p, inplace):
    ours, theirs = (run(lib, name, shape, p, inplace) for lib in (fg, torch))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
def test_in_place_results_are_those_out_of_place(name, shape):
    for a, b in zip(run(fg, name, shape, 0.4, False), run(fg, name, shape, 0.4, True), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
def test_nothing_is_dropped_in_evaluation_or_with_p_0(name, shape):
    x = fg.ones(shape)
    function = getattr(F, name)
    assert fg.equal(function(x, 0.5, training=False), x)
    assert fg.equal(function(x, 0.0, training=True), x)


def test_channels_are_dropped_whole():
    y = F.dropout2d(fg.ones(20, 10, 3, 4))
    per_channel = y.view(200, 12)
    assert ((per_channel == 0).all(1) | (per_channel == 2).all(1)).all()
    assert 50 < (per_channel[:, 0] == 0).sum().item() < 150


def test_alpha_dropout_keeps_mean_and_variance():
    fg.manual_seed(0)
    y = F.alpha_dropout(fg.randn(100_000), 0.3, training=True)
    assert abs(y.mean().item()) < 0.02
    assert abs(y.std().item() - 1) < 0.02


def test_spelling_of_the_package(torch):
    for lib in (fg, torch):
        x = lib.ones(50)
        assert lib.equal(lib.dropout(x, 0.5, train=False), x)
        lib.manual_seed(1)
        first = lib.dropout(x, 0.5, True)
        lib.manual_seed(1)
        assert lib.equal(first, lib.nn.functional.dropout(x, 0.5))
        with pytest.raises(RuntimeError, match="between 0 and 1"):
            lib.dropout(x, 2.0, True)


UNEXPECTED = [("dropout2d", (2, 3, 4)), ("dropout2d", (2, 3)), ("dropout3d", (2, 3))]


@pytest.mark.parametrize(("name", "shape"), UNEXPECTED, ids=str)
def test_unexpected_numbers_of_dimensions_are_warned_of(torch, name, shape):
    found = []
    for lib in (fg, torch):
        lib.manual_seed(2)
        with pytest.warns(UserWarning, match=f"{name}: Received a") as caught:
            found.append(getattr(lib.nn.functional, name)(lib.ones(shape)).tolist())
        assert caught[0].filename == __file__
    assert found[0] == found[1]


ERRORS = {
    "dropout: p": (ValueError, "1.5", lambda: F.dropout(fg.ones(2), 1.5)),
    "dropout: not a number": (TypeError, ".", lambda: F.dropout(fg.ones(2), "a")),
    "dropout: integers": (RuntimeError, ".", lambda: F.dropout(fg.tensor([1, 2]))),
    "dropout1d: p": (ValueError, "-1", lambda: F.dropout1d(fg.ones(2, 2), -1)),
    "dropout1d: dimensions": (RuntimeError, "1D", lambda: F.dropout1d(fg.ones(2))),
    "alpha_dropout: p": (ValueError, "2", lambda: F.alpha_dropout(fg.ones(2), 2)),
    "feature_alpha_dropout: dimensions": (
        RuntimeError,
        r"2 dimensions.*\[2\]",
        lambda: F.feature_alpha_dropout(fg.ones(2), training=True),
    ),
}


@pytest.mark.parametrize(("error", "message", "call"), ERRORS.values(), ids=ERRORS)
def test_message(error, message, call):
    with pytest.raises(error, match=message):
        call()
