"""func: transforms of functions alone and put together, compared with PyTorch."""

import pytest

import fastgrad as fg
from graph_situations import error
from test_graph import close, plain

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def x_of(t):
    return t.tensor([0.5, -1.5, 2.0], dtype=t.float64)


def cubes(x):
    return (x**3).sum() * x[0]


def product(x, y):
    return (x * y.sin()).sum()


def outputs(d):
    return {"a": d["x"] ** 2, "b": [d["x"].sum() * d["y"]]}


def dict_of(t):
    return {"x": x_of(t), "y": t.tensor(3.0, dtype=t.float64)}


def linear_model(t):
    model = t.nn.Sequential(t.nn.Linear(3, 2), t.nn.Tanh(), t.nn.Linear(2, 1)).double()
    with t.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(t.linspace(-1, 1, p.numel(), dtype=t.float64).view(p.shape) + 0.1 * i)
    return model


def parameters_of(model):
    return {name: p.detach() for name, p in model.named_parameters()}


def data_of(t):
    return t.linspace(-1, 1, 12, dtype=t.float64).view(4, 3)


def tree(t, value):
    """Nested results as lists."""
    if isinstance(value, dict):
        return [tree(t, value[key]) for key in sorted(value)]
    if isinstance(value, (list, tuple)):
        return [tree(t, part) for part in value]
    return value


# Gradients


@case
def grad_of_an_argument(t):
    x = x_of(t)
    grad = t.func.grad
    return grad(cubes)(x), grad(product, argnums=1)(x, x), grad(product, (1, 0))(x, x)


@case
def grad_of_nested_arguments(t):
    return tree(t, t.func.grad(lambda d, k: (d["x"] * d["y"]).sum() * k)(dict_of(t), 2.0))


@case
def grad_and_value_with_aux(t):
    f = t.func.grad_and_value(lambda x: (cubes(x), {"square": x**2}), has_aux=True)
    return tree(t, f(x_of(t))), t.func.grad(lambda x: (cubes(x), x.sum()), has_aux=True)(x_of(t))


@case
def grad_of_unused(t):
    return t.func.grad(lambda x, y: y.sum())(x_of(t), x_of(t))


@case
def grad_takes_keywords(t):
    return t.func.grad(lambda x, power: (x**power).sum())(x_of(t), power=3)


@case
def grad_of_grad(t):
    x = t.tensor(0.7, dtype=t.float64)
    f = t.sin
    for _ in range(3):
        f = t.func.grad(f)
    return f(x)


@case
def levels_are_not_confused(t):
    """The inner gradient must not see the outer variable as its own."""
    grad = t.func.grad
    x = t.tensor(3.0, dtype=t.float64)
    return grad(lambda x: x * grad(lambda y: x * y)(x))(x)


@case
def the_same_tensor_inside_and_outside(t):
    x = x_of(t)
    return t.func.grad(lambda y: (x * y).sum())(x)


@case
def results_are_connected_to_what_is_outside(t):
    w = x_of(t).requires_grad_()
    gradient = t.func.grad(lambda x: (x**2 * w).sum())(x_of(t))
    apart = t.func.grad(lambda x: (x**2).sum() + w.sum())(x_of(t))
    return gradient.requires_grad, apart.requires_grad, t.autograd.grad(gradient.sum(), w)


@case
def inputs_that_require_grad(t):
    x = x_of(t).requires_grad_()
    gradient = t.func.grad(cubes)(x)
    gradient.sum().backward()
    return gradient, x.grad


@case
def inside_no_grad(t):
    x = x_of(t).requires_grad_()
    with t.no_grad():
        gradient = t.func.grad(cubes)(x)
        second = t.func.hessian(cubes)(x)
    return gradient, gradient.requires_grad, second, second.requires_grad, t.is_grad_enabled()


@case
def no_grad_inside(t):
    def f(x):
        with t.no_grad():
            c = x**2
        return (x * c).sum()

    return t.func.grad(f)(x_of(t))


# Products


@case
def vjp_of_nested_outputs(t):
    out, product = t.func.vjp(outputs, dict_of(t))
    weights = {"a": x_of(t), "b": [t.tensor(2.0, dtype=t.float64)]}
    return tree(t, [out, *product(weights), *product(weights)])


@case
def vjp_with_aux(t):
    out, product, aux = t.func.vjp(lambda x, y: (x * y, x), x_of(t), x_of(t), has_aux=True)
    return out, product(x_of(t)), aux, out.requires_grad, aux.requires_grad


@case
def products_are_differentiable(t):
    def f(x):
        _, product = t.func.vjp(t.sin, x)
        return (product(x)[0] ** 2).sum()

    return t.func.grad(f)(x_of(t))


@case
def jvp_of_nested(t):
    found = t.func.jvp(outputs, (dict_of(t),), (dict_of(t),))
    aux = t.func.jvp(lambda x: (x**2, x.sum()), (x_of(t),), (x_of(t),), has_aux=True)
    return tree(t, [*found, *aux])


@case
def mistakes_of_jvp(t):
    x, jvp = x_of(t), t.func.jvp
    return [
        error(jvp, cubes, x, (x,)),
        error(jvp, cubes, (x,), x),
        error(jvp, cubes, (x,), (x[:2],)),
        error(jvp, cubes, (x,), (x, x)),
        error(jvp, lambda x: t.ones(2), (x,), (x,), strict=True),
        error(jvp, lambda x: 3.0, (x,), (x,)),
    ]


# Jacobians


@case
def jacfwd_and_hessian(t):
    f, x = t.func, x_of(t)
    found = f.jacfwd(outputs)(dict_of(t)), f.hessian(product, (0, 1))(x, x), f.hessian(cubes)(x)
    return tree(t, [*found, f.jacfwd(f.jacfwd(cubes))(x), f.vmap(f.hessian(cubes))(data_of(t))])


@case
def jacrev_nested(t):
    return tree(t, t.func.jacrev(outputs)(dict_of(t)))


@case
def jacrev_of_several(t):
    x = x_of(t)
    return tree(t, t.func.jacrev(lambda x, y: (x * y, x.sum()), argnums=(0, 1))(x, x))


@case
def jacrev_with_aux(t):
    return t.func.jacrev(lambda x: (x**2, x.sum()), has_aux=True, chunk_size=2)(x_of(t))


@case
def jacrev_of_constants(t):
    return t.func.jacrev(lambda x: t.ones(2, dtype=t.float64))(x_of(t))


@case
def per_sample_jacobians(t):
    return t.func.vmap(t.func.jacrev(lambda x: x * x.sum()))(data_of(t))


# vmap


@case
def vmap_of_one_argument(t):
    m = data_of(t)
    vmap = t.func.vmap
    return vmap(t.sum)(m), vmap(lambda x: x * 2, in_dims=1)(m), vmap(lambda x: x, out_dims=-1)(m)


@case
def vmap_with_shared_arguments(t):
    m, x = data_of(t), x_of(t)
    shared = t.func.vmap(lambda a, b, k: a @ b * k, in_dims=(0, None, None))(m, x, 3.0)
    return shared, t.func.vmap(lambda a, k=1: a.sum() * k)(m, k=2)


@case
def vmap_of_nested(t):
    m, x = data_of(t), x_of(t)
    f = t.func.vmap(lambda d: (d["a"] @ d["b"], {"twice": d["a"] * 2}), ({"a": 0, "b": None},))
    return tree(t, f({"a": m, "b": x}))


@case
def vmap_with_out_dims(t):
    f = t.func.vmap(lambda a: (a.sum(), a.outer(a)), out_dims=(0, 2), chunk_size=3)
    return f(data_of(t))


@case
def vmap_in_vmap(t):
    m = data_of(t)
    inner = t.func.vmap(t.dot, in_dims=(None, 0))
    return t.func.vmap(inner, in_dims=(0, None))(m, m)


@case
def vmap_of_no_samples(t):
    f = t.func.vmap(lambda x: (x.sum(), x.outer(x)))
    return [tuple(y.shape) for y in f(t.zeros(0, 3))]


@case
def vmap_result_shared(t):
    return t.func.vmap(lambda x, k: (x + k, k), in_dims=(0, None), out_dims=(0, None))(
        data_of(t), 2.0
    )


@case
def vmap_of_constants(t):
    return t.func.vmap(lambda x: t.ones(2))(data_of(t))


@case
def vmap_is_differentiable(t):
    m = data_of(t).requires_grad_()
    t.func.vmap(lambda row: (row**3).sum())(m).sum().backward()
    return m.grad, t.func.grad(lambda m: t.func.vmap(t.dot)(m, m).sum())(data_of(t))


@case
def per_sample_gradients(t):
    model = linear_model(t)

    def loss(params, x, y):
        return ((t.func.functional_call(model, params, (x,)) - y) ** 2).sum()

    y = t.ones(4, 1, dtype=t.float64)
    per_sample = t.func.vmap(t.func.grad(loss), (None, 0, 0))
    return tree(t, per_sample(parameters_of(model), data_of(t), y))


@case
def random_shapes_and_sameness(t):
    def draw(x):
        return t.rand(2)

    t.manual_seed(0)
    same = t.func.vmap(draw, randomness="same")(t.ones(3))
    different = t.func.vmap(draw, randomness="different")(t.ones(3))
    return [
        bool((same == same[0]).all()),
        bool((different == different[0]).all()),
        tuple(different.shape),
        error(t.func.vmap(draw), t.ones(3)),
    ]


# Modules


@case
def functional_call_with_several_dicts(t):
    model = linear_model(t)
    params = parameters_of(model)
    first = {"0.weight": params.pop("0.weight") * 2}
    call = t.func.functional_call
    results = call(model, (params, first), data_of(t)), call(model, first, (data_of(t),))
    return results, model(data_of(t)), [p.requires_grad for p in model.parameters()]


@case
def functional_call_differentiated_twice(t):
    model = linear_model(t)
    x = data_of(t)[0]

    def f(params):
        return t.func.functional_call(model, params, (x,)).sum()

    return tree(t, t.func.jacrev(t.func.grad(f))(parameters_of(model))["0.weight"]["2.weight"])


@case
def functional_call_with_tied_weights(t):
    model = linear_model(t)
    model.twin = model[2]
    new = {"twin.weight": t.zeros(1, 2, dtype=t.float64)}
    call = t.func.functional_call
    both = {**new, "2.weight": t.ones(1, 2, dtype=t.float64)}
    layer = t.nn.Linear(2, 2).double()
    layer.other = layer.weight
    tied = t.zeros(2, 2, dtype=t.float64)
    tied_call = call(layer, {"other": tied}, t.ones(2, dtype=t.float64))
    return (
        error(call, model, both, data_of(t)),
        error(call, layer, {"other": tied, "weight": tied + 1}, t.ones(2, dtype=t.float64)),
        (tied_call - layer.bias).detach(),
    )


@case
def functional_call_mistakes(t):
    model, x = linear_model(t), data_of(t)
    call = t.func.functional_call
    some = {"0.weight": t.zeros(2, 3, dtype=t.float64)}
    return (
        error(call, model, some, x, strict=True),
        error(call, model, {"nothing": x}, x),
        error(call, model, (some, some), x),
        error(call, model, {"0.weight": t.zeros(5, 5)}, x),
        [tuple(p.shape) for p in model.parameters()],
    )


@case
def ensembles(t):
    models = [linear_model(t), linear_model(t)]
    with t.no_grad():
        models[1][0].weight.mul_(2)
    params, buffers = t.func.stack_module_state(models)
    f = t.func.vmap(
        lambda p, b, x: t.func.functional_call(models[0], (p, b), (x,)), in_dims=(0, 0, None)
    )
    result = f(params, buffers, data_of(t))
    return result, all(p.requires_grad for p in params.values())


# Mistakes


@case
def mistakes_of_gradients(t):
    x, f = x_of(t), t.func
    return [
        error(f.grad(lambda x: x), x),
        error(f.grad(lambda x: (x.sum(), 1)), x),
        error(f.grad(lambda x: 3.0), x),
        error(f.grad(lambda x: x.sum(), argnums=2), x),
        error(f.grad(lambda x: x.sum(), argnums=(0, -1)), x),
        error(f.grad(lambda x: x.sum(), argnums="x"), x),
        error(f.grad(lambda x: x.sum(), has_aux=True), x),
        error(f.grad(lambda x: x * 2.0), 3.0),
        error(f.grad(lambda x: x.sum()), t.tensor([1, 2])),
        error(f.vjp, lambda x: x.argmax(), x),
        error(f.vjp, lambda x: 3.0, x),
        error(f.vjp(lambda x: x, x)[1], (x, x)),
        error(f.jacrev(lambda x: "text"), x),
        error(f.jacrev, cubes, chunk_size=0),
    ]


@case
def mistakes_of_vmap(t):
    m, vmap = data_of(t), t.func.vmap
    return [
        error(vmap(lambda x: 3.0), m),
        error(vmap(lambda x: (x, 3.0)), m),
        error(vmap(lambda x: x, out_dims=None), m),
        error(vmap(lambda x: x, out_dims=(0, 0)), m),
        error(vmap(lambda x: x, out_dims=5), m),
        error(vmap(lambda x: x, in_dims=[0]), m),
        error(vmap(lambda x: x, in_dims=(0, 0)), m),
        error(vmap(lambda x: x, in_dims=("a",)), m),
        error(vmap(lambda x: x, in_dims=2), m),
        error(vmap(lambda x: x, in_dims=(None,)), m),
        error(vmap(lambda x, y: x), m, 3.0),
        error(vmap(lambda x, y: x), m, m[:2]),
        error(vmap(lambda: 3)),
        error(vmap, cubes, randomness="sometimes"),
        error(vmap, cubes, chunk_size=0),
    ]


@pytest.mark.parametrize("name", CASES)
def test_results_are_as_in_torch(torch, name):
    ours, theirs = plain(CASES[name](fg)), plain(CASES[name](torch))
    assert close(ours, theirs), f"fastgrad: {ours}\nPyTorch: {theirs}"


# Forward mode


@pytest.mark.parametrize("function", [cubes, lambda x: x * x.sum(), lambda x: x[:0]])
def test_jacfwd_is_jacrev(function):
    x = x_of(fg)
    forward, reverse = fg.func.jacfwd(function)(x), fg.func.jacrev(function)(x)
    assert forward.shape == reverse.shape
    assert fg.allclose(forward, reverse, rtol=1e-13)


def test_jacfwd_of_nested_and_several():
    forward, reverse = fg.func.jacfwd(outputs)(dict_of(fg)), fg.func.jacrev(outputs)(dict_of(fg))
    assert close(plain(tree(fg, forward)), plain(tree(fg, reverse)))
    forward = fg.func.jacfwd(product, (1, 0))(x_of(fg), x_of(fg))
    assert close(plain(forward), plain(fg.func.jacrev(product, (1, 0))(x_of(fg), x_of(fg))))
    assert fg.func.jacfwd(lambda x: (x, 5), has_aux=True)(x_of(fg))[1] == 5


def test_jvp_is_the_jacobian_times_the_vector():
    x, v = x_of(fg), fg.tensor([1.0, 2.0, -1.0], dtype=fg.float64)
    value, tangent, aux = fg.func.jvp(lambda x: (x * x.sum(), x), (x,), (v,), has_aux=True)
    assert fg.allclose(value, x * x.sum())
    assert fg.allclose(tangent, fg.func.jacrev(lambda x: x * x.sum())(x) @ v)
    assert not tangent.requires_grad
    assert not aux.requires_grad


def test_jvp_refuses_what_does_not_fit():
    x = x_of(fg)
    with pytest.raises(RuntimeError, match="primals to be a tuple"):
        fg.func.jvp(cubes, x, (x,))
    with pytest.raises(RuntimeError, match=r"shape \[3\] of its primal, got \[2\]"):
        fg.func.jvp(cubes, (x,), (x[:2],))
    with pytest.raises(RuntimeError, match="same structure"):
        fg.func.jvp(cubes, (x,), (x, x))
    with pytest.raises(RuntimeError, match="independent"):
        fg.func.jvp(lambda x: fg.ones(2), (x,), (x,), strict=True)


@pytest.mark.parametrize("outer", ["jacfwd", "jacrev", "vmap"])
@pytest.mark.parametrize("inner", ["grad", "jacfwd", "jacrev"])
def test_compositions(outer, inner):
    """Each pair gives the Hessian, known in closed form."""
    x = x_of(fg)
    if outer == "vmap":
        rows = fg.stack([x, 2 * x])
        found = fg.func.vmap(getattr(fg.func, inner)(lambda x: (x**3).sum()))(rows)
        assert fg.allclose(found, 3 * rows**2)
        return
    first = getattr(fg.func, inner)(lambda x: (x**3).sum())
    second = getattr(fg.func, outer)(first)
    assert fg.allclose(second(x), fg.diag(6 * x))
    rows = fg.stack([x, 2 * x])
    assert fg.allclose(fg.func.vmap(second)(rows), fg.diag_embed(6 * rows))


def test_hessian_is_that_of_autograd():
    expected = fg.autograd.functional.hessian(cubes, x_of(fg))
    assert fg.allclose(fg.func.hessian(cubes)(x_of(fg)), expected)
    blocks = fg.func.hessian(product, (0, 1))(x_of(fg), x_of(fg))
    expected = fg.autograd.functional.hessian(product, (x_of(fg), x_of(fg)))
    assert close(plain(blocks), plain(expected))


def test_jacfwd_and_random_numbers():
    def noisy(x):
        return x * fg.rand(3, dtype=fg.float64)

    with pytest.raises(RuntimeError, match="random"):
        fg.func.jacfwd(noisy)(x_of(fg))
    assert fg.func.jacfwd(noisy, randomness="same")(x_of(fg)).shape == (3, 3)
    with pytest.raises(ValueError, match="randomness"):
        fg.func.jacfwd(noisy, randomness="different")


# What only shows here


class Counter(fg.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", fg.zeros(()))

    def forward(self, x):
        self.calls += 1
        return x


def test_captured_tensors_must_not_be_changed():
    total = fg.zeros(3, dtype=fg.float64)
    counts = [fg.zeros(())]

    def adding(x):
        total.add_(x)
        return x.sum()

    def counting(x):
        counts[0].add_(1)
        return x.sum()

    for transform in (fg.func.grad, fg.func.jacrev, fg.func.jacfwd):
        with pytest.raises(RuntimeError, match=r"changed the captured tensor 'total'.*in place"):
            transform(adding)(x_of(fg))
    with pytest.raises(RuntimeError, match=r"'counts\[0\]'"):
        fg.func.vmap(counting)(data_of(fg))
    counter = Counter()
    with pytest.raises(RuntimeError, match=r"'counter.calls'"):
        fg.func.vmap(lambda x: counter(x))(data_of(fg))


def test_what_is_captured_further_in_is_found_too():
    total = fg.zeros(3, dtype=fg.float64)

    def adding(x):
        return total.add_(x).sum()

    def helper(x):
        return adding(x)

    with pytest.raises(RuntimeError, match="'total'"):
        fg.func.jacrev(fg.func.grad(helper))(x_of(fg))
    with pytest.raises(RuntimeError, match="that they share"):
        fg.func.vmap(fg.func.grad(helper))(x_of(fg))


def test_a_failed_call_gives_the_module_back():
    model = linear_model(fg)
    before = dict(model.named_parameters())
    with pytest.raises(RuntimeError):
        fg.func.functional_call(model, {"0.weight": fg.zeros(1, 1)}, data_of(fg))
    assert all(p is before[name] for name, p in model.named_parameters())
    assert model[0].weight is before["0.weight"]


def test_vmap_draws_as_before_after_an_error():
    state = fg.get_rng_state()
    with pytest.raises(RuntimeError, match="randomness"):
        fg.func.vmap(lambda x: fg.rand(2))(fg.ones(3))
    assert fg.equal(fg.get_rng_state(), state)


def test_results_hold_no_graph():
    x = x_of(fg)
    value, product = fg.func.vjp(cubes, x)
    found = [
        value,
        fg.func.grad(cubes)(x),
        fg.func.hessian(cubes)(x),
        *product(fg.ones_like(value)),
    ]
    assert not any(y.requires_grad for y in found)
    assert not x.requires_grad


def test_value_and_grad_is_grad_and_value_in_jax_order():
    x = x_of(fg)
    gradient, value = fg.func.grad_and_value(lambda x: (x**3).sum())(x)
    found = fg.func.value_and_grad(lambda x: (x**3).sum())(x)
    assert fg.equal(found[0], value)
    assert fg.equal(found[1], gradient)
    (value, aux), gradient = fg.func.value_and_grad(lambda x, y: (x @ y, "aux"), 1, has_aux=True)(
        x, x
    )
    assert aux == "aux"
    assert fg.equal(gradient, x)


def test_value_and_grad_is_as_in_jax():
    jax = pytest.importorskip("jax")
    value, gradient = jax.value_and_grad(lambda x: (x**3).sum())(jax.numpy.array([1.0, 2.0]))
    ours = fg.func.value_and_grad(lambda x: (x**3).sum())(fg.tensor([1.0, 2.0]))
    assert ours[0].item() == float(value)
    assert ours[1].tolist() == gradient.tolist()


def test_no_graph_of_an_inner_transform_is_left():
    rows = fg.stack([x_of(fg), 2 * x_of(fg)])

    def f(w):
        inner = [fg.func.grad(lambda r: (r * w).tanh().sum())(row) for row in rows]
        return sum(g.square().sum() for g in inner)

    assert not fg.func.grad(f)(x_of(fg)).requires_grad
