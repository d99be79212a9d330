"""A hundred small situations of the graph, each compared with PyTorch."""

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


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda f: f.__name__)
def test_situations_are_the_same_again(situation):
    """Nothing is left behind that would change a second run."""
    assert seen(situation, fg) == seen(situation, fg)
    assert fg.is_grad_enabled()
