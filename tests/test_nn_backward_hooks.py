"""Full backward hooks of modules, compared with PyTorch: what they see, and in which order."""

import copy

import pytest

import fastgrad as fg
from graph_situations import error
from test_graph import close, plain, seen

CASES = []


def case(function):
    CASES.append(function)
    return function


def pair(t, outputs=lambda a, b: (a * b, a + 1)):
    class Pair(t.nn.Module):
        def forward(self, a, b, power=1):
            return outputs(a, b)

    return Pair()


def leaf(t, *numbers):
    return t.tensor(numbers, dtype=t.float64, requires_grad=True)


def shown(grads):
    return [None if g is None else g.tolist() for g in grads]


def hooked(module, log, name=""):
    """The module with hooks that write down what they see."""
    module.register_full_backward_hook(
        lambda m, gi, go: log.append((name, m is module, shown(gi), shown(go)))
    )
    module.register_full_backward_pre_hook(lambda m, go: log.append((name, "pre", shown(go))))
    return module


@case
def tensors_and_others(t):
    log, a, b = [], leaf(t, 1.0, 2.0), t.tensor([3.0, 4.0], dtype=t.float64)
    module = hooked(pair(t), log)
    p, q = module(a, b)
    p.sum().backward()
    p, q = module(a, b, power=2)
    (p.sum() + (q * 2).sum()).backward()
    p, q = module(a, 5.0)
    q.sum().backward()
    return log, a.grad


@case
def order_in_a_network(t):
    log = []
    net = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.ReLU(), t.nn.Linear(2, 1)).double()
    for p in net.parameters():
        t.nn.init.ones_(p)
    for name, module in net.named_modules():
        hooked(module, log, name)
    net(leaf(t, 1.0, -3.0)).sum().backward()
    net(t.ones(2, dtype=t.float64)).sum().backward()
    return log


@case
def hooks_replace_gradients(t):
    a, b = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    module = pair(t, lambda a, b: a * b)
    module.register_full_backward_hook(lambda m, gi, go: (gi[0] * 10, gi[1]))
    module.register_full_backward_hook(lambda m, gi, go: (gi[0] + 1, None))
    module.register_full_backward_hook(lambda m, gi, go: (gi[0] - 5, gi[1]), prepend=True)
    module.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
    module(a, b).sum().backward()
    return a.grad, b.grad


@case
def hooks_of_one_gradient_may_return_a_tensor(t):
    a, layer = leaf(t, 1.0, 2.0), t.nn.Tanh()
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
    layer.register_full_backward_hook(lambda m, gi, go: (go[0],))
    layer(a).sum().backward()
    return a.grad


@case
def removed_hooks(t):
    a, log = leaf(t, 1.0), []
    layer = t.nn.Identity()
    handle = layer.register_full_backward_hook(lambda m, gi, go: log.append(1))
    layer(a).backward()
    handle.remove()
    layer(a).backward()
    with layer.register_full_backward_pre_hook(lambda m, go: log.append(2)):
        out = layer(a)
    out.backward()
    return log, a.grad


@case
def without_recording(t):
    log, layer = [], t.nn.Identity()
    hooked(layer, log)
    with t.no_grad():
        y = layer(leaf(t, 1.0))
    return log, y.requires_grad, layer(t.ones(1)).requires_grad


@case
def without_gradients_for_inputs(t):
    log, layer = [], t.nn.Linear(1, 1).double()
    hooked(layer, log)
    layer(t.ones(1, dtype=t.float64)).sum().backward()
    layer.register_full_backward_hook(lambda m, gi, go: (go[0],))
    return len(log), error(layer(t.ones(1, dtype=t.float64)).sum().backward)


@case
def wrong_numbers(t):
    a, found = leaf(t, 1.0), []
    for method in ("register_full_backward_hook", "register_full_backward_pre_hook"):
        layer = t.nn.Identity()
        getattr(layer, method)(lambda m, *grads: (grads[-1][0], grads[-1][0]))
        found.append(error(layer(a).backward))
    return found


@case
def a_second_derivative_through_hooks(t):
    a, log = leaf(t, 1.0, 2.0), []
    layer = t.nn.Tanh()
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * gi[0],))
    layer.register_full_backward_hook(lambda m, gi, go: log.append(shown(gi)))
    (g,) = t.autograd.grad(layer(a).sum(), a, create_graph=True)
    return g, t.autograd.grad(g.sum(), a), log


@case
def with_forward_hooks(t):
    log, a = [], leaf(t, 1.0, 2.0)
    layer = hooked(t.nn.Tanh(), log)
    layer.register_forward_hook(lambda m, args, out: out * 2)
    layer.register_forward_pre_hook(lambda m, args: (args[0] * 3,))
    layer(a).sum().backward()
    return log, a.grad


@case
def copies_have_the_hooks(t):
    a, log = leaf(t, 1.0), []
    layer = t.nn.Identity()
    layer.register_full_backward_hook(lambda m, gi, go: log.append(1))
    copy.deepcopy(layer)(a).backward()
    return log


@pytest.mark.parametrize("situation", CASES, ids=lambda f: f.__name__)
def test_hooks_are_as_in_torch(torch, situation):
    ours, theirs = seen(situation, fg), seen(situation, torch)
    assert close(ours, theirs), f"fastgrad: {ours}\nPyTorch: {theirs}"


def test_no_module_is_kept_alive():
    from weakref import ref

    layer = fg.nn.Linear(2, 2)
    layer.register_full_backward_hook(lambda m, gi, go: None)
    out = layer(fg.ones(2, requires_grad=True))
    out.sum().backward()
    alive = ref(layer)
    del layer, out
    assert alive() is None


def test_outputs_that_are_no_tensors_are_warned_of():
    module = pair(fg, lambda a, b: {"product": a * b})
    module.register_full_backward_hook(lambda m, gi, go: None)
    a = leaf(fg, 1.0)
    with pytest.warns(UserWarning, match="should be a Tensor or a tuple"):
        assert plain(module(a, a)["product"]) == [1.0]


# Hooks that wait for a leaf's .grad


def test_hooks_of_leaves_run_while_backward_still_works():
    first, last = (fg.ones(2, requires_grad=True) for _ in range(2))
    seen = []
    for name, leaf in (("first", first), ("last", last)):
        leaf.register_post_accumulate_grad_hook(
            lambda leaf, name=name: seen.append((name, leaf.grad.tolist()))
        )
    hidden = first * 2
    hidden.register_hook(lambda grad: seen.append("hidden"))
    ((hidden * last).sum() + last.sum()).backward()
    assert seen == [("last", [3.0, 3.0]), "hidden", ("first", [2.0, 2.0])]


def test_hooks_of_a_leaf_wait_for_its_last_use():
    leaf = fg.ones(2, requires_grad=True)
    seen = []
    leaf.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.tolist()))
    (leaf * 2 * leaf).sum().backward()
    (leaf * leaf.exp().detach() * 0 + leaf).sum().backward(inputs=[leaf])
    assert seen == [[4.0, 4.0], [5.0, 5.0]]


def test_hooks_of_a_leaf_are_not_called_by_grad():
    leaf = fg.ones(2, requires_grad=True)
    leaf.register_post_accumulate_grad_hook(lambda leaf: pytest.fail("nothing was accumulated"))
    (grad,) = fg.autograd.grad((leaf * 2).exp().sum(), leaf)
    assert leaf.grad is None
    assert grad.shape == leaf.shape
