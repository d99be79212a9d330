"""Recording on and off: no_grad, enable_grad and set_grad_enabled."""

import threading

import pytest

import fastgrad as fg

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def _recording():
    """Every test begins with recording on, and must leave it on."""
    yield
    was_on = fg.is_grad_enabled()
    fg.set_grad_enabled(True)
    assert was_on


def leaf(*data):
    return fg.tensor(data, dtype=fg.float64, requires_grad=True)


def test_no_grad_and_enable_grad():
    x = leaf(1.0)
    with fg.no_grad():
        assert not fg.is_grad_enabled()
        assert not (x * 2).requires_grad
        with fg.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert fg.is_grad_enabled()


def test_decorators():
    x = leaf(1.0)

    @fg.no_grad()
    def with_parentheses():
        return x * 2

    @fg.no_grad
    def without():
        return x * 2

    @fg.enable_grad()
    def enabled():
        return x * 2

    @fg.set_grad_enabled(False)
    def disabled():
        return x * 2

    assert fg.is_grad_enabled()
    assert [f().requires_grad for f in (with_parentheses, without, disabled)] == [False] * 3
    with fg.no_grad():
        assert enabled().requires_grad
    assert with_parentheses.__name__ == "with_parentheses"


def test_set_grad_enabled():
    before = fg.set_grad_enabled(False)
    assert not fg.is_grad_enabled()
    fg.set_grad_enabled(True)
    assert fg.is_grad_enabled()
    with fg.set_grad_enabled(False):
        assert not fg.is_grad_enabled()
    assert fg.is_grad_enabled()
    assert before is not None


def test_the_mode_comes_back_after_an_error():
    def fail():
        raise KeyError

    for block in (fg.no_grad, lambda: fg.set_grad_enabled(False)):
        with pytest.raises(KeyError), block():
            fail()
        assert fg.is_grad_enabled()
    with pytest.raises(KeyError):
        fg.no_grad()(fail)()
    assert fg.is_grad_enabled()


def test_one_instance_entered_twice():
    block = fg.no_grad()
    with block, block:
        assert not fg.is_grad_enabled()
    assert fg.is_grad_enabled()


def test_recording_resumes_after_a_failing_backward():
    x = leaf(1.0)
    y = x * 2
    z = y * y
    y.detach().zero_()
    with pytest.raises(RuntimeError):
        z.backward()
    assert fg.is_grad_enabled()


def test_the_mode_belongs_to_the_thread():
    seen = []
    with fg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(fg.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_leaves_made_without_recording():
    with fg.no_grad():
        x = fg.ones(2, requires_grad=True)
        y = x * 2
    assert x.requires_grad
    assert not y.requires_grad
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]
