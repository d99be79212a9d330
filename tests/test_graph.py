"""A hundred small situations of the graph, each compared with PyTorch."""

import subprocess
import sys
from warnings import catch_warnings

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
