"""Modules: calling them, hooks, and errors that say where they come from."""

import copy
import pickle
from collections import OrderedDict

import pytest

import fastgrad as fg
from fastgrad import nn
from nn_helpers import Net


class Leaf(nn.Module):
    """A layer that raises the error it was given."""

    def __init__(self, error=None):
        super().__init__()
        self.error = error

    def forward(self, x):
        if self.error is not None:
            raise self.error
        return x


def test_calls_pass_all_kinds_of_arguments():
    class Echo(nn.Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    echo = Echo()
    assert echo() == ((), {})
    assert echo(None) == ((None,), {})
    assert echo(1, 2, input=3) == ((1, 2), {"input": 3})
    assert echo(input=3) == ((), {"input": 3})
    echo.register_forward_hook(lambda module, args, output: None)
    assert echo() == ((), {})
    assert echo(1, 2, input=3) == ((1, 2), {"input": 3})


def test_forward_is_required():
    with pytest.raises(NotImplementedError, match='missing the required "forward"'):
        nn.Module()(1)


def test_hooks_run_in_order_and_can_replace():
    calls = []
    layer = nn.Identity()
    layer.register_forward_pre_hook(lambda m, args: calls.append("pre"))
    layer.register_forward_pre_hook(lambda m, args: args[0] + 1, prepend=True)
    layer.register_forward_pre_hook(lambda m, args: (args[0] * 10,))
    layer.register_forward_hook(lambda m, args, output: output + args[0])
    layer.register_forward_hook(lambda m, args, output: calls.append(output), prepend=True)
    assert layer(1) == 40
    assert calls == ["pre", 20]


def test_hooks_with_keyword_arguments():
    class Scale(nn.Module):
        def forward(self, x, factor=1):
            return x * factor

    layer = Scale()
    layer.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"factor": kwargs["factor"] + 1}), with_kwargs=True
    )
    layer.register_forward_hook(
        lambda m, args, kwargs, output: (output, kwargs["factor"]), with_kwargs=True
    )
    assert layer(5, factor=2) == (15, 3)
    layer.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match="new_args, new_kwargs"):
        layer(5, factor=2)


def test_a_hook_can_be_removed_also_by_itself():
    layer = nn.Identity()
    handles = []

    def once(module, args, output):
        handles[0].remove()
        return -1

    handles.append(layer.register_forward_hook(once))
    assert layer(1) == -1
    assert layer(1) == 1
    handles[0].remove()
    with layer.register_forward_hook(lambda m, args, output: 7):
        assert layer(1) == 7
    assert layer(1) == 1


def test_hooks_are_copied_with_the_module():
    layer = nn.Identity()
    handle = layer.register_forward_hook(lambda m, args, output: output + 1)
    twin = copy.deepcopy(layer)
    handle.remove()
    assert layer(1) == 1
    assert twin(1) == 2


def test_error_names_the_layer():
    net = Net()
    with pytest.raises(RuntimeError) as caught:
        net(fg.ones(2, 5))
    assert str(caught.value).startswith(
        "in body.0 Linear(in_features=4, out_features=3, bias=True): "
    )


def test_error_of_a_layer_on_its_own():
    with pytest.raises(RuntimeError, match=r"^in Linear\(in_features=4, .*\): "):
        nn.Linear(4, 2)(fg.ones(2, 5))


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, TypeError, IndexError])
def test_error_keeps_its_type_and_its_identity(kind):
    error = kind("broken")
    net = nn.Sequential(nn.Identity(), nn.Sequential(Leaf(error)))
    with pytest.raises(kind) as caught:
        net(1)
    assert caught.value is error
    assert str(error) == "in 1.0 Leaf(): broken"


def test_error_passes_through_lists_of_modules():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([Leaf(), Leaf(ValueError("broken"))])

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    net = nn.Sequential(OrderedDict(stem=nn.Identity(), block=Block()))
    with pytest.raises(ValueError, match=r"^in block\.layers\.1 Leaf\(\): broken$"):
        net(1)


def test_error_of_an_unregistered_layer_names_who_called_it():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [Leaf(ValueError("broken"))]

        def forward(self, x):
            return self.layers[0](x)

    with pytest.raises(ValueError, match=r"^in 0 Leaf\(\): broken$"):
        nn.Sequential(Hidden())(1)


def test_other_errors_stay_as_they_are():
    for error in (KeyError("broken"), RuntimeError("broken", 2), ValueError(), OSError(2, "no")):
        before = str(error)
        with pytest.raises(type(error)) as caught:
            nn.Sequential(Leaf(error))(1)
        assert str(caught.value) == before


def test_error_raised_again_is_described_again():
    error = ValueError("broken")
    net = nn.Sequential(Leaf(error))
    for _ in range(2):
        error.args = ("broken",)
        with pytest.raises(ValueError, match=r"^in 0 Leaf\(\): broken$"):
            net(1)


def test_error_can_be_pickled_without_the_module():
    net = nn.Sequential(Leaf(ValueError("broken")))
    net.unpicklable = lambda: None
    with pytest.raises(ValueError, match="broken") as caught:
        net(1)
    assert str(pickle.loads(pickle.dumps(caught.value))) == "in 0 Leaf(): broken"


def test_a_module_that_calls_itself_without_end_raises():
    class Loop(nn.Module):
        def forward(self, x):
            return self(x)

    with pytest.raises(RecursionError):
        Loop()(1)
