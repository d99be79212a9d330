"""Losses with kernels of their own, in sizes of several blocks, against formulas in NumPy."""

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import func
from fastgrad.nn import functional as F

pytestmark = pytest.mark.core
N = 9001  # three blocks of sums, the last with a part of a vector


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def huber(d, delta):
    return np.where(np.abs(d) < delta, d * d / 2, delta * (np.abs(d) - delta / 2))


# name: loss, its values, its slopes, the target's domain
LOSSES = {
    "mse": (F.mse_loss, lambda x, t: (x - t) ** 2, lambda x, t: 2 * (x - t)),
    "huber": (
        lambda x, t, **how: F.huber_loss(x, t, delta=0.5, **how),
        lambda x, t: huber(x - t, 0.5),
        lambda x, t: np.clip(x - t, -0.5, 0.5),
    ),
    "smooth l1": (
        lambda x, t, **how: F.smooth_l1_loss(x, t, beta=0.25, **how),
        lambda x, t: huber(x - t, 0.25) / 0.25,
        lambda x, t: np.clip(x - t, -0.25, 0.25) / 0.25,
    ),
    "kl_div": (F.kl_div, lambda x, t: t * (np.log(t) - x), lambda x, t: -t),
    "kl_div log": (
        lambda x, t, **how: F.kl_div(x, t, log_target=True, **how),
        lambda x, t: np.exp(t) * (t - x),
        lambda x, t: -np.exp(t),
    ),
    "bce with logits": (
        F.binary_cross_entropy_with_logits,
        lambda x, t: (1 - t) * x + softplus(-x),
        lambda x, t: 1 / (1 + np.exp(-x)) - t,
    ),
}
LOSS = pytest.mark.parametrize("name", LOSSES)


def drawn(n, dtype):
    rng = np.random.default_rng(n)
    return rng.standard_normal(n).astype(dtype), rng.random(n).astype(dtype)


@LOSS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 5, 4096, N])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_values_and_gradients(name, dtype, n, reduction):
    loss, value, slope = LOSSES[name]
    x, t = drawn(n, dtype)
    input = fg.from_numpy(x.copy()).requires_grad_()
    found = loss(input, fg.from_numpy(t), reduction=reduction)
    found.sum().backward()
    x, t = x.astype("float64"), t.astype("float64")
    scale = 1 / n if reduction == "mean" else 1
    wanted = value(x, t) if reduction == "none" else value(x, t).sum() * scale
    rtol = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(
        input.grad.numpy(), slope(x, t) * scale, rtol=rtol, atol=rtol * scale
    )


@LOSS
def test_one_gradient_for_each_element(name):
    loss, _, slope = LOSSES[name]
    x, t = drawn(N, "float64")
    input, weights = fg.from_numpy(x).requires_grad_(), fg.linspace(-1, 1, N, dtype=fg.float64)
    loss(input, fg.from_numpy(t), reduction="none").backward(weights)
    np.testing.assert_allclose(input.grad.numpy(), slope(x, t) * weights.numpy(), rtol=1e-12)


@LOSS
def test_second_gradients_and_vmap_agree(name):
    loss = LOSSES[name][0]
    x, t = (fg.from_numpy(a).view(3, 4) for a in drawn(12, "float64"))
    rows = func.vmap(func.grad(lambda a, b: loss(a, b, reduction="sum")))(x, t)
    input = x.clone().requires_grad_()
    (first,) = fg.autograd.grad(loss(input, t, reduction="sum"), input, create_graph=True)
    fg.testing.assert_close(rows, first.detach())
    assert fg.autograd.gradgradcheck(lambda a: loss(a, t, reduction="mean"), (input,))


def test_the_target_of_a_difference_has_a_gradient():
    x, t = (fg.from_numpy(a).requires_grad_() for a in drawn(N, "float64"))
    for loss in (F.mse_loss, F.huber_loss, F.smooth_l1_loss):
        to_input, to_target = fg.autograd.grad(loss(x, t), (x, t))
        assert fg.equal(to_input, -to_target)


def test_an_empty_mean_is_nan_and_an_empty_sum_is_0():
    x = fg.zeros(0, requires_grad=True)
    assert F.mse_loss(x, fg.zeros(0)).isnan()
    assert F.mse_loss(x, fg.zeros(0), reduction="sum") == 0


def test_nan_and_infinity_are_kept():
    x = fg.tensor([float("nan"), float("inf"), float("-inf"), 1.0])
    for loss in (F.mse_loss, F.huber_loss, F.smooth_l1_loss):
        found = loss(x, fg.zeros(4), reduction="none").tolist()
        assert found[0] != found[0]
        assert found[1:3] == [float("inf")] * 2
    assert F.kl_div(fg.zeros(1), fg.zeros(1), reduction="sum") == 0


@pytest.mark.parametrize("rows", [3, 9001])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", [False, True])
def test_nll_loss_of_many_rows(rows, reduction, weighted):
    rng = np.random.default_rng(rows)
    x, y = rng.standard_normal((rows, 7)), rng.integers(0, 7, rows)
    y[::4] = -100
    factors = rng.random(7) if weighted else np.ones(7)
    counts = np.where(y < 0, 0, factors[y])
    values = -x[np.arange(rows), y] * counts
    scale = 1 / counts.sum() if reduction == "mean" else 1
    slopes = np.zeros_like(x)
    slopes[np.arange(rows), y] = -counts * scale
    input = fg.from_numpy(x).requires_grad_()
    weight = fg.from_numpy(factors) if weighted else None
    found = F.nll_loss(input, fg.from_numpy(y), weight, reduction=reduction)
    wanted = values if reduction == "none" else values.sum() * scale
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-12)
    found.sum().backward()
    np.testing.assert_allclose(input.grad.numpy(), slopes, rtol=1e-12)
