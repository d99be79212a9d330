"""fastgrad.nn.utils against PyTorch's."""

import copy

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import nn
from nn_helpers import mirrored


def gradients(lib):
    parameters = [lib.zeros(2, 3, requires_grad=True), lib.zeros(4, requires_grad=True)]
    parameters[0].grad = lib.linspace(-3, 4, 6).reshape(2, 3)
    parameters[1].grad = lib.linspace(0, 2, 4)
    return [*parameters, lib.zeros(1, requires_grad=True)]


@pytest.mark.parametrize("order", [1.0, 2.0, 3.5, float("inf")])
@pytest.mark.parametrize("most", [0.5, 100.0])
def test_clipped_norms_are_those_of_torch(torch, order, most):
    ours, theirs = gradients(fg), gradients(torch)
    total = nn.utils.clip_grad_norm_(iter(ours), most, order)
    expected = torch.nn.utils.clip_grad_norm_(theirs, most, order)
    assert total.item() == pytest.approx(expected.item(), rel=1e-6)
    for a, b in zip(ours[:2], theirs[:2], strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-6)


def test_clipping():
    parameters = gradients(fg)
    nn.utils.clip_grad_value_(parameters, 1)
    assert parameters[0].grad.abs().max().item() == 1.0
    nn.utils.clip_grad_value_(parameters[1], 0.5)
    assert parameters[1].grad.max().item() == 0.5
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0
    parameters[0].grad[0, 0] = float("nan")
    assert nn.utils.clip_grad_norm_(parameters, 1.0).isnan()
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)


def test_vectors_of_parameters():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (13,)
    nn.utils.vector_to_parameters(fg.arange(13.0), net.parameters())
    assert net[1].bias.tolist() == [12.0]
    assert all(p.requires_grad and p.is_leaf for p in net.parameters())
    with pytest.raises(TypeError):
        nn.utils.vector_to_parameters([1.0], net.parameters())
    with pytest.raises(RuntimeError, match="too short"):
        nn.utils.vector_to_parameters(fg.ones(3), net.parameters())


LAYERS = [
    lambda nn: nn.Linear(3, 4),
    lambda nn: nn.Conv2d(3, 4, 2),
    lambda nn: nn.ConvTranspose1d(3, 4, 2),
]
SHAPES = [(2, 3), (2, 3, 4, 4), (2, 3, 4)]
NORMS = [
    lambda lib, layer: lib.nn.utils.weight_norm(layer),
    lambda lib, layer: lib.nn.utils.weight_norm(layer, dim=None),
    lambda lib, layer: lib.nn.utils.spectral_norm(layer),
    lambda lib, layer: lib.nn.utils.parametrizations.weight_norm(layer, dim=1),
    lambda lib, layer: lib.nn.utils.parametrizations.spectral_norm(layer, n_power_iterations=2),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("normalize", NORMS)
@pytest.mark.parametrize(("make", "shape"), list(zip(LAYERS, SHAPES, strict=True)))
def test_normalized_weights_are_those_of_torch(torch, normalize, make, shape):
    results = []
    for lib in (fg, torch):
        lib.manual_seed(3)
        layer = normalize(lib, make(lib.nn))
        for _ in range(2):
            out = layer(lib.linspace(-1, 1, int(np.prod(shape))).reshape(shape))
        (out * out).sum().backward()
        state = {key: x.detach().numpy() for key, x in layer.state_dict().items()}
        grads = {f"grad {key}": p.grad.numpy() for key, p in layer.named_parameters()}
        results.append({**state, **grads, "out": out.detach().numpy()})
    ours, theirs = results
    assert ours.keys() == theirs.keys()
    for key, expected in theirs.items():
        np.testing.assert_allclose(ours[key], expected, rtol=2e-4, atol=2e-5, err_msg=key)


def test_normalizations_can_be_removed():
    for put, remove in (
        (nn.utils.weight_norm, nn.utils.remove_weight_norm),
        (nn.utils.spectral_norm, nn.utils.remove_spectral_norm),
    ):
        layer = put(nn.Linear(3, 4)).eval()
        before = layer(fg.ones(1, 3))
        with pytest.raises(RuntimeError, match="Cannot register two"):
            put(layer)
        assert list(remove(layer).state_dict()) == ["bias", "weight"]
        assert mirrored(layer)
        assert fg.allclose(layer(fg.ones(1, 3)), before)
        with pytest.raises(ValueError, match="not found"):
            remove(layer)


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).mT


def test_parametrized_weights():
    parametrize = nn.utils.parametrize
    layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    assert repr(layer) == (
        "ParametrizedLinear(\n  in_features=3, out_features=3, bias=True\n"
        "  (parametrizations): ModuleDict(\n    (weight): ParametrizationList(\n"
        "      (0): Symmetric()\n    )\n  )\n)"
    )
    assert [name for name, _ in layer.named_parameters()] == [
        "bias",
        "parametrizations.weight.original",
    ]
    assert isinstance(layer, nn.Linear)
    assert parametrize.is_parametrized(layer, "weight")
    layer(fg.ones(1, 3)).sum().backward()
    assert layer.parametrizations.weight.original.grad is not None
    twin = copy.deepcopy(layer)
    assert fg.equal(twin.weight, layer.weight)
    assert twin.parametrizations.weight.original is not layer.parametrizations.weight.original
    with pytest.raises(RuntimeError, match="state_dict"):
        layer.__reduce__()
    weight = layer.weight
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert fg.equal(layer.weight, weight)
    assert mirrored(layer)
    assert type(twin).__name__ == "ParametrizedLinear"


def test_parametrizations_that_do_not_fit():
    parametrize = nn.utils.parametrize

    class Longer(nn.Module):
        def forward(self, x):
            return fg.cat([x, x])

    with pytest.raises(ValueError, match="may not change the shape"):
        parametrize.register_parametrization(nn.Linear(3, 3), "weight", Longer())
    layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Longer(), unsafe=True)
    assert layer.weight.shape == (6, 3)
    with pytest.raises(ValueError, match="does not have a parameter"):
        parametrize.register_parametrization(nn.Linear(3, 3), "nothing", Symmetric())
    with pytest.raises(ValueError, match="does not have a parametrization"):
        parametrize.remove_parametrizations(nn.Linear(3, 3), "weight")


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3)])
@pytest.mark.parametrize("mapping", ["matrix_exp", "cayley"])
def test_orthogonal_weights_stay_orthogonal(shape, mapping):
    fg.manual_seed(1)
    layer = nn.utils.parametrizations.orthogonal(
        nn.Linear(shape[1], shape[0]), orthogonal_map=mapping
    )
    optimizer = fg.optim.SGD(layer.parameters(), lr=0.1)
    first = layer.weight.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        (layer(fg.ones(2, shape[1])) ** 2).sum().backward()
        optimizer.step()
    weight = layer.weight
    small = weight @ weight.mT if shape[0] <= shape[1] else weight.mT @ weight
    assert fg.allclose(small, fg.eye(min(shape)), atol=1e-5)
    assert not fg.allclose(weight, first, atol=1e-3)


def test_skip_init_leaves_the_generator_alone():
    state = fg.get_rng_state()
    assert nn.utils.skip_init(nn.Linear, 3, out_features=2).weight.shape == (2, 3)
    assert fg.equal(fg.get_rng_state(), state)
    with pytest.raises(RuntimeError, match="'device'"):
        nn.utils.skip_init(nn.ReLU)


@pytest.mark.parametrize(
    ("make", "norm", "shape"),
    [
        (lambda: nn.Conv2d(2, 3, 2, bias=False), nn.BatchNorm2d, (1, 2, 4, 4)),
        (lambda: nn.ConvTranspose2d(2, 3, 2), nn.BatchNorm2d, (1, 2, 4, 4)),
        (lambda: nn.Linear(2, 3), nn.BatchNorm1d, (4, 2)),
    ],
)
def test_fused_batch_norm(make, norm, shape):
    layer, after = make(), norm(3)
    after(layer(fg.randn(8, *shape[1:])))
    layer.eval(), after.eval()
    with pytest.raises(AssertionError, match="eval"):
        nn.utils.fuse_conv_bn_eval(make().train(), after)
    fused = nn.utils.fuse_conv_bn_eval(layer, after, transpose=getattr(layer, "transposed", False))
    x = fg.randn(*shape)
    assert fg.allclose(fused(x), after(layer(x)), atol=1e-5)
