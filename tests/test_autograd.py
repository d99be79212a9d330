"""The graph and its engine: what backward() and grad() promise."""

import gc
import weakref

import pytest

import fastgrad as fg
from fastgrad import autograd
from parity import assert_same

pytestmark = pytest.mark.core


def leaf(*data):
    return fg.tensor(data, dtype=fg.float64, requires_grad=True)


# What backward() and grad() give


def test_gradients_accumulate():
    x = leaf(1.0, 2.0)
    for times in (1, 2, 3):
        (x * x).sum().backward()
        assert x.grad.tolist() == [2 * times, 4 * times]
    x.grad = None
    x.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_accumulation_keeps_the_tensor_that_holds_the_gradient():
    x = leaf(1.0)
    x.sum().backward()
    held = x.grad
    (x * 3).sum().backward()
    assert x.grad is held
    assert held.tolist() == [4]


def test_gradients_share_no_memory():
    x, y = leaf(1.0), leaf(2.0)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1]
    seed = fg.ones(1, dtype=fg.float64)
    x.grad = None
    (x + 0).backward(seed)
    seed.zero_()
    assert x.grad.tolist() == [1]


def test_a_gradient_is_no_view_of_an_expanded_number():
    x = fg.ones(3, 4, requires_grad=True)
    x.sum().backward()
    x.grad[0, 0] = 5
    assert x.grad.sum().item() == 16


def test_shared_subgraphs():
    x = leaf(3.0)
    y = x * x
    z = y * y + y * x + y
    z.backward()
    assert x.grad.item() == 4 * 27 + 3 * 9 + 2 * 3


def test_the_same_tensor_on_both_sides():
    x = leaf(3.0)
    for function, expected in (
        (lambda: x * x, 6),
        (lambda: x + x, 2),
        (lambda: x - x, 0),
        (lambda: x / x, 0),
        (lambda: x @ x, 6),
    ):
        (gradient,) = autograd.grad(function().sum(), x)
        assert gradient.item() == pytest.approx(expected)


def test_several_outputs():
    x = leaf(1.0, 2.0)
    outputs = (x * 2, x.sum())
    (gradient,) = autograd.grad(outputs, x, (fg.tensor([1.0, 10.0], dtype=fg.float64), None))
    assert gradient.tolist() == [3, 21]


def test_gradients_of_results():
    x = leaf(2.0)
    y = x * 3
    z = (y * y).sum()
    to_x, to_y = autograd.grad(z, (x, y))
    assert (to_x.item(), to_y.item()) == (36, 12)
    assert x.grad is None


def test_an_output_as_its_own_input():
    x = leaf(2.0)
    y = (x * 3).sum()
    assert autograd.grad(y, y)[0].item() == 1
    assert autograd.grad(x.sum() * 1, [x, x])[1].item() == 1


def test_a_leaf_as_the_output():
    x = leaf(2.0)
    x.backward()
    assert x.grad.tolist() == [1]


def test_inputs_of_backward():
    x, y = leaf(2.0), leaf(5.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.item() == 5
    assert y.grad is None
    with pytest.raises(RuntimeError, match="empty"):
        (x * y).sum().backward(inputs=[])


def test_outputs_that_are_no_scalars():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="scalar"):
        (x * 2).backward()
    (x * 2).backward(fg.tensor([1.0, 3.0], dtype=fg.float64))
    assert x.grad.tolist() == [2, 6]
    with pytest.raises(RuntimeError, match=r"\[3\].*\[2\]"):
        (x * 2).backward(fg.ones(3, dtype=fg.float64))
    with pytest.raises(TypeError, match="float"):
        (x * 2).backward(1.5)


def test_unused_inputs():
    x, y = leaf(1.0), leaf(1.0)
    z = (x * 2).sum()
    with pytest.raises(RuntimeError, match="allow_unused"):
        autograd.grad(z, (x, y), retain_graph=True)
    assert autograd.grad(z, (x, y), allow_unused=True, retain_graph=True)[1] is None
    assert autograd.grad(z, (x, y), materialize_grads=True)[1].tolist() == [0]
    with pytest.raises(ValueError, match="materialize"):
        autograd.grad(z, x, allow_unused=False, materialize_grads=True)


def test_what_requires_no_grad():
    x = fg.ones(2)
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        x.sum().backward()
    y = leaf(1.0)
    with pytest.raises(RuntimeError, match="require"):
        autograd.grad((y * 2).sum(), x)
    with pytest.raises(RuntimeError, match="float"):
        fg.ones(2, dtype=fg.int64).requires_grad_()
    with pytest.raises(RuntimeError, match="float"):
        fg.ones(2, dtype=fg.int64, requires_grad=True)


def test_integer_and_bool_results_require_no_grad():
    x = leaf(1.0, 2.0)
    for y in (x > 1, x.argmax(), x.long(), x.isnan(), x.max(0).indices, x.nonzero()):
        assert not y.requires_grad
        assert y.is_leaf


def test_leaves():
    x = leaf(1.0)
    y = x * 2
    assert x.is_leaf
    assert x.grad_fn is None
    assert not y.is_leaf
    assert "MulBackward0" in repr(y.grad_fn)
    assert y.detach().is_leaf
    assert not y.detach().requires_grad
    assert fg.ones(1).is_leaf
    assert y.grad_fn.next_functions[0][0] is x or y.grad_fn.next_functions
    with pytest.raises(RuntimeError, match=r"leaf|detach"):
        y.requires_grad_(False)
    y.requires_grad_()


def test_the_grad_attribute_is_checked():
    x = fg.ones(2, requires_grad=True)
    for wrong in (fg.ones(3), fg.ones(2, dtype=fg.float64)):
        with pytest.raises(RuntimeError):
            x.grad = wrong
    with pytest.raises(TypeError):
        x.grad = 1.0
    x.grad = fg.zeros(2)
    x.grad = None


def test_dtypes_along_the_way():
    x = fg.ones(2, requires_grad=True)
    (x.double() * fg.ones(2, dtype=fg.float64)).sum().backward()
    assert x.grad.dtype is fg.float32
    y = fg.ones(2, requires_grad=True)
    (y * fg.ones(3, 2, dtype=fg.float64)).sum().backward()
    assert y.grad.dtype is fg.float32
    assert y.grad.tolist() == [3, 3]


# Retaining, freeing, higher orders


def test_a_graph_is_used_once():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()
    z = (x * x).sum()
    z.backward(retain_graph=True)
    z.backward()
    assert x.grad.item() == 12


def test_a_graph_that_saved_nothing_may_be_used_again():
    x = leaf(2.0)
    y = x + 1
    y.backward()
    y.backward()
    assert x.grad.item() == 2


def test_higher_derivatives():
    x = leaf(2.0)
    y = (x**4).sum()
    for expected in (32, 48, 48, 24):
        (y,) = autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected)


def test_hessian_of_a_network(torch):
    def hessian(t):
        x = t.linspace(-1, 1, 4, dtype=t.float64).requires_grad_()
        w = t.linspace(-2, 1, 12, dtype=t.float64).view(3, 4)
        loss = t.log_softmax(t.tanh(w @ x).unsqueeze(0), 1)[0, 1] + t.sigmoid(x).prod()
        (first,) = t.autograd.grad(loss, x, create_graph=True)
        return t.stack([t.autograd.grad(g, x, retain_graph=True)[0] for g in first])

    assert_same(hessian(fg), hessian(torch), exact=False)


def test_gradients_inside_a_loss():
    x = leaf(1.0, 2.0)
    (slope,) = autograd.grad((x**3).sum(), x, create_graph=True)
    (slope**2).sum().backward()
    assert x.grad.tolist() == [36, 288]


def test_backward_with_create_graph_gives_a_differentiable_grad():
    x = leaf(3.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = autograd.grad(x.grad.sum(), x)
    assert second.item() == 18
    x.grad = None


def test_gradients_do_not_require_grad_unless_asked():
    x = leaf(1.0)
    (x * x).sum().backward()
    assert not x.grad.requires_grad
    assert not autograd.grad((x * x).sum(), x)[0].requires_grad


# Memory


def test_deep_chains():
    x = leaf(0.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1
    del y  # freed without recursion


def test_a_deep_chain_that_is_dropped():
    y = leaf(1.0)
    for _ in range(100_000):
        y = y * 1.0
    node = weakref.ref(y.grad_fn)
    del y
    assert node() is None


def test_wide_graphs():
    x = leaf(1.0)
    sum((x * i for i in range(5000)), start=x * 0).backward()
    assert x.grad.item() == sum(range(5000))


@pytest.fixture
def _no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x,
        lambda x: x.exp().sigmoid().tanh().sqrt(),
        lambda x: fg.softmax(x, 0) + fg.log_softmax(x, 0),
        lambda x: x.view(2, 2).t() @ x.view(2, 2),
        lambda x: x.max(0).values + x.amax(),
        lambda x: x[[0, 1, 1]] + x[1:],
        lambda x: (x * 2).relu_().add_(1),
        lambda x: fg.nn.functional.cross_entropy(x.view(2, 2), fg.tensor([0, 1])),
        lambda x: autograd.grad((x**3).sum(), x, create_graph=True)[0],
    ],
)
@pytest.mark.usefixtures("_no_collector")
def test_no_reference_cycles(function):
    x = fg.ones(4, requires_grad=True)
    y = function(x)
    node = weakref.ref(y.grad_fn)
    y.sum().backward()
    del y
    assert node() is None
    last = weakref.ref(x)
    x.grad = None
    del x
    assert last() is None


@pytest.mark.usefixtures("_no_collector")
def test_no_reference_cycles_after_writing():
    x = fg.ones(4, requires_grad=True)
    y = x * 1
    view = y[:2]
    view *= 3
    y[3] = x[0]
    nodes = [weakref.ref(t.grad_fn) for t in (y, view)]
    del y, view
    assert [node() for node in nodes] == [None, None]


@pytest.mark.usefixtures("_no_collector")
def test_backward_frees_what_was_saved():
    x = fg.ones(4, requires_grad=True)
    middle = x * 2
    alive = weakref.ref(middle)
    y = (middle * middle).sum()
    del middle
    assert alive() is not None
    y.backward()
    assert alive() is None


# Subgradients at kinks


@pytest.mark.parametrize(
    "function",
    [
        lambda t, x: x.abs(),
        lambda t, x: x.relu(),
        lambda t, x: x.sign(),
        lambda t, x: x.amax(),
        lambda t, x: x.amin(0),
        lambda t, x: x.max(),
        lambda t, x: x.min(),
        lambda t, x: x.max(0).values,
        lambda t, x: x.min(0).values,
        lambda t, x: t.maximum(x, t.zeros(4)),
        lambda t, x: t.minimum(x, x.detach() * 1),
        lambda t, x: x.clamp(-1, 1),
        lambda t, x: x.clamp(min=0),
        lambda t, x: x.prod(),
        lambda t, x: x**0,
        lambda t, x: x**2,
        lambda t, x: t.zeros(4) ** (x + 1),
        lambda t, x: x.sqrt(),
        lambda t, x: x.std(),
        lambda t, x: x.view(4, 1).var(1, correction=0),
        lambda t, x: t.where(x > 0, x.log(), x),
        lambda t, x: t.atan2(x, x + 1),
    ],
)
@pytest.mark.parametrize(
    "data", [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, -1.0, -1.0], [0.0, 2.0, 0.0, 2.0]]
)
def test_subgradients_are_those_of_torch(torch, function, data):
    def gradient(t):
        x = t.tensor(data, requires_grad=True)
        return t.autograd.grad(function(t, x).sum(), x)[0]

    assert_same(gradient(fg), gradient(torch), exact=False)


def test_a_graph_without_saved_tensors_can_be_used_twice():
    x = fg.ones(3, requires_grad=True)
    total = (x + 1).sum()
    total.backward()
    total.backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_relu_passes_the_gradient_at_nan_on(torch):
    for lib in (fg, torch):
        x = lib.tensor([float("nan"), -1.0, 0.0, 2.0], requires_grad=True)
        for create_graph in (False, True):
            (found,) = lib.autograd.grad(lib.relu(x).sum(), x, create_graph=create_graph)
            assert found.tolist() == [1.0, 0.0, 0.0, 1.0]


class Foreign:
    """An object that tensors do not know, which knows tensors."""

    def __radd__(self, other):
        return "sum"

    def __rsub__(self, other):
        return "difference"

    def __rmul__(self, other):
        return "product"

    def __rtruediv__(self, other):
        return "quotient"


def test_operands_that_tensors_do_not_know_are_asked(torch):
    for lib in (fg, torch):
        x = lib.ones(2)
        results = [x + Foreign(), x - Foreign(), x * Foreign(), x / Foreign()]
        assert results == ["sum", "difference", "product", "quotient"]
        assert [0] * lib.tensor(2) == lib.tensor(2) * [0] == [0, 0]
        assert "ab" * lib.tensor(2) == "abab"
        for other in (None, "a", [1]):
            with pytest.raises(TypeError):
                lib.ones(2) + other


def test_an_integer_gradient_is_converted(torch):
    for lib in (fg, torch):
        x = lib.ones(2, requires_grad=True)
        (x * 2).backward(lib.tensor([1, 3]))
        assert x.grad.tolist() == [2.0, 6.0]
