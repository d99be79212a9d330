"""Modules: state dicts, conversion, printing."""

from collections import OrderedDict

import pytest

import fastgrad as fg
from fastgrad import nn
from nn_helpers import Net, mirrored, same


def test_state_dict_holds_detached_views():
    net = Net()
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert "cache" not in state
    assert "nothing" not in state
    assert not state["scale"].requires_grad
    state["scale"].zero_()
    assert net.scale.tolist() == [0.0, 0.0]
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert next(iter(net.state_dict(prefix="model."))) == "model.scale"
    assert net.state_dict(destination=state) is state


def test_load_copies_values_and_converts_dtypes():
    net, other = Net(), Net().double()
    before = net.scale
    result = net.load_state_dict(other.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert (result.missing_keys, result.unexpected_keys) == ([], [])
    assert net.scale is before
    assert net.scale.dtype == fg.float32
    assert same(net.body[0].weight, other.body[0].weight.float())


def test_load_with_assign_takes_the_tensors():
    net, state = Net(), Net().double().state_dict()
    net.scale.requires_grad_(False)
    net.load_state_dict(state, assign=True)
    assert net.body[0].weight.dtype == fg.float64
    assert isinstance(net.body[0].weight, nn.Parameter)
    assert net.body[0].weight.requires_grad
    assert not net.scale.requires_grad
    assert net.count is state["count"]
    assert mirrored(net)


def test_load_reports_everything_and_changes_nothing():
    net, state = Net(), Net().state_dict()
    before = net.body[0].weight.clone()
    state["body.0.wieght"] = state.pop("body.0.weight")
    state["scale"] = fg.ones(7)
    state["count"] = "text"
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    lines = str(caught.value).split("\n\t")
    assert lines[0] == "Error(s) in loading state_dict for Net:"
    assert 'Missing key(s) in state_dict: "body.0.weight".' in lines
    assert any("body.0.wieght" in line and '"body.0.weight")' in line for line in lines)
    assert any(line.startswith("size mismatch for scale") and "7" in line for line in lines)
    assert any("count" in line and "str" in line for line in lines)
    assert same(net.body[0].weight, before)
    assert net.scale.tolist() == [1.0, 1.0]


def test_load_without_strict_reports_names_but_still_checks_shapes():
    net, state = Net(), Net().state_dict()
    del state["scale"]
    state["extra"] = fg.ones(1)
    result = net.load_state_dict(state, strict=False)
    missing, unexpected = result
    assert (missing, unexpected) == (["scale"], ["extra"])
    assert "extra" in repr(result)
    state["count"] = fg.ones(9)
    with pytest.raises(RuntimeError, match="size mismatch for count"):
        net.load_state_dict(state, strict=False)


def test_load_wants_a_mapping():
    with pytest.raises(TypeError, match="dict-like"):
        Net().load_state_dict([1, 2])


def test_conversion_keeps_the_parameters_and_converts_their_gradients():
    net = Net()
    net.register_buffer("steps", fg.zeros(1, dtype=fg.int64))
    weight = net.body[0].weight
    net(fg.ones(1, 4)).sum().backward()
    assert net.double() is net
    assert net.body[0].weight is weight
    assert weight.dtype == weight.grad.dtype == net.count.dtype == fg.float64
    assert net.steps.dtype == fg.int64
    assert weight.requires_grad
    assert weight.is_leaf
    assert net(fg.ones(1, 4, dtype=fg.float64)).dtype == fg.float64
    assert net.float().count.dtype == fg.float32
    assert mirrored(net)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((fg.float64,), {}),
        (("cpu", fg.float64), {}),
        ((), {"dtype": fg.float64}),
        ((), {"device": "cpu", "dtype": fg.float64}),
        ((fg.zeros(1, dtype=fg.float64),), {}),
        ((), {"tensor": fg.zeros(1, dtype=fg.float64)}),
    ],
)
def test_to_understands_all_spellings(args, kwargs):
    net = nn.Linear(2, 2).to(*args, **kwargs)
    assert net.weight.dtype == fg.float64


def test_to_device_changes_nothing_on_the_cpu():
    net = nn.Linear(2, 2)
    weight = net.weight.clone()
    assert net.to("cpu").cpu().to(fg.device("cpu")) is net
    assert same(net.weight, weight)


def test_to_refuses_integers():
    with pytest.raises(TypeError, match="floating"):
        nn.Linear(2, 2).to(fg.int64)


def test_repr_of_parameters_and_modules():
    assert repr(nn.Parameter(fg.ones(2))) == (
        "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    )
    assert repr(nn.Module()) == "Module()"
    assert repr(nn.ModuleList()) == "ModuleList()"


def zoo(lib):
    """The same modules in any library with this API."""
    nn = lib.nn
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp
            self.list = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), mlp, mlp])
            self.dict = nn.ModuleDict({"a": nn.Tanh(), "b": nn.Softmax(dim=1)})
            self.gone = nn.ReLU()
            self.gone = None

        def extra_repr(self):
            return "first line\nsecond line"

    return [
        Net(),
        nn.ReLU(inplace=True),
        nn.Sigmoid(),
        nn.LogSoftmax(dim=-1),
        nn.Dropout(0.25, inplace=True),
        nn.Unflatten(1, (2, 3)),
        nn.Identity(3, some="thing"),
        nn.ModuleList([mlp, mlp]),
        nn.ModuleDict(),
        nn.Sequential(),
        nn.CrossEntropyLoss(weight=lib.ones(3), label_smoothing=0.1),
        nn.NLLLoss(ignore_index=0),
        nn.BCELoss(),
        nn.BCEWithLogitsLoss(pos_weight=lib.ones(1)),
        nn.MSELoss(reduction="sum"),
        nn.L1Loss(),
    ]


def test_reprs_and_state_dict_keys_are_those_of_torch(torch):
    for ours, theirs in zip(zoo(fg), zoo(torch), strict=True):
        assert repr(ours) == repr(theirs)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
