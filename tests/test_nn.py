"""Modules: registration, copies, walking; Parameter and Buffer."""

import copy
import gc
import pickle
import weakref
from collections import OrderedDict
from itertools import product

import pytest

import fastgrad as fg
from fastgrad import nn
from nn_helpers import Net, mirrored, same


def test_members_keep_the_order_of_assignment():
    names = [name for name, _ in Net().named_parameters()]
    assert names[:3] == ["scale", "body.0.weight", "body.0.bias"]
    assert [name for name, _ in Net().named_buffers()] == ["count", "cache"]
    assert [name for name, _ in Net().named_children()] == ["body", "heads"]


def test_reassignment_replaces_in_place():
    net = Net()
    new = nn.Parameter(fg.zeros(2))
    net.scale = new
    assert next(net.parameters()) is new
    assert mirrored(net)


def test_a_member_moves_between_kinds():
    net = nn.Module()
    net.a = nn.Buffer(fg.ones(1), persistent=False)
    net.a = nn.Parameter(fg.ones(1))
    assert list(net.state_dict()) == ["a"]
    assert list(net.buffers()) == []
    net.b = 3
    net.b = nn.Linear(1, 1)
    assert [name for name, _ in net.named_children()] == ["b"]
    assert mirrored(net)


def test_a_tensor_assigned_to_a_buffer_stays_a_buffer():
    net = Net()
    net.cache = fg.ones(3)
    assert dict(net.named_buffers())["cache"].shape == (3,)
    assert "cache" not in net.state_dict()
    net.count = None
    assert "count" not in net.state_dict()


def test_a_plain_tensor_is_not_registered():
    net = nn.Module()
    net.x = fg.ones(1)
    assert not list(net.buffers())
    assert not list(net.parameters())


@pytest.mark.parametrize("name", ["scale", "body", "count"])
def test_wrong_kinds_are_refused(name):
    net = Net()
    with pytest.raises(TypeError, match=f"cannot assign 'str' as .* '{name}'"):
        setattr(net, name, "text")
    assert mirrored(net)


def test_none_empties_a_place_and_deletion_removes_it():
    net = Net()
    net.scale = None
    assert net.scale is None
    assert "scale" not in dict(net.named_parameters())
    del net.scale, net.body, net.cache
    assert not hasattr(net, "scale")
    assert "body" not in net._modules
    assert net._non_persistent_buffers_set == set()
    with pytest.raises(AttributeError, match="scale"):
        del net.scale


@pytest.mark.parametrize(
    ("value", "word"),
    [(lambda: nn.Linear(1, 1), "module"), (lambda: nn.Parameter(fg.ones(1)), "parameter")],
)
def test_assignment_before_init(value, word):
    class Early(nn.Module):
        def __init__(self):
            self.member = value()

    with pytest.raises(AttributeError, match=rf"cannot assign {word} before Module.__init__\(\)"):
        Early()


def test_plain_attributes_may_precede_init():
    class Early(nn.Module):
        def __init__(self):
            self.width = 3
            super().__init__()

    assert Early().width == 3


def test_missing_attribute_reads_as_in_python():
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'fc3'"):
        _ = Net().fc3


@pytest.mark.parametrize(
    ("name", "error"),
    [("", KeyError), ("a.b", KeyError), ("forward", KeyError), (3, TypeError)],
)
def test_bad_names(name, error):
    net = nn.Module()
    for register, member in (
        (net.register_parameter, nn.Parameter(fg.ones(1))),
        (net.register_buffer, fg.ones(1)),
        (net.add_module, nn.ReLU()),
        (net.register_module, nn.ReLU()),
    ):
        with pytest.raises(error):
            register(name, member)


def test_bad_members():
    net = nn.Module()
    for register in (net.register_parameter, net.register_buffer, net.add_module):
        with pytest.raises(TypeError, match="expected"):
            register("member", 3)
    with pytest.raises(TypeError, match="Parameter or None expected"):
        net.register_parameter("member", fg.ones(1))


def test_the_registries_can_be_changed_directly():
    net = Net()
    net._modules["body"] = nn.Tanh()
    net._modules["tail"] = nn.Sigmoid()
    net._parameters.pop("scale")
    net._buffers.update(count=fg.ones(5))
    net._buffers |= {"mean": fg.ones(1)}
    assert isinstance(net.body, nn.Tanh)
    assert isinstance(net.tail, nn.Sigmoid)
    assert not hasattr(net, "scale")
    assert mirrored(net)
    name, _ = net._modules.popitem()
    assert name == "tail"
    assert not hasattr(net, "tail")
    net._modules.clear()
    assert not hasattr(net, "body")
    assert net._buffers.setdefault("mean", None) is net.mean
    net._modules = OrderedDict(body=nn.ReLU())
    assert isinstance(net.body, nn.ReLU)
    assert mirrored(net)


def test_a_registry_that_is_replaced_with_nonsense_stays():
    net = Net()
    with pytest.raises(TypeError):
        net._modules = {"body": nn.ReLU(), "heads": 3}
    assert isinstance(net.heads, nn.ModuleList)


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
    ids=["copy", "pickle"],
)
def test_deep_copies_are_whole_and_independent(duplicate):
    net = Net()
    net.tied = net.body[0]
    net.tied.weight.requires_grad_(False)
    twin = duplicate(net)
    assert mirrored(twin)
    assert twin.tied is twin.body[0]
    assert twin.tied.weight.requires_grad is False
    assert list(twin.state_dict()) == list(net.state_dict())
    x = fg.randn(5, 4)
    assert same(net(x), twin(x))
    twin.scale = nn.Parameter(fg.zeros(2))
    twin.heads.append(nn.ReLU())
    with fg.no_grad():
        twin.body[0].weight.zero_()
    assert len(net.heads) == 2
    assert net.scale.tolist() == [1.0, 1.0]
    assert net.body[0].weight.abs().sum().item() > 0
    assert mirrored(net)
    assert mirrored(twin)


def test_a_shallow_copy_shares_tensors_but_not_registries():
    net = Net()
    twin = copy.copy(net)
    assert twin.scale is net.scale
    assert twin.body is net.body
    twin.scale = nn.Parameter(fg.zeros(2))
    assert net.scale.tolist() == [1.0, 1.0]
    assert mirrored(net)
    assert mirrored(twin)


def test_modules_that_restore_their_own_state_can_be_copied():
    class Cached(nn.Linear):
        def __getstate__(self):
            return {k: v for k, v in vars(self).items() if k != "cache"}

        def __setstate__(self, state):
            vars(self).update(state)

    layer = Cached(2, 2)
    layer.cache = object()
    twin = copy.deepcopy(layer)
    twin.weight = nn.Parameter(fg.zeros(2, 2))
    assert not hasattr(twin, "cache")
    assert next(twin.parameters()) is twin.weight
    assert same(twin(fg.ones(1, 2))[0], layer.bias)


def test_a_module_dies_with_its_last_name():
    net = Net()
    net(fg.ones(1, 4))
    gone = weakref.ref(net)
    gc.disable()
    try:
        del net
        assert gone() is None
    finally:
        gc.enable()


def test_shared_members_are_listed_once_unless_asked():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, layer)
    assert len(list(net.parameters())) == 2
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert len(list(net.modules())) == 2
    assert len(list(net.modules(remove_duplicate=False))) == 3
    assert len(list(net.children())) == 1
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_recursion_and_prefix():
    net = Net()
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert next(net.named_parameters(prefix="model"))[0] == "model.scale"
    assert next(net.named_modules(prefix="model"))[0] == "model"


def test_getting_members_by_dotted_name():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("body.2") is net.body[2]
    assert net.get_parameter("body.2.bias") is net.body[2].bias
    assert net.get_buffer("count") is net.count
    for get, target in (
        (net.get_submodule, "body.7"),
        (net.get_submodule, "scale"),
        (net.get_parameter, "count"),
        (net.get_parameter, "body.0.nope"),
        (net.get_buffer, "scale"),
    ):
        with pytest.raises(AttributeError):
            get(target)


def test_apply_goes_from_the_inside_out():
    seen = []
    net = Net()
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen[0] == "Linear"
    assert seen[-1] == "Net"


def test_train_and_eval_reach_all_modules():
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())
    with pytest.raises(ValueError, match="boolean"):
        net.train("yes")


def test_requires_grad_and_zero_grad():
    net = Net()
    net(fg.ones(1, 4)).sum().backward()
    used = [p for p in net.parameters() if p.grad is not None]
    assert used
    kept = used[0].grad
    net.zero_grad(set_to_none=False)
    assert used[0].grad.abs().sum().item() == 0
    assert kept.abs().sum().item() == 0
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


def test_dir_leaves_out_numbers():
    names = dir(nn.Sequential(nn.ReLU()))
    assert "0" not in names
    assert "forward" in names
    assert "body" in dir(Net())


def test_parameter_shares_the_data_it_is_given():
    data = fg.ones(2)
    parameter = nn.Parameter(data, requires_grad=False)
    data.zero_()
    assert parameter.tolist() == [0.0, 0.0]
    assert not parameter.requires_grad
    assert nn.Parameter().shape == (0,)


def test_parameter_refuses_other_things():
    with pytest.raises(TypeError, match="expects a tensor"):
        nn.Parameter([1.0])
    with pytest.raises(RuntimeError, match="float"):
        nn.Parameter(fg.ones(1, dtype=fg.int64))


def test_parameter_results_are_plain_tensors():
    parameter = nn.Parameter(fg.ones(2))
    assert type(parameter * 2) is fg.Tensor
    assert type(parameter.detach()) is fg.Tensor


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))], ids=["copy", "pickle"]
)
def test_parameter_and_buffer_can_be_copied(duplicate):
    parameter = duplicate(nn.Parameter(fg.ones(2), requires_grad=False))
    assert type(parameter) is nn.Parameter
    assert not parameter.requires_grad
    assert parameter.tolist() == [1.0, 1.0]
    buffer = duplicate(nn.Buffer(fg.ones(2), persistent=False))
    assert type(buffer) is nn.Buffer
    assert buffer.persistent is False


def test_names_under_all_options_are_those_of_pytorch(torch):
    def named(t):
        shared = t.nn.Linear(2, 2)
        net = t.nn.Sequential(shared, t.nn.BatchNorm1d(2), shared)
        net.register_buffer("again", net[1].running_mean)
        net.weight = shared.weight
        for method in (net.named_parameters, net.named_buffers):
            for prefix, recurse, once in product(("", "net"), (True, False), (True, False)):
                yield [name for name, _ in method(prefix, recurse, once)]
        for prefix, once in product(("", "net"), (True, False)):
            yield [name for name, _ in net.named_modules(prefix=prefix, remove_duplicate=once)]
        yield [name for name, _ in net.named_modules({shared})]
        yield [name for name, _ in net.named_children()]
        yield [len(list(net.parameters(recurse=False))), len(list(net.buffers(recurse=False)))]

    assert list(named(fg)) == list(named(torch))
