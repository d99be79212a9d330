"""Optimizers: updates against torch, groups, state dicts, hooks, errors."""

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad import nn, optim

SHAPES = [(3, 2), (2,), (1, 1, 2), ()]


def count(shape):
    total = 1
    for size in shape:
        total *= size
    return total


def parameters(lib, values, dtype="float64"):
    """Leaf tensors of the shapes above with the given numbers."""
    tensors, start = [], 0
    for shape in SHAPES:
        part = values[start : start + count(shape)]
        start += count(shape)
        tensor = lib.tensor(part, dtype=getattr(lib, dtype)).reshape(shape)
        tensors.append(lib.nn.Parameter(tensor))
    return tensors


def set_gradients(params, step, skip=()):
    """Gradients that depend on the values, the step and the position."""
    for i, p in enumerate(params):
        p.grad = None if i in skip else (p.detach() * (i + 1) * 0.5 + (step - 1.5))


def flat(params):
    return [x for p in params for x in p.detach().reshape(-1).tolist()]


START = [0.5, -1.0, 2.0, 0.25, -0.75, 1.5, 1.0, -2.0, 0.125, 3.0, -0.5]

OPTIONS = st.fixed_dictionaries(
    {
        "lr": st.sampled_from([0.0, 0.01, 0.5]),
        "momentum": st.sampled_from([0, 0.5, 0.9]),
        "dampening": st.sampled_from([0, 0.3]),
        "weight_decay": st.sampled_from([0, 0.1]),
        "nesterov": st.booleans(),
        "maximize": st.booleans(),
        "foreach": st.sampled_from([None, True, False]),
        "fused": st.sampled_from([None, False]),
    }
)


@settings(max_examples=80, deadline=None)
@given(
    options=OPTIONS,
    dtype=st.sampled_from(["float32", "float64"]),
    skips=st.lists(st.sets(st.integers(0, 3), max_size=2), min_size=4, max_size=4),
)
def test_sgd_follows_torch(torch, options, dtype, skips):
    """Also when a parameter gets its first gradient later than others."""
    if options["momentum"] == 0 or options["dampening"] != 0:
        options["nesterov"] = False
    ours, theirs = parameters(fg, START, dtype), parameters(torch, START, dtype)
    optimizers = optim.SGD(ours, **options), torch.optim.SGD(theirs, **options)
    for step, skip in enumerate(skips):
        for params, optimizer in zip((ours, theirs), optimizers, strict=True):
            set_gradients(params, step, skip)
            optimizer.step()
    precision = 1e-12 if dtype == "float64" else 1e-5
    assert flat(ours) == pytest.approx(flat(theirs), rel=precision, abs=precision)
    assert_same_state(*(optimizer.state_dict() for optimizer in optimizers), precision)


def assert_same_state(ours, theirs, precision=1e-12):
    assert ours["param_groups"] == theirs["param_groups"]
    assert list(ours["param_groups"][0]) == list(theirs["param_groups"][0])
    assert sorted(ours["state"]) == sorted(theirs["state"])
    for number, state in ours["state"].items():
        expected = theirs["state"][number]["momentum_buffer"].reshape(-1).tolist()
        assert list(state) == ["momentum_buffer"]
        values = state["momentum_buffer"].reshape(-1).tolist()
        assert values == pytest.approx(expected, rel=precision, abs=precision)


def test_gradients_are_left_alone():
    params = parameters(fg, START)
    set_gradients(params, 1)
    before = [p.grad.clone() for p in params]
    optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True, maximize=True).step()
    assert all(fg.equal(p.grad, kept) for p, kept in zip(params, before, strict=True))


def test_groups_have_their_own_options():
    a, b = nn.Parameter(fg.ones(1)), nn.Parameter(fg.ones(1))
    optimizer = optim.SGD([{"params": a}, {"params": [b], "lr": 0.5}], lr=0.25)
    a.grad = b.grad = fg.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (0.75, 0.5)
    optimizer.param_groups[0]["lr"] = 0.5
    optimizer.step()
    assert (a.item(), b.item()) == (0.25, 0.0)


def test_a_group_can_be_added_later():
    a, b = nn.Parameter(fg.ones(1)), nn.Parameter(fg.ones(1))
    optimizer = optim.SGD([a], lr=0.25)
    optimizer.add_param_group({"params": [b]})
    b.grad = fg.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (1.0, 0.75)
    assert optimizer.param_groups[1]["lr"] == 0.25


def test_the_learning_rate_may_be_a_tensor():
    p = nn.Parameter(fg.ones(1))
    rate = fg.tensor(0.25)
    optimizer = optim.SGD([p], lr=rate)
    p.grad = fg.ones(1)
    optimizer.step()
    rate.fill_(0.5)
    optimizer.step()
    assert p.item() == 0.25
    with pytest.raises(ValueError, match="1-element"):
        optim.SGD([p], lr=fg.ones(2))


def test_closure_runs_once_with_recording_on():
    p = nn.Parameter(fg.ones(1))
    optimizer = optim.SGD([p], lr=0.25)
    calls = []

    def closure():
        calls.append(fg.is_grad_enabled())
        optimizer.zero_grad()
        loss = (p * 2).sum()
        loss.backward()
        return loss

    with fg.no_grad():
        assert optimizer.step(closure).item() == 2.0
    assert calls == [True]
    assert p.item() == 0.5
    assert optimizer.step() is None


def test_a_step_is_not_recorded():
    p = nn.Parameter(fg.ones(1))
    (p * p).sum().backward()
    optim.SGD([p], lr=0.25, momentum=0.5).step()
    assert p.is_leaf
    assert p.grad_fn is None
    assert p.item() == 0.5


def test_changing_a_parameter_between_forward_and_backward_is_noticed():
    p = nn.Parameter(fg.ones(1))
    loss = (p * p).sum()
    p.grad = fg.ones(1)
    optim.SGD([p], lr=0.25).step()
    with pytest.raises(RuntimeError, match="modified"):
        loss.backward()


def test_zero_grad():
    p = nn.Parameter(fg.ones(1))
    optimizer = optim.SGD([p])
    p.grad = grad = fg.ones(1)
    optimizer.zero_grad(set_to_none=False)
    assert grad.item() == 0
    assert p.grad.item() == 0
    optimizer.zero_grad()
    assert p.grad is None


def test_repr_is_that_of_torch(torch):
    for options in ({}, {"lr": 0.1, "momentum": 0.9, "nesterov": True}):
        ours = optim.SGD(parameters(fg, START), **options)
        theirs = torch.optim.SGD(parameters(torch, START), **options)
        assert repr(ours) == repr(theirs)


# State dicts


def trained(lib, params, momentum=0.9):
    optimizer = lib.optim.SGD([{"params": params[:2]}, {"params": params[2:], "lr": 0.5}], lr=0.1)
    for group in optimizer.param_groups:
        group["momentum"] = momentum
    set_gradients(params, 0)
    optimizer.step()
    return optimizer


def test_state_dict_has_the_structure_of_torch(torch):
    ours = trained(fg, parameters(fg, START))
    theirs = trained(torch, parameters(torch, START))
    assert_same_state(ours.state_dict(), theirs.state_dict())


def test_loaded_state_continues_the_trajectory():
    params = parameters(fg, START)
    optimizer = trained(fg, params)
    state = optimizer.state_dict()
    twins = [nn.Parameter(p.detach().clone()) for p in params]
    twin = optim.SGD([{"params": twins[:2]}, {"params": twins[2:]}], lr=7.0)
    twin.load_state_dict(state)
    assert [group["lr"] for group in twin.param_groups] == [0.1, 0.5]
    assert twin.param_groups[0]["params"][0] is twins[0]
    for which, opt in ((params, optimizer), (twins, twin)):
        set_gradients(which, 1)
        opt.step()
    assert flat(params) == flat(twins)


def test_loading_copies_and_converts():
    params = parameters(fg, START, "float32")
    source = trained(fg, parameters(fg, START))
    optimizer = optim.SGD([{"params": params[:2]}, {"params": params[2:]}])
    state = source.state_dict()
    optimizer.load_state_dict(state)
    buffer = optimizer.state[params[0]]["momentum_buffer"]
    assert buffer.dtype == fg.float32
    before = state["state"][0]["momentum_buffer"].clone()
    buffer.zero_()
    optimizer.param_groups[0]["lr"] = 3.0
    assert fg.equal(state["state"][0]["momentum_buffer"], before)
    assert state["param_groups"][0]["lr"] == 0.1


def test_loading_fills_in_options_that_are_missing():
    p = nn.Parameter(fg.ones(1))
    optimizer = optim.SGD([p], momentum=0.5)
    state = optimizer.state_dict()
    del state["param_groups"][0]["nesterov"]
    optimizer.load_state_dict(state)
    p.grad = fg.ones(1)
    optimizer.step()
    assert optimizer.param_groups[0]["nesterov"] is False


def test_loading_what_does_not_fit_changes_nothing():
    params = parameters(fg, START)
    optimizer = trained(fg, params)
    before = optimizer.state_dict()
    other = optim.SGD(parameters(fg, START))
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict(other.state_dict())
    state = optimizer.state_dict()
    state["param_groups"][1]["params"].pop()
    with pytest.raises(ValueError, match="doesn't match the size"):
        optimizer.load_state_dict(state)
    state = optimizer.state_dict()
    state["state"][99] = {}
    with pytest.raises(ValueError, match="99"):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict()["param_groups"] == before["param_groups"]


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"]
)
def test_optimizer_and_network_are_copied_together(duplicate):
    net = nn.Linear(2, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(fg.ones(1, 2)).sum().backward()
    optimizer.step()
    twin_net, twin = duplicate((net, optimizer))
    assert twin.param_groups[0]["params"][0] is twin_net.weight
    for n, o in ((net, optimizer), (twin_net, twin)):
        n.zero_grad()
        n(fg.ones(1, 2)).sum().backward()
        o.step()
    assert fg.equal(net.weight, twin_net.weight)


# Hooks and subclasses


def test_step_hooks():
    p = nn.Parameter(fg.ones(1))
    optimizer = optim.SGD([p], lr=0.25)
    p.grad = fg.ones(1)
    seen = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(p.item()))
    with optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append((o, args))):
        optimizer.step()
    before.remove()
    optimizer.step()
    assert seen == [1.0, (optimizer, (optimizer,))]


def test_a_pre_hook_can_replace_the_closure():
    optimizer = optim.SGD([nn.Parameter(fg.ones(1))])
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 2 * args[1]()), {}))
    assert optimizer.step(lambda: 21) == 42
    optimizer.register_step_pre_hook(lambda o, args, kwargs: "nonsense")
    with pytest.raises(RuntimeError, match="new_args"):
        optimizer.step(lambda: 21)


def test_subclasses_define_update_or_step():
    class Sign(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def _update(self, group):
            with fg.no_grad():
                for p in group["params"]:
                    p -= group["lr"]

    p = nn.Parameter(fg.ones(1))
    Sign([p], lr=0.25).step()
    assert p.item() == 0.75
    with pytest.raises(NotImplementedError, match="_update"):
        optim.Optimizer([p], {}).step()


# Errors


def leaf():
    return nn.Parameter(fg.ones(2))


BAD_PARAMETERS = [
    (lambda leaf: [], ValueError, "empty parameter list"),
    (lambda leaf: leaf, TypeError, "iterable of Tensors"),
    (lambda leaf: [{"params": {leaf}}], TypeError, "ordered"),
    (lambda leaf: [1.0], TypeError, "only optimize Tensors"),
    (lambda leaf: [{"params": [leaf]}, 3], TypeError, "must be a dict"),
    (lambda leaf: [leaf * 2], ValueError, "non-leaf"),
    (lambda leaf: [{"params": [leaf]}, {"params": leaf}], ValueError, "more than one"),
]


@pytest.mark.parametrize(("params", "error", "text"), BAD_PARAMETERS)
def test_bad_parameters(params, error, text):
    with pytest.raises(error, match=text):
        optim.SGD(params(leaf()))


@pytest.mark.parametrize(("params", "error", "text"), BAD_PARAMETERS)
def test_bad_parameters_raise_the_same_in_torch(torch, params, error, text):
    with pytest.raises(error, match=text):
        torch.optim.SGD(params(torch.nn.Parameter(torch.ones(2))))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"lr": -0.1}, "Invalid learning rate: -0.1"),
        ({"lr": float("nan")}, "Invalid learning rate: nan"),
        ({"momentum": -1}, "Invalid momentum value: -1"),
        ({"weight_decay": -1}, "Invalid weight_decay value: -1"),
        ({"nesterov": True}, "Nesterov momentum requires"),
        ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "Nesterov momentum requires"),
    ],
)
def test_bad_options(options, text):
    with pytest.raises(ValueError, match=text):
        optim.SGD([leaf()], **options)


def test_options_that_cannot_be_honoured_are_refused():
    with pytest.raises(NotImplementedError, match="differentiable"):
        optim.SGD([leaf()], differentiable=True)
    with pytest.raises(RuntimeError, match="`fused` and `foreach`"):
        optim.SGD([leaf()], foreach=True, fused=True)


def test_duplicates_in_a_group_warn():
    p = leaf()
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([p, p])
