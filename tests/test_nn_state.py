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
    rows = [line.split() for line in lines]
    assert ["body.0.weight", "missing", "(3,", "4)", "-", "body.0.wieght"] in rows
    assert ["body.0.wieght", "unexpected", "-", "(3,", "4)", "body.0.weight"] in rows
    assert ["scale", "wrong", "shape", "(2,)", "(7,)"] in rows
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


# Hooks, extra state and older forms


def test_state_dict_hooks():
    net, log = nn.Sequential(nn.Linear(2, 2)), []
    net[0].register_state_dict_pre_hook(lambda module, prefix, keep: log.append((prefix, keep)))
    net.register_state_dict_post_hook(lambda module, state, prefix, meta: state.pop("0.bias"))
    assert list(net.state_dict()) == ["0.weight"]
    assert log == [("0.", False)]
    plain = nn.Linear(2, 2)
    assert plain.state_dict(None, "a.", True)["a.bias"] is plain.bias


def test_hooks_of_loading():
    net = nn.Sequential(nn.Linear(2, 2))
    old = {"0.kernel": fg.ones(2, 2), "0.bias": fg.ones(2)}

    def rename(module, state, prefix, *rest):
        state[prefix + "weight"] = state.pop(prefix + "kernel")

    handle = net[0].register_load_state_dict_pre_hook(rename)
    assert str(net.load_state_dict(old)) == "<All keys matched successfully>"
    assert net[0].weight.sum().item() == 4.0
    assert "0.kernel" in old
    handle.remove()
    seen = []

    def forgive(module, keys):
        seen.append(list(keys.missing_keys))
        keys.missing_keys.clear()

    net.register_load_state_dict_post_hook(forgive)
    net.load_state_dict({"0.bias": fg.zeros(2)})
    assert seen == [["0.weight"]]
    assert net[0].bias.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="Unexpected key"):
        net.load_state_dict({"0.bias": fg.zeros(2), "other": fg.zeros(1)})
    net[0].register_load_state_dict_pre_hook(lambda *args: args[-1].append("a reason"))
    with pytest.raises(RuntimeError, match="a reason"):
        net.load_state_dict(net.state_dict())


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def get_extra_state(self):
        return {"calls": self.calls}

    def set_extra_state(self, state):
        self.calls = state["calls"]


def test_extra_state():
    net, other = nn.Sequential(Counter()), nn.Sequential(Counter())
    net[0].calls = 5
    state = net.state_dict()
    assert list(state) == ["0._extra_state"]
    other.load_state_dict(state)
    assert other[0].calls == 5
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({})
    with pytest.raises(RuntimeError, match="define get_extra_state"):
        nn.ReLU().get_extra_state()


def test_a_long_report_is_cut():
    layers = nn.ModuleList([nn.Linear(1, 1) for _ in range(40)])
    with pytest.raises(RuntimeError, match=r"and 50 more"):
        layers.load_state_dict({})


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda net: net.half(), "float16"),
        (lambda net: net.bfloat16(), "bfloat16"),
        (lambda net: net.double(), "float64"),
        (lambda net: net.type(fg.float64), "float64"),
    ],
)
def test_conversions(convert, dtype):
    net = nn.BatchNorm1d(2)
    weight = net.weight
    convert(net)
    assert net.weight is weight
    assert net.weight.dtype == net.running_mean.dtype == getattr(fg, dtype)
    if dtype != "float64":
        assert net.num_batches_tracked.dtype == fg.int64


def test_a_module_is_put_in_place_of_another():
    net = nn.Sequential(nn.Sequential(nn.ReLU()))
    net.set_submodule("0.0", nn.Tanh())
    assert isinstance(net[0][0], nn.Tanh)
    with pytest.raises(AttributeError):
        net.set_submodule("1.0", nn.Tanh())
    with pytest.raises(ValueError, match="empty"):
        net.set_submodule("", nn.Tanh())


def test_a_hook_that_is_always_called():
    net, seen = nn.Linear(2, 1), []
    net.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    net.register_forward_hook(lambda m, args, out: seen.append("usual"))
    with pytest.raises(RuntimeError, match="in_features"):
        net(fg.ones(1, 3))
    assert seen == [None]
    net(fg.ones(1, 2))
    assert len(seen) == 3


def _net(t):
    nn = t.nn
    return nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3), nn.InstanceNorm1d(3)))


def test_metadata_have_the_versions_that_pytorch_gives(torch):
    assert _net(fg).state_dict()._metadata == _net(torch).state_dict()._metadata
    named = _net(fg).state_dict(prefix="a.b.")
    assert named._metadata == _net(torch).state_dict(prefix="a.b.")._metadata
    assert not hasattr(_net(fg).state_dict(destination=OrderedDict()), "_metadata")


def test_hooks_see_the_metadata():
    class Renamed(nn.Module):
        _version = 3

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(fg.zeros(1))

    net = nn.Sequential(Renamed())
    seen = []
    net[0].register_state_dict_post_hook(lambda m, state, prefix, about: seen.append(about))
    net[0].register_load_state_dict_pre_hook(lambda m, state, prefix, about, *_: seen.append(about))
    state = net.state_dict()
    net.load_state_dict(state)
    net.load_state_dict(state, assign=True)
    net.load_state_dict(dict(state))
    with_assign = {"version": 3, "assign_to_params_buffers": True}
    assert seen == [{"version": 3}, {"version": 3}, with_assign, {}]
    assert state._metadata["0"] == {"version": 3}, "hooks get a copy"


def test_only_old_states_may_lack_the_number_of_batches(torch):
    for t in (fg, torch):
        layer = t.nn.BatchNorm1d(2)
        state = layer.state_dict()
        del state["num_batches_tracked"]
        with pytest.raises(RuntimeError, match="num_batches_tracked"):
            layer.load_state_dict(state)
        assert not layer.load_state_dict(OrderedDict(state)).missing_keys
        state._metadata[""]["version"] = 1
        assert not layer.load_state_dict(state).missing_keys
