"""Layers, losses and containers."""

from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad import nn
from nn_helpers import mirrored


def test_linear_starts_with_the_numbers_of_torch(torch):
    torch.manual_seed(3)
    theirs = torch.nn.Linear(7, 5)
    fg.manual_seed(3)
    ours = nn.Linear(7, 5)
    for name in ("weight", "bias"):
        values, expected = (getattr(layer, name).flatten().tolist() for layer in (ours, theirs))
        assert values == pytest.approx(expected, rel=1e-6)


def test_linear_shapes_and_options():
    layer = nn.Linear(4, 3, bias=False, dtype=fg.float64)
    assert layer.bias is None
    assert layer.weight.dtype == fg.float64
    assert layer(fg.ones(2, 5, 4, dtype=fg.float64)).shape == (2, 5, 3)
    with pytest.warns(UserWarning, match="zero-element"):
        assert nn.Linear(0, 3)(fg.ones(2, 0)).shape == (2, 3)
    with pytest.raises((RuntimeError, ValueError)):
        nn.Linear(-1, 3)


def layers():
    return [
        (lambda nn: nn.ReLU(), (2, 3)),
        (lambda nn: nn.Sigmoid(), (2, 3)),
        (lambda nn: nn.Tanh(), (2, 3)),
        (lambda nn: nn.Softmax(dim=1), (2, 3)),
        (lambda nn: nn.LogSoftmax(dim=-1), (2, 3)),
        (lambda nn: nn.Flatten(), (2, 3, 4)),
        (lambda nn: nn.Flatten(0, 1), (2, 3, 4)),
        (lambda nn: nn.Unflatten(1, (2, -1)), (3, 6, 2)),
        (lambda nn: nn.Unflatten(-2, [3, 2]), (3, 6, 2)),
        (lambda nn: nn.Dropout(0.5).eval(), (2, 3)),
        (lambda nn: nn.Dropout(0.0), (2, 3)),
    ]


@pytest.mark.parametrize(("make", "shape"), layers())
def test_layers_agree_with_torch(torch, make, shape):
    theirs = torch.linspace(-2, 2, torch.Size(shape).numel()).reshape(shape)
    ours = fg.tensor(theirs.tolist())
    expected = make(torch.nn)(theirs)
    result = make(nn)(ours)
    assert tuple(result.shape) == tuple(expected.shape)
    assert result.flatten().tolist() == pytest.approx(expected.flatten().tolist(), abs=1e-6)


def losses():
    vector, classes, floats = (2, 3), [0, 2], [[0.0, 1.0, 1.0], [1.0, 0.0, 0.5]]
    weight = [0.5, 1.0, 2.0]
    return [
        (lambda lib: lib.nn.MSELoss(), vector, floats),
        (lambda lib: lib.nn.L1Loss(reduction="none"), vector, floats),
        (lambda lib: lib.nn.BCELoss(weight=lib.tensor(weight)), vector, floats),
        (lambda lib: lib.nn.BCEWithLogitsLoss(reduction="sum"), vector, floats),
        (
            lambda lib: lib.nn.BCEWithLogitsLoss(
                lib.tensor(weight), pos_weight=lib.tensor([2.0, 1.0, 3.0])
            ),
            vector,
            floats,
        ),
        (lambda lib: lib.nn.NLLLoss(lib.tensor(weight)), vector, classes),
        (lambda lib: lib.nn.NLLLoss(ignore_index=2), vector, classes),
        (lambda lib: lib.nn.CrossEntropyLoss(), vector, classes),
        (lambda lib: lib.nn.CrossEntropyLoss(lib.tensor(weight), ignore_index=0), vector, classes),
        (
            lambda lib: lib.nn.CrossEntropyLoss(label_smoothing=0.1, reduction="none"),
            vector,
            classes,
        ),
    ]


@pytest.mark.parametrize(("make", "shape", "target"), losses())
def test_losses_agree_with_torch(torch, make, shape, target):
    theirs = torch.linspace(0.05, 0.95, torch.Size(shape).numel()).reshape(shape)
    expected = make(torch)(theirs, torch.tensor(target))
    result = make(fg)(fg.tensor(theirs.tolist()), fg.tensor(target))
    assert tuple(result.shape) == tuple(expected.shape)
    assert result.flatten().tolist() == pytest.approx(expected.flatten().tolist(), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "reduction"),
    [
        ({"size_average": True}, "mean"),
        ({"size_average": False}, "sum"),
        ({"reduce": False}, "none"),
        ({"size_average": False, "reduce": False}, "none"),
    ],
)
def test_old_reduction_arguments(arguments, reduction):
    with pytest.warns(UserWarning, match=f"reduction='{reduction}'"):
        assert nn.MSELoss(**arguments).reduction == reduction


def test_relu_in_place():
    x = fg.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0.0, 2.0]


def test_dropout_scales_what_is_left():
    out = nn.Dropout(0.25)(fg.ones(1000))
    assert all(x == pytest.approx(4 / 3) for x in out.tolist() if x != 0)
    assert 0.15 < (out == 0).float().mean().item() < 0.35
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.Dropout(1.5)


def test_unflatten_errors():
    with pytest.raises(RuntimeError, match="do not multiply up"):
        nn.Unflatten(1, (2, 5))(fg.ones(2, 7))
    with pytest.raises(RuntimeError, match="do not multiply up"):
        nn.Unflatten(1, (-1, -1))(fg.ones(2, 7))
    with pytest.raises(IndexError, match="out of range"):
        nn.Unflatten(3, (2, 5))(fg.ones(2, 10))
    for dim, sizes in ((1, 3), (1, ("a",)), ("a", (2, 3))):
        with pytest.raises(TypeError):
            nn.Unflatten(dim, sizes)


def test_sequential_of_named_modules():
    net = nn.Sequential(OrderedDict(first=nn.Linear(2, 3), second=nn.ReLU()))
    assert net.first is net[0]
    assert list(net.state_dict()) == ["first.weight", "first.bias"]
    assert next(net[1:].named_children())[0] == "second"
    net[1] = nn.Tanh()
    assert isinstance(net.second, nn.Tanh)


def test_sequential_arithmetic():
    a, b = nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh(), nn.Sigmoid())
    assert len(a + b) == 3
    assert len(b * 2) == len(2 * b) == 4
    b *= 3
    assert len(b) == 6
    a += a
    assert len(a) == 2
    with pytest.raises(ValueError, match="Sequential"):
        _ = a + nn.ReLU()
    with pytest.raises(ValueError, match="1 or more"):
        a * 0
    with pytest.raises(TypeError):
        a * 1.5


def test_containers_refuse_what_is_no_module():
    with pytest.raises(TypeError):
        nn.Sequential(nn.ReLU(), 3)
    with pytest.raises(TypeError, match="iterable"):
        nn.ModuleList(3)
    net = nn.Sequential(nn.ReLU())
    with pytest.raises(TypeError):
        net.insert(0, "layer")
    assert len(net) == 1
    for bad in (nn.Sequential(nn.ReLU()), nn.ModuleList([nn.ReLU()])):
        with pytest.raises(IndexError):
            bad[1]
        with pytest.raises(IndexError):
            del bad[-2]


def test_module_dict():
    layers = nn.ModuleDict([("a", nn.ReLU()), ("b", nn.Tanh())])
    assert list(layers) == list(layers.keys()) == ["a", "b"]
    assert "a" in layers
    assert layers.pop("a") is not None
    layers["c"] = nn.Linear(1, 1)
    layers.update({"b": nn.Sigmoid()})
    assert [type(m).__name__ for m in layers.values()] == ["Sigmoid", "Linear"]
    assert dict(layers.items())["c"] is layers["c"]
    del layers["c"]
    assert len(layers) == 1
    with pytest.raises(KeyError):
        layers["forward"] = nn.ReLU()
    with pytest.raises(TypeError):
        layers.update(3)
    layers.clear()
    assert not hasattr(layers, "b")


INDEX = st.integers(-4, 4)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("append")),
        st.tuples(st.just("insert"), INDEX),
        st.tuples(st.just("pop"), INDEX),
        st.tuples(st.just("delete"), INDEX),
        st.tuples(st.just("cut"), INDEX, INDEX),
        st.tuples(st.just("set"), INDEX),
        st.tuples(st.just("extend"), st.integers(0, 2)),
    ),
    max_size=8,
)


def edit(items, what, where, make):
    if what == "append":
        items.append(make())
    elif what == "insert":
        items.insert(where[0], make())
    elif what == "pop":
        items.pop(where[0])
    elif what == "delete":
        del items[where[0]]
    elif what == "cut":
        del items[where[0] : where[1]]
    elif what == "set":
        items[where[0]] = make()
    else:
        items.extend([make() for _ in range(where[0])])


@pytest.mark.parametrize("container", [nn.ModuleList, lambda layers: nn.Sequential(*layers)])
@settings(max_examples=60, deadline=None)
@given(edits=EDITS)
def test_edited_containers_agree_with_a_list(container, edits):
    plain = [nn.Identity(), nn.Identity()]
    layers = container(plain)
    for what, *where in edits:
        new = [nn.Identity(), nn.Identity()]
        if what in ("pop", "delete", "set") and not -len(plain) <= where[0] < len(plain):
            with pytest.raises(IndexError):
                edit(layers, what, where, iter(new).__next__)
            continue
        if what == "insert" and not -len(plain) <= where[0] <= len(plain):
            continue
        edit(plain, what, where, iter(new).__next__)
        edit(layers, what, where, iter(new).__next__)
    assert list(layers) == plain
    assert list(layers._modules) == [str(i) for i in range(len(plain))]
    assert list(layers[1:]) == plain[1:]
    assert mirrored(layers)
