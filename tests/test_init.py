"""Initialisers: the numbers of torch for the same seed, their distributions, errors."""

import math

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.nn import init

CASES = [
    ("uniform_", (7, 5), {"a": -2.0, "b": 3.0}),
    ("normal_", (7, 5), {"mean": 1.0, "std": 0.5}),
    ("normal_", (3,), {}),
    ("constant_", (2, 2), {"val": 0.3}),
    ("ones_", (3,), {}),
    ("zeros_", (3,), {}),
    ("eye_", (3, 5), {}),
    ("xavier_uniform_", (7, 5), {"gain": 2.0}),
    ("xavier_normal_", (4, 3, 2, 2), {}),
    ("kaiming_uniform_", (7, 5), {"a": math.sqrt(5)}),
    ("kaiming_uniform_", (4, 3, 2), {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", (7, 5), {"nonlinearity": "tanh"}),
    ("kaiming_normal_", (7, 5), {"mode": "FAN_OUT"}),
    ("trunc_normal_", (200,), {"std": 0.02}),
    ("trunc_normal_", (200,), {"std": 1.0, "a": -1.0, "b": 1.5}),
    ("trunc_normal_", (200,), {"a": 0.5, "b": 0.75}),
    ("trunc_normal_", (200,), {"a": 2.0, "b": 3.0}),
    ("orthogonal_", (4, 6), {"gain": 2.0}),
    ("orthogonal_", (6, 2, 2), {}),
    ("dirac_", (4, 3, 3), {}),
    ("dirac_", (4, 2, 3, 4), {"groups": 2}),
    ("dirac_", (2, 2, 3, 3, 3), {}),
    ("sparse_", (6, 4), {"sparsity": 0.4}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "shape", "options"), CASES)
def test_numbers_are_those_of_torch(torch, name, shape, options, dtype):
    results = []
    for lib in (fg, torch):
        lib.manual_seed(11)
        tensor = lib.empty(shape, dtype=getattr(lib, dtype))
        result = getattr(lib.nn.init, name)(tensor, **options)
        assert result is tensor
        results.append(result.reshape(-1).tolist())
    assert results[0] == pytest.approx(results[1], rel=2e-5, abs=2e-6)


RANDOM = sorted({name for name, _, _ in CASES} - {"constant_", "ones_", "zeros_", "eye_", "dirac_"})


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_gives_the_numbers(name):
    options = {"sparsity": 0.0} if name == "sparse_" else {}
    function = getattr(init, name)
    first = function(fg.empty(4, 4), generator=fg.Generator().manual_seed(5), **options)
    fg.manual_seed(99)
    again = function(fg.empty(4, 4), generator=fg.Generator().manual_seed(5), **options)
    other = function(fg.empty(4, 4), generator=fg.Generator().manual_seed(6), **options)
    assert fg.equal(first, again)
    assert not fg.equal(first, other)


@pytest.mark.parametrize(("name", "shape", "options"), CASES)
def test_parameters_are_filled_outside_the_graph(name, shape, options):
    parameter = fg.nn.Parameter(fg.empty(shape))
    assert getattr(init, name)(parameter, **options) is parameter
    assert parameter.requires_grad
    assert parameter.is_leaf


def test_strided_parameters_are_filled():
    base = fg.zeros(4, 6)
    init.constant_(base.t()[1:3], 1.0)
    assert base.sum().item() == 8
    init.orthogonal_(base.t())
    assert fg.allclose(base @ base.t(), fg.eye(4), atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3)])
def test_orthogonal_matrices_are_orthogonal(shape):
    q = init.orthogonal_(fg.empty(shape, dtype=fg.float64))
    q = q if shape[0] <= shape[1] else q.t()
    assert fg.allclose(q @ q.t(), fg.eye(min(shape), dtype=fg.float64))
    assert init.orthogonal_(fg.empty(0, 3)).shape == (0, 3)


def test_truncated_normal_stays_in_bounds_also_in_the_tail():
    for a, b in ((-1.0, 1.0), (0.0, 0.1), (2.0, 1e9), (-1e9, -1.5)):
        values = init.trunc_normal_(fg.empty(500), a=a, b=b)
        assert values.min().item() >= a
        assert values.max().item() <= b
    tail = init.trunc_normal_(fg.empty(2000, dtype=fg.float64), a=1.5, b=1e9)
    assert tail.mean().item() == pytest.approx(1.9386, abs=0.05)
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(fg.empty(50), mean=0.0, a=30.0, b=1e6)


def test_sparse_columns_have_their_zeros():
    values = init.sparse_(fg.empty(10, 4), sparsity=0.35)
    assert (values == 0).long().sum(0).tolist() == [4, 4, 4, 4]


@pytest.mark.parametrize(
    ("name", "param"),
    [
        ("linear", None),
        ("conv2d", None),
        ("conv_transpose3d", None),
        ("sigmoid", None),
        ("tanh", None),
        ("relu", None),
        ("selu", None),
        ("leaky_relu", None),
        ("leaky_relu", 0.2),
        ("leaky_relu", 1),
    ],
)
def test_gains(torch, name, param):
    assert init.calculate_gain(name, param) == torch.nn.init.calculate_gain(name, param)


@pytest.mark.parametrize(
    "call",
    [
        lambda: init.calculate_gain("swish"),
        lambda: init.calculate_gain("leaky_relu", True),
        lambda: init.calculate_gain("leaky_relu", "0.1"),
        lambda: init.eye_(fg.empty(3)),
        lambda: init.sparse_(fg.empty(3), 0.5),
        lambda: init.xavier_uniform_(fg.empty(3)),
        lambda: init.kaiming_normal_(fg.empty(3)),
        lambda: init.kaiming_uniform_(fg.empty(3, 3), mode="fan"),
        lambda: init.orthogonal_(fg.empty(3)),
        lambda: init.dirac_(fg.empty(3, 3)),
        lambda: init.dirac_(fg.empty(3, 3, 3), groups=2),
    ],
)
def test_bad_arguments(call):
    with pytest.raises(ValueError):  # noqa: PT011 - each has a message of its own
        call()


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
def test_tensors_without_elements_warn(name):
    with pytest.warns(UserWarning, match="zero-element"):
        getattr(init, name)(fg.empty(0, 3))


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (1, 4), (4, 1), (6, 2, 2, 2), (128, 128)])
def test_orthogonal_matrices_are_those_of_pytorch(torch, shape):
    drawn = []
    for t in (fg, torch):
        t.manual_seed(3)
        q = t.nn.init.orthogonal_(t.empty(*shape), gain=1.5)
        drawn.append((q.numpy(), t.rand(1).item()))
    np.testing.assert_allclose(drawn[0][0], drawn[1][0], atol=1e-5)
    assert drawn[0][1] == drawn[1][1], "another number of draws"
