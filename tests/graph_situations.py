"""Small situations of the graph. Each function builds one in a library and tells what it sees.

`error(...)` stands for an exception: its type alone is compared with PyTorch's.
"""

from importlib import import_module

SITUATIONS = []


def situation(function):
    SITUATIONS.append(function)
    return function


def error(action, *args, **options):
    """The type of the exception that a call raises."""
    try:
        action(*args, **options)
    except Exception as raised:
        return type(raised).__name__
    return "no error"


def leaf(t, *numbers):
    return t.tensor(numbers or (1.0, 2.0), dtype=t.float64, requires_grad=True)


# Accumulation and outputs


@situation
def backward_adds_to_grad(t):
    x = leaf(t)
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    return x.grad


@situation
def one_leaf_by_several_ways(t):
    x = leaf(t)
    y = x * x
    (y + y * x + x).sum().backward()
    return x.grad


@situation
def a_leaf_is_its_own_output(t):
    x = t.tensor(2.0, requires_grad=True)
    x.backward()
    return x.grad


@situation
def outputs_that_are_no_scalars(t):
    x = leaf(t)
    (x * x).backward(t.tensor([1.0, 10.0], dtype=t.float64))
    return x.grad


@situation
def gradient_of_another_float_dtype(t):
    x = leaf(t)
    return error((x * x).backward, t.ones(2, dtype=t.float32)), x.grad


@situation
def several_outputs(t):
    x = leaf(t)
    t.autograd.backward([(x * 2).sum(), x**2], [None, t.ones(2, dtype=t.float64)])
    return x.grad


@situation
def the_same_output_twice(t):
    x = leaf(t)
    y = (x**2).sum()
    return t.autograd.grad([y, y], x)


@situation
def an_output_inside_another(t):
    x = leaf(t)
    y = x * 2
    z = (y * y).sum()
    return t.autograd.grad([z, y.sum()], [x, y])


@situation
def gradients_with_respect_to_results(t):
    x = leaf(t)
    y = x * 2
    z = y.exp()
    return t.autograd.grad(z.sum(), [y, x, z])


@situation
def inputs_of_backward(t):
    x, y = leaf(t), leaf(t, 3.0, 4.0)
    (x * y).sum().backward(inputs=[x])
    return x.grad, y.grad


@situation
def inputs_of_backward_that_are_results(t):
    x = leaf(t)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward(inputs=[y])
    return x.grad, y.grad


@situation
def grad_is_taken_over_and_not_shared(t):
    x = leaf(t)
    seed = t.ones(2, dtype=t.float64)
    (x + 0).backward(seed)
    x.grad.mul_(5)
    return seed, x.grad


@situation
def setting_grad_to_none(t):
    x = leaf(t)
    (x * 2).sum().backward()
    x.grad = None
    (x * 4).sum().backward()
    return x.grad


@situation
def grad_may_be_assigned(t):
    x = leaf(t)
    x.grad = t.ones(2, dtype=t.float64)
    (x * 2).sum().backward()
    return x.grad


@situation
def grads_that_cannot_be_assigned(t):
    x = leaf(t)
    return [
        error(setattr, x, "grad", value)
        for value in (3, t.ones(3, dtype=t.float64), t.ones(2, dtype=t.int64))
    ]


@situation
def broadcast_inputs_get_sums(t):
    x, y = leaf(t), leaf(t, 3.0)
    (x * y).sum().backward()
    return x.grad, y.grad


@situation
def mixed_dtypes(t):
    x = t.ones(2, requires_grad=True)
    (x * leaf(t)).sum().backward()
    return x.grad, x.grad.dtype is t.float32


@situation
def integers_and_constants_take_no_part(t):
    x = leaf(t)
    k = t.tensor([2, 3])
    y = x * k + t.ones(2, dtype=t.float64)
    y.sum().backward()
    return x.grad, k.requires_grad, (x > 1).requires_grad


@situation
def zero_size_tensors(t):
    x = t.zeros(0, 3, requires_grad=True)
    (x * 2).sum().backward()
    return x.grad


# Retaining and reusing


@situation
def retained_graph(t):
    x = leaf(t)
    y = (x**2).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


@situation
def freed_graph(t):
    x = leaf(t)
    y = (x**2).sum()
    y.backward()
    return error(y.backward), x.grad


@situation
def a_graph_that_saves_nothing_is_not_used_up(t):
    x = leaf(t)
    y = (x + 1).sum()
    y.backward()
    return error(y.backward), x.grad


@situation
def freed_in_a_shared_part(t):
    x = leaf(t)
    shared = x.exp()
    first, second = shared.sum(), (shared * 2).sum()
    first.backward()
    return error(second.backward), x.grad


@situation
def create_graph_retains(t):
    x = leaf(t)
    y = (x**3).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    return g, t.autograd.grad(g.sum(), x)[0], t.autograd.grad(y, x)[0]


@situation
def third_derivative(t):
    x = t.tensor(1.5, dtype=t.float64, requires_grad=True)
    y = x**4
    for _ in range(3):
        (y,) = t.autograd.grad(y, x, create_graph=True)
    return y


@situation
def backward_with_create_graph(t):
    x = leaf(t)
    (x**3).sum().backward(create_graph=True, inputs=[x])
    penalty = (x.grad**2).sum()
    (g,) = t.autograd.grad(penalty, x)
    return x.grad.requires_grad, g


@situation
def deep_chain(t):
    x = leaf(t)
    y = x
    for _ in range(5000):
        y = y + 1e-3
    y.sum().backward()
    return x.grad


@situation
def chain_of_a_hundred_thousand(t):
    x = leaf(t, 1.0)
    y = x
    for _ in range(100_000):
        y = y + x
    (g,) = t.autograd.grad(y, x)
    del y
    return g


@situation
def chain_of_a_hundred_thousand_never_differentiated(t):
    x = leaf(t, 1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    last = y.item()
    del y
    return last


@situation
def a_leaf_used_a_thousand_times(t):
    x = leaf(t)
    sum(x * k for k in range(1000)).sum().backward()
    return x.grad


# Unused inputs


@situation
def unused_input(t):
    x, y = leaf(t), leaf(t)
    z = (x * 2).sum()
    return (
        error(t.autograd.grad, z, y, retain_graph=True),
        t.autograd.grad(z, y, allow_unused=True, retain_graph=True),
        t.autograd.grad(z, [x, y], materialize_grads=True),
    )


@situation
def materialize_without_unused(t):
    x = leaf(t)
    options = {"allow_unused": False, "materialize_grads": True}
    return error(t.autograd.grad, x.sum(), x, **options)


# Functions of derivatives


@situation
def newton_with_second_derivatives(t):
    x = t.tensor(3.0, dtype=t.float64, requires_grad=True)
    for _ in range(4):
        (first,) = t.autograd.grad((x**2 - 2) ** 2 + x, x, create_graph=True)
        (second,) = t.autograd.grad(first, x)
        x = (x - first / second).detach().requires_grad_()
    return x


@situation
def mixed_partial_derivatives(t):
    x, y = leaf(t), leaf(t, 3.0, 4.0)
    z = (x**2 * y.exp()).sum()
    (by_x,) = t.autograd.grad(z, x, create_graph=True)
    (by_y,) = t.autograd.grad(z, y, create_graph=True)
    return t.autograd.grad(by_x.sum(), y), t.autograd.grad(by_y.sum(), x)


@situation
def gradient_penalty(t):
    x, w = leaf(t), leaf(t, 0.5, -0.5)
    (g,) = t.autograd.grad((x * w).tanh().sum(), x, create_graph=True)
    ((g.norm() - 1) ** 2).backward()
    return w.grad, x.grad


@situation
def an_inner_loop_of_steps(t):
    """Differentiation through gradient descent (MAML)."""
    rate = t.tensor(0.1, dtype=t.float64, requires_grad=True)
    w = leaf(t)
    for _ in range(3):
        (g,) = t.autograd.grad((w**4).sum(), w, create_graph=True)
        w = w - rate * g
    return t.autograd.grad((w**2).sum(), rate)


# Errors


@situation
def no_graph(t):
    return error(t.ones(()).backward), error(t.tensor([1, 2]).sum().backward)


@situation
def no_scalar(t):
    return error((leaf(t) * 2).backward)


@situation
def gradient_of_the_wrong_kind(t):
    x = leaf(t)
    y = x * 2
    wrong = (t.ones(3, dtype=t.float64), t.ones(2, 2, dtype=t.float64), 3.0, "one")
    return [error(y.backward, g) for g in wrong], x.grad


@situation
def empty_inputs(t):
    return error(leaf(t).sum().backward, inputs=[])


@situation
def inputs_without_grad(t):
    x = leaf(t)
    return error(t.autograd.grad, x.sum(), t.ones(2))


@situation
def number_of_gradients(t):
    x = leaf(t)
    return error(t.autograd.grad, [x.sum(), x.sum()], x, [t.tensor(1.0)])


@situation
def a_saved_tensor_changed(t):
    x = leaf(t)
    y = x * 2
    z = (y**2).sum()
    y.add_(1)
    return error(z.backward), x.grad


@situation
def a_saved_result_changed(t):
    x = leaf(t)
    y = x.exp()
    y.mul_(2)
    return error(y.sum().backward), x.grad


@situation
def a_change_after_what_does_not_save(t):
    x = leaf(t)
    y = x + 1
    y.mul_(2)
    y.sum().backward()
    return x.grad


@situation
def through_what_has_no_gradient(t):
    x = leaf(t)
    y = x.argmax()
    return y.requires_grad, error(y.backward)


@situation
def in_place_on_a_leaf(t):
    x = leaf(t)
    return error(x.add_, 1), error(x[0].zero_), error(x.__setitem__, 0, 1.0)


@situation
def requires_grad_of_integers(t):
    return error(t.tensor([1]).requires_grad_), error(t.tensor, [1], requires_grad=True)


@situation
def requires_grad_of_results(t):
    y = leaf(t) * 2
    return error(setattr, y, "requires_grad", False), y.requires_grad


# Modes


@situation
def no_grad_inside(t):
    x = leaf(t)
    with t.no_grad():
        y = x * 2
        with t.enable_grad():
            z = x * 3
    return y.requires_grad, z.requires_grad, y.is_leaf, t.is_grad_enabled()


@situation
def modes_as_decorators(t):
    @t.no_grad()
    def off(x):
        return x * 2

    @t.enable_grad()
    def on(x):
        return x * 2

    x = leaf(t)
    with t.no_grad():
        inside = on(x)
    return off(x).requires_grad, inside.requires_grad


@situation
def modes_end_with_an_exception(t):
    try:
        with t.no_grad():
            raise KeyError
    except KeyError:
        return t.is_grad_enabled()


@situation
def set_grad_enabled_as_function(t):
    t.set_grad_enabled(False)
    y = leaf(t) * 2
    t.set_grad_enabled(True)
    return y.requires_grad


@situation
def inference_mode(t):
    x = leaf(t)
    with t.inference_mode():
        y = x * 2
        inside = t.is_inference_mode_enabled()
    return y.requires_grad, y.is_inference(), x.is_inference(), inside, t.is_grad_enabled()


@situation
def inference_tensors_outside(t):
    x = leaf(t)
    with t.inference_mode():
        y = t.ones(2, dtype=t.float64)
    return (
        error(lambda: (x * y).sum().backward()),
        error(y.add_, 1),
        error(y.requires_grad_),
        (y.clone() * x).sum().requires_grad,
    )


@situation
def inference_mode_switched_off(t):
    x = leaf(t)
    with t.inference_mode(), t.inference_mode(False):
        y = x * 2
    return y.requires_grad, y.is_inference()


@situation
def backward_in_inference_mode(t):
    x = leaf(t)
    y = (x * 2).sum()
    with t.inference_mode():
        found = error((x * 2).sum().backward)
    y.backward()
    return found, x.grad


# Leaves, nodes, detaching


@situation
def who_is_a_leaf(t):
    x = leaf(t)
    y = x * 2
    return x.is_leaf, y.is_leaf, t.ones(2).is_leaf, y.detach().is_leaf, x.grad_fn is None


@situation
def names_of_nodes(t):
    x = leaf(t)
    results = (x + 1, x - 1, x * 2, x / 2, x**2, -x, x.exp(), x.sum(), x.mean(), x.relu())
    results += (x.reshape(2, 1), x.view(1, 2), x.T, x.clone(), x.abs(), x.tanh())
    return [y.grad_fn.name() for y in results]


@situation
def next_functions(t):
    x = leaf(t)
    y = x * 2
    z = y + 1
    return len(z.grad_fn.next_functions), z.grad_fn.next_functions[0][0] is y.grad_fn


@situation
def detach_cuts(t):
    x = leaf(t)
    y = x * 2
    (y.detach() * x).sum().backward()
    return x.grad, y.detach().requires_grad


@situation
def detach_shares_memory(t):
    x = leaf(t)
    x.detach()[0] = 9
    return x


@situation
def detach_in_place(t):
    x = leaf(t)
    y = x * 2
    y.detach_()
    return y.requires_grad, y.is_leaf


@situation
def data_is_outside_the_graph(t):
    x = leaf(t)
    y = (x**2).sum()
    x.data.add_(1)
    y.backward()
    return x, x.grad


@situation
def requires_grad_later(t):
    x = t.ones(2)
    x.requires_grad_()
    (x * 3).sum().backward()
    x.requires_grad_(False)
    return x.grad, (x * 2).requires_grad


# Views and in-place


@situation
def element_assignment_in_the_graph(t):
    x = leaf(t)
    y = t.zeros(2, 2, dtype=t.float64)
    for i in range(2):
        for j in range(2):
            y[i, j] = (x * (i + 2 * j)).sum()
    (y * y).sum().backward()
    return y, x.grad


@situation
def change_through_a_view(t):
    x = leaf(t)
    y = x * 1
    y[0].mul_(5)
    y.view(2, 1)[1] += x[0]
    y.sum().backward()
    return y, x.grad


@situation
def a_view_made_before_the_change(t):
    x = leaf(t)
    y = x * 1
    v = y[:1]
    y.mul_(3)
    (v * 2).sum().backward()
    return v, x.grad


@situation
def overwriting_with_a_constant(t):
    x = leaf(t)
    y = x * 1
    y[0] = 7.0
    (y * y).sum().backward()
    return x.grad


@situation
def copying_into_a_constant(t):
    x = leaf(t)
    y = t.zeros(2, dtype=t.float64)
    y.copy_(x * 2)
    y.sum().backward()
    return y.requires_grad, x.grad


@situation
def plus_equals_on_a_result(t):
    x = leaf(t)
    y = x * 2
    before = y
    y += x
    y.sum().backward()
    return before is y, x.grad


# Hooks


@situation
def hooks_change_gradients(t):
    x = leaf(t)
    y = x * 3
    y.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: g + 1)
    y.sum().backward()
    return x.grad


@situation
def hooks_run_once_for_the_sum(t):
    x, seen = leaf(t), []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * 3).sum().backward()
    return seen


@situation
def hooks_that_differentiate(t):
    """A backward inside a backward."""
    x, inner = leaf(t), leaf(t, 3.0)

    def hook(g):
        recording = t.is_grad_enabled()
        with t.enable_grad():
            (inner**2).sum().backward()
        return g + inner.grad + recording

    x.register_hook(hook)
    (x * 2).sum().backward()
    return x.grad, inner.grad


@situation
def hooks_in_order(t):
    x = leaf(t)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 10)
    x.sum().backward()
    return x.grad


@situation
def removed_hooks(t):
    x = leaf(t)
    handle = x.register_hook(lambda g: g * 100)
    handle.remove()
    handle.remove()
    x.sum().backward()
    return x.grad


@situation
def hooks_and_autograd_grad(t):
    x = leaf(t)
    y = x * 3
    y.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: g * 10)
    return t.autograd.grad(y.sum(), [x, y])


@situation
def retained_gradients_come_after_hooks(t):
    x = leaf(t)
    y = x * 3
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    y.sum().backward()
    return y.grad, x.grad, y.retains_grad, x.retains_grad


@situation
def retained_gradient_of_a_changed_tensor(t):
    x = leaf(t)
    y = x * 1
    y.retain_grad()
    y.mul_(2)
    (y * 3).sum().backward()
    return y.grad, x.grad


@situation
def retained_gradients_add_up(t):
    x = leaf(t)
    y = x * 1
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    return y.grad


@situation
def retaining_without_grad(t):
    return error(t.ones(2).retain_grad), error(t.ones(2).register_hook, print)


@situation
def hooks_after_accumulation(t):
    x, seen = leaf(t), []
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.tolist()))
    x.sum().backward()
    x.sum().backward()
    return seen, error((x * 2).register_post_accumulate_grad_hook, print)


@situation
def hooks_of_nodes(t):
    x, seen = leaf(t), []
    y = x * 3
    y.grad_fn.register_hook(lambda gi, go: seen.append((gi[0].tolist(), go[0].tolist())))
    y.grad_fn.register_prehook(lambda go: (go[0] * 2,))
    y.sum().backward()
    return seen, x.grad


@situation
def hooks_that_return_nonsense(t):
    found = []
    for wrong in (lambda g: 3, lambda g: g[:1], lambda g: g.float(), lambda g: "x"):
        x = leaf(t)
        x.register_hook(wrong)
        found.append((error(x.sum().backward), x.grad))
    return found


@situation
def a_hook_that_raises(t):
    def fail(g):
        raise ZeroDivisionError

    x = leaf(t)
    y = x * 2
    y.register_hook(fail)
    return error(y.sum().backward), x.grad, t.is_grad_enabled()


@situation
def second_derivative_through_a_hook(t):
    x = leaf(t)
    x.register_hook(lambda g: g * g)
    (g,) = t.autograd.grad((x**3).sum(), x, create_graph=True)
    return t.autograd.grad(g.sum(), x)


# Checkpoints and anomalies


def step(t, w):
    return lambda x: ((x @ w).exp() * t.rand(2, dtype=t.float64)).sin()


def checkpointed(t, function, *args):
    return import_module(f"{t.__name__}.utils.checkpoint").checkpoint(
        function, *args, use_reentrant=False
    )


def seeded(t):
    t.manual_seed(0)
    return leaf(t), t.rand(2, 2, dtype=t.float64, requires_grad=True)


@situation
def checkpoint(t):
    x, w = seeded(t)
    y = checkpointed(t, step(t, w), x)
    after = t.rand(1)
    y.sum().backward()
    return y, after, x.grad, w.grad, t.rand(1)


@situation
def checkpoint_in_a_checkpoint(t):
    x, w = seeded(t)
    y = checkpointed(t, lambda a: checkpointed(t, step(t, w), a).exp(), x)
    y.sum().backward()
    return x.grad, w.grad


@situation
def checkpoint_retained_and_freed(t):
    x, w = seeded(t)
    y = checkpointed(t, step(t, w), x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad, error(y.backward)


@situation
def checkpoint_differentiated_twice(t):
    x, w = seeded(t)
    y = checkpointed(t, step(t, w), x).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    return g, t.autograd.grad(g.sum(), w)


@situation
def checkpoint_without_recording(t):
    with t.no_grad():
        return checkpointed(t, lambda x: x * 2, leaf(t)).requires_grad


@situation
def anomaly_found(t):
    x = t.zeros(2, requires_grad=True)
    with t.autograd.detect_anomaly():
        y = (x.sqrt() * 0).sum()
        found = error(y.backward)
    return found, x.grad, t.is_anomaly_enabled()


@situation
def anomaly_without_looking_for_nan(t):
    x = t.zeros(2, requires_grad=True)
    with t.autograd.detect_anomaly(check_nan=False):
        (x.sqrt() * 0).sum().backward()
        return t.isnan(x.grad), t.is_anomaly_enabled()


# Functions of the user's


def exponential(t):
    class Exponential(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = x.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, grad):
            (result,) = ctx.saved_tensors
            return grad * result

    return Exponential


@situation
def function_with_one_result(t):
    x = leaf(t)
    y = exponential(t).apply(x)
    y.sum().backward()
    return y, x.grad


@situation
def function_differentiated_twice(t):
    x = leaf(t)
    (g,) = t.autograd.grad(exponential(t).apply(x).sum(), x, create_graph=True)
    return g, t.autograd.grad(g.sum(), x)


@situation
def function_whose_saved_result_changes(t):
    x = leaf(t)
    y = exponential(t).apply(x)
    y.mul_(2)
    return error(y.sum().backward)


@situation
def function_without_recording(t):
    x = leaf(t)
    with t.no_grad():
        y = exponential(t).apply(x)
    return y.requires_grad, exponential(t).apply(t.ones(2)).requires_grad


@situation
def function_used_up(t):
    x = leaf(t)
    y = exponential(t).apply(x).sum()
    y.backward()
    return error(y.backward)


def product_and_sum(t, seen):
    class ProductAndSum(t.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, factor):
            ctx.save_for_backward(a, b)
            ctx.factor = factor
            return a * b * factor, a + b

        @staticmethod
        def backward(ctx, product, total):
            a, b = ctx.saved_tensors
            seen.append(ctx.needs_input_grad)
            k = ctx.factor
            return product * b * k + total, product * a * k + total, None

    return ProductAndSum


@situation
def function_with_several_results(t):
    a, b, seen = leaf(t), leaf(t, 3.0, 4.0), []
    p, s = product_and_sum(t, seen).apply(a, b, 2.0)
    (p.sum() + (s * s).sum()).backward()
    return a.grad, b.grad, seen


@situation
def function_with_an_unused_result(t):
    a, seen = leaf(t), []
    _, s = product_and_sum(t, seen).apply(a, t.ones(2, dtype=t.float64), 2.0)
    s.sum().backward()
    return a.grad, seen


@situation
def function_with_several_results_twice(t):
    a, b = leaf(t), leaf(t, 3.0, 4.0)
    p, s = product_and_sum(t, []).apply(a, b, 2.0)
    grads = t.autograd.grad((p * s).sum(), (a, b), create_graph=True)
    return grads, t.autograd.grad(sum(g.sum() for g in grads), (a, b))


@situation
def function_without_materialized_gradients(t):
    seen = []

    class Both(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, first, second):
            seen.append((first is None, second is None))
            return second * 3

    x = leaf(t)
    Both.apply(x)[1].sum().backward()
    return seen, x.grad


@situation
def function_that_works_in_place(t):
    class Triple(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(3)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 3

    x = leaf(t)
    y = x * 1
    z = Triple.apply(y)
    z.sum().backward()
    return z is y, x.grad


@situation
def function_with_constant_results(t):
    class Parts(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            positive = x * 2
            ctx.mark_non_differentiable(positive)
            return x * 1, x.argmax(), positive

        @staticmethod
        def backward(ctx, *grads):
            return grads[0]

    x = leaf(t)
    results = Parts.apply(x)
    results[0].sum().backward()
    return [y.requires_grad for y in results], x.grad


@situation
def function_that_returns_its_input(t):
    class Scaled(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 5

    x = leaf(t)
    y = Scaled.apply(x)
    y.sum().backward()
    return y is x, y.requires_grad, x.grad


@situation
def function_with_setup_context(t):
    class Power(t.autograd.Function):
        @staticmethod
        def forward(x, n):
            return x**n

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.n = inputs[1]

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * ctx.n * x ** (ctx.n - 1), None

    x = leaf(t)
    Power.apply(x, 3).sum().backward()
    return x.grad


def returning(t, result):
    class Returning(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, grad):
            return result(grad)

    return Returning


@situation
def functions_with_wrong_gradients(t):
    wrong = (
        lambda g: g,
        lambda g: (g, g, g),
        lambda g: (g, 3),
        lambda g: (t.ones(3, dtype=t.float64), g),
        lambda g: (g, None, None),
    )
    found = []
    for result in wrong:
        x = leaf(t)
        found.append((error(returning(t, result).apply(x, x).sum().backward), x.grad is None))
    return found


@situation
def function_without_backward(t):
    class Forward(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    return error(Forward.apply(leaf(t)).sum().backward)


@situation
def function_that_is_differentiable_once(t):
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @t.autograd.function.once_differentiable
        def backward(ctx, grad):
            return 2 * ctx.saved_tensors[0] * grad

    x = leaf(t)
    y = (Square.apply(x) * x).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    return g, error(g.sum().backward)


@situation
def saving_what_is_no_tensor(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad

    return error(Wrong.apply, leaf(t))
