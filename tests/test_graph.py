"""A hundred small situations of the graph, each compared with PyTorch."""

import gc
import subprocess
import sys
from warnings import catch_warnings
from weakref import ref

import pytest

import fastgrad as fg
from graph_situations import SITUATIONS

pytestmark = pytest.mark.core


def plain(value):
    """What a situation returns, without tensors."""
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    return value.detach().tolist() if hasattr(value, "detach") else value


def seen(situation, lib):
    with catch_warnings(action="ignore"):
        return plain(situation(lib))


def close(value, other):
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(close, value, other))
    if isinstance(value, float) and isinstance(other, float):
        return value == pytest.approx(other, rel=1e-12)
    return value == other


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda f: f.__name__)
def test_situations_are_as_in_torch(torch, situation):
    ours, theirs = seen(situation, fg), seen(situation, torch)
    assert close(ours, theirs), f"fastgrad: {ours}\nPyTorch: {theirs}"


def test_an_anomaly_names_the_line_of_its_forward():
    x = fg.zeros(2, requires_grad=True)
    with fg.autograd.detect_anomaly():
        y = x.sqrt()  # the culprit
        with pytest.raises(RuntimeError, match=r"SqrtBackward0.*nan.*the culprit") as info:
            (y * 0).sum().backward()
    assert any("the culprit" in note for note in info.value.__notes__)


def test_a_checkpoint_must_do_the_same_again():
    calls = []

    def changing(x):
        calls.append(1)
        return x.exp() if len(calls) == 1 else x.exp().exp()

    x = fg.ones(2, requires_grad=True)
    y = fg.utils.checkpoint.checkpoint(changing, x)
    with pytest.raises(RuntimeError, match="recorded 1 operations in forward and 2"):
        y.sum().backward()
    assert x.grad is None


def test_a_graph_that_grows_over_steps_is_warned_of_once():
    program = """
import fastgrad as torch
w, total = torch.ones(1, requires_grad=True), 0
for _ in range(120):
    loss = (w * 2).sum()
    loss.backward()
    total += loss
"""
    command = [sys.executable, "-W", "default", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.count("UserWarning") == 1
    assert "<string>:7" in done.stderr
    assert "loss.item()" in done.stderr


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda f: f.__name__)
def test_situations_are_the_same_again(situation):
    """Nothing is left behind that would change a second run."""
    assert seen(situation, fg) == seen(situation, fg)
    assert fg.is_grad_enabled()


# Memory


def trained_step(net, optimizer, x):
    optimizer.zero_grad()
    loss = (net(x) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss.item()


def double_step(net, optimizer, x):
    """With a second derivative, whose graph refers to the first one's results."""
    optimizer.zero_grad()
    inner = x.clone().requires_grad_()
    (g,) = fg.autograd.grad(net(inner).tanh().exp().sum(), inner, create_graph=True)
    g.square().sum().backward()
    optimizer.step()


def hooked_step(net, optimizer, x):
    inner = x.clone().requires_grad_()
    out = net(inner)
    out.retain_grad()
    handle = out.register_hook(lambda g: g * 2)
    out[0].sum().backward()
    handle.remove()


def transformed_step(net, optimizer, x):
    loss = fg.func.vmap(fg.func.grad(lambda row: net(row).sum()))(x)
    fg.autograd.functional.hessian(lambda row: net(row).tanh().sum(), x[0])
    return loss


def guarded_step(net, optimizer, x):
    with fg.nan_guard():
        trained_step(net, optimizer, x)


def checkpointed_step(net, optimizer, x):
    fg.utils.checkpoint.checkpoint(net, x.clone().requires_grad_()).sum().backward()


STEPS = (
    *(trained_step, double_step, hooked_step),
    *(transformed_step, guarded_step, checkpointed_step),
)


@pytest.mark.parametrize("step", STEPS, ids=lambda f: f.__name__)
def test_a_hundred_steps_leave_no_cycles(step):
    """Without the garbage collector the number of objects stays what it was."""
    net = fg.nn.Sequential(fg.nn.Linear(3, 4), fg.nn.ReLU(), fg.nn.Linear(4, 2))
    net[0].register_full_backward_hook(lambda module, gi, go: None)
    optimizer = fg.optim.SGD(net.parameters(), lr=0.01)
    x = fg.rand(5, 3)
    with catch_warnings(action="ignore"):
        step(net, optimizer, x)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(100):
            step(net, optimizer, x)
        assert len(gc.get_objects()) - before < 100
    finally:
        gc.enable()


def test_what_was_saved_is_freed_as_backward_passes():
    x = fg.ones(3, requires_grad=True)
    first = x.exp()
    second = first.sin()
    third = second.exp()
    later = second.grad_fn
    left = []
    first.register_hook(lambda g: left.append((later.saved, third_node.saved)))
    third_node = third.grad_fn
    third.sum().backward()
    assert left == [(None, None)]


def test_intermediate_results_die_with_their_last_use():
    x = fg.ones(3, requires_grad=True)
    y = x * 2
    node = ref(y.grad_fn)
    z = y.exp()
    del y
    assert node() is not None
    z.sum().backward()
    del z
    assert node() is None
