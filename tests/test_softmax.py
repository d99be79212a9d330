"""What the op table cannot say of softmax and what is made of it."""

import numpy as np
import pytest

import fastgrad as fg

F = fg.nn.functional
pytestmark = pytest.mark.core
X = fg.tensor([[1, 2], [3, 5]])


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_dtype_converts_the_input_first(torch, name):
    theirs = getattr(torch.nn.functional, name)(torch.tensor(X.tolist()), 1, dtype=torch.float64)
    for function in (getattr(F, name), *([getattr(fg, name)] if hasattr(fg, name) else [])):
        y = function(X, 1, dtype=fg.float64)
        assert y.dtype == fg.float64
        np.testing.assert_allclose(y.tolist(), theirs.tolist(), rtol=1e-14)
    x = X.float().requires_grad_()
    getattr(F, name)(x, dim=0, dtype=fg.float64)[0].sum().backward()
    assert x.grad.dtype == fg.float32


def test_axis_is_another_name_of_dim():
    x = X.float()
    assert fg.equal(fg.softmax(x, axis=0), fg.softmax(x, 0))
    assert fg.equal(x.log_softmax(axis=0), fg.log_softmax(x, 0))
    assert fg.equal(x.softmax(-1, fg.float64), fg.softmax(x.double(), 1))


def test_no_dim_is_deprecated():
    with pytest.warns(UserWarning, match="dim"):
        assert fg.equal(F.softmin(X.float()), fg.softmax(-X.float(), 1))


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("dim", [-1, 0])
def test_gumbel_samples_and_gradients_are_those_of_torch(torch, hard, dim):
    def run(lib):
        lib.manual_seed(5)
        logits = lib.tensor([[0.1, 2.0, -1.0]] * 4, requires_grad=True)
        y = lib.nn.functional.gumbel_softmax(logits, tau=0.7, hard=hard, dim=dim)
        (y * lib.arange(12.0).view(4, 3)).sum().backward()
        return y.tolist(), logits.grad.tolist(), lib.rand(1).tolist()

    for ours, theirs in zip(run(fg), run(torch), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_hard_gumbel_samples_are_one_hot():
    y = F.gumbel_softmax(fg.zeros(50, 7), hard=True)
    assert ((y - 1).abs() < 1e-6).sum(1).tolist() == [1] * 50
    assert y.sum(1).sub(1).abs().max().item() < 1e-5


@pytest.mark.parametrize("dtype", [fg.float32, fg.float64])
@pytest.mark.parametrize("sizes", [(5, 64), (3, 301), (2, 7, 130), (3, 4, 9, 9), (1, 100)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_columns_are_done_as_rows_are(name, sizes, dtype):
    function = getattr(fg, name)
    dim = len(sizes) - 2 if len(sizes) < 4 else 1
    fg.manual_seed(0)
    x, g = 5 * fg.randn(sizes, dtype=dtype), fg.randn(sizes, dtype=dtype)
    x.view(-1)[3] = float("-inf")
    found, gradients = [], []
    for turned in (False, True):
        leaf = x.clone().requires_grad_()
        y = (
            function(leaf.transpose(dim, -1), -1).transpose(dim, -1)
            if turned
            else function(leaf, dim)
        )
        y.backward(g)
        found.append(y.detach())
        gradients.append(leaf.grad)
    fg.testing.assert_close(*found)
    fg.testing.assert_close(*gradients)


def test_columns_of_nan_and_infinity_become_nan():
    x = fg.zeros(4, 70)
    x[1, 2], x[2, 3], x[:, 4] = float("nan"), float("inf"), float("-inf")
    for y in (fg.softmax(x, 0), fg.log_softmax(x, 0)):
        assert y.isnan().all(0).nonzero().flatten().tolist() == [2, 3, 4]
        assert y.isnan().any(0).sum() == 3
