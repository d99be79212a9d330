"""Lazy modules: PyTorch's, bit for bit, once they know their input."""

import copy

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import nn
from nn_helpers import mirrored

LAZY = [
    ("LazyLinear", (5,), {}, (2, 3)),
    ("LazyLinear", (5, False), {}, (2, 3)),
    *((f"LazyConv{d}d", (4, 2), {}, (2, 3, *(5,) * d)) for d in (1, 2, 3)),
    ("LazyConv2d", (4, 2), {"groups": 2, "bias": False}, (6, 5, 5)),
    *((f"LazyConvTranspose{d}d", (4, 2, 2), {}, (2, 3, *(4,) * d)) for d in (1, 2, 3)),
    *((f"LazyBatchNorm{d}d", (), {}, (2, 3, *(5,) * d)) for d in (1, 2, 3)),
    *((f"LazyInstanceNorm{d}d", (), {}, (2, 3, *(5,) * d)) for d in (1, 2, 3)),
]
EVERY_ONE = pytest.mark.parametrize(("name", "args", "options", "shape"), LAZY)


@EVERY_ONE
def test_lazy_modules_become_those_of_torch(torch, name, args, options, shape):
    results = []
    for lib in (fg, torch):
        lib.manual_seed(5)
        module = getattr(lib.nn, name)(*args, **options)
        before = repr(module)
        out = module(lib.linspace(-1, 1, int(np.prod(shape))).reshape(shape))
        state = {key: x.numpy() for key, x in module.state_dict().items()}
        results.append((before, repr(module), type(module).__name__, state, out.detach().numpy()))
    ours, theirs = results
    assert ours[:3] == theirs[:3]
    assert list(ours[3]) == list(theirs[3])
    for key, expected in theirs[3].items():
        np.testing.assert_allclose(ours[3][key], expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(ours[4], theirs[4], rtol=1e-4, atol=1e-5)


def test_a_lazy_module_before_its_first_call():
    layer = nn.LazyLinear(3)
    assert layer.has_uninitialized_params()
    assert repr(layer.weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="shape of an uninitialized"):
        _ = layer.weight.shape
    parameters = list(layer.parameters())
    twin = copy.deepcopy(layer)
    layer(fg.ones(2, 4))
    assert twin.has_uninitialized_params()
    assert next(layer.parameters()) is parameters[0]
    assert mirrored(layer)
    twin.load_state_dict(layer.state_dict())
    assert fg.equal(twin(fg.ones(1, 4)), layer(fg.ones(1, 4)))
    assert type(twin) is nn.Linear


def test_a_lazy_network_trains_and_names_its_errors():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    with pytest.raises(RuntimeError, match=r"in 0 LazyConv2d\(.*Expected 3D .* or 4D"):
        net(fg.ones(2, 2))
    net(fg.ones(2, 1, 5, 5)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.double()
    assert net(fg.ones(2, 1, 5, 5, dtype=fg.float64)).dtype == fg.float64


def test_lazy_norms_learn_their_size_in_every_form():
    """PyTorch leaves it at 0 where there is nothing to make, and takes a wrong dimension here."""
    image, table = nn.LazyInstanceNorm2d(), nn.LazyBatchNorm1d(1e-5, 0.1, False, False)
    image(fg.ones(3, 5, 5))
    table(fg.ones(4, 3))
    assert (image.num_features, table.num_features) == (3, 3)
