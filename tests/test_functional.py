"""autograd.functional: Jacobians, Hessians and their products, compared with PyTorch."""

import numpy as np
import pytest

import fastgrad as fg
from graph_situations import error
from test_graph import close, plain

F = fg.autograd.functional
PRODUCTS = ("vjp", "jvp", "vhp", "hvp")


def points(t):
    x = t.tensor([0.5, -1.5], dtype=t.float64)
    y = t.tensor([[1.0, 2.0], [3.0, -0.5]], dtype=t.float64)
    return x, y


def one(x):
    return (x**3).sum() * x[0]


def two(x, y):
    return (x @ y @ x).exp() + (y**2).sum()


def several(x, y):
    return y @ x, (x * y).sin()


def ignoring(x, y):
    return (x**2).sum()


def constant(x):
    return x.detach().sum()


def same(torch, action):
    ours, theirs = plain(action(fg)), plain(action(torch))
    assert close(ours, theirs), f"fastgrad: {ours}\nPyTorch: {theirs}"


@pytest.mark.parametrize("options", [{}, {"vectorize": True}, {"create_graph": True}], ids=str)
@pytest.mark.parametrize("function", [two, several, ignoring], ids=lambda f: f.__name__)
def test_jacobian(torch, function, options):
    same(torch, lambda t: t.autograd.functional.jacobian(function, points(t), **options))


@pytest.mark.parametrize("function", [two, several], ids=lambda f: f.__name__)
def test_jacobian_by_columns_is_the_one_by_rows(function):
    columns = F.jacobian(function, points(fg), vectorize=True, strategy="forward-mode")
    assert close(plain(columns), plain(F.jacobian(function, points(fg))))


def test_jacobian_of_one_input_is_no_tuple(torch):
    same(torch, lambda t: t.autograd.functional.jacobian(lambda x: x * x.sum(), points(t)[0]))
    same(torch, lambda t: t.autograd.functional.jacobian(lambda x: x.sum(), (points(t)[0],)))


def test_jacobian_of_no_outputs():
    assert F.jacobian(lambda x: x[:0], points(fg)[0]).shape == (0, 2)


@pytest.mark.parametrize("options", [{}, {"vectorize": True}, {"create_graph": True}], ids=str)
@pytest.mark.parametrize("function", [two, ignoring], ids=lambda f: f.__name__)
def test_hessian(torch, function, options):
    same(torch, lambda t: t.autograd.functional.hessian(function, points(t), **options))


def test_hessian_by_columns_is_the_one_by_rows():
    options = {"vectorize": True, "outer_jacobian_strategy": "forward-mode"}
    columns = F.hessian(two, points(fg), **options)
    assert close(plain(columns), plain(F.hessian(two, points(fg))))


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("function", [one, two], ids=lambda f: f.__name__)
def test_products_with_vectors(torch, name, function):
    def product(t):
        inputs = points(t)[0] if function is one else points(t)
        v = t.tensor(2.0, dtype=t.float64) if name == "vjp" else inputs
        return getattr(t.autograd.functional, name)(function, inputs, v)

    same(torch, product)


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_can_be_differentiated(torch, name):
    def second(t):
        x = points(t)[0].requires_grad_()
        v = t.tensor(2.0, dtype=t.float64) if name == "vjp" else x.detach()
        _, product = getattr(t.autograd.functional, name)(one, x, v, create_graph=True)
        return t.autograd.grad(product.sum(), x)

    same(torch, second)


def test_results_keep_no_graph_that_was_not_asked_for(torch):
    def flags(t):
        x = points(t)[0].requires_grad_()
        functional = t.autograd.functional
        found = [functional.jacobian(one, x), functional.hessian(one, x), *functional.vjp(one, x)]
        found += [functional.jacobian(one, x, create_graph=True)]
        with t.no_grad():
            found += [functional.hessian(one, x)]
        return [y.requires_grad for y in found], x.grad

    same(torch, flags)


def mistakes(t):
    """Calls that must raise, each with what is wrong with it."""
    x, y = points(t)
    f = t.autograd.functional
    yield "input is a number", lambda: f.jacobian(one, 3.0)
    yield "inputs in a list", lambda: f.jacobian(two, [x, y])
    yield "output is a number", lambda: f.jacobian(lambda x: 3.0, x)
    yield "several numbers", lambda: f.hessian(lambda x: x * 2, x)
    yield "a tuple of outputs", lambda: f.hessian(several, (x, y))
    yield "unused input", lambda: f.jacobian(ignoring, (x, y), strict=True)
    yield "unused input of hessian", lambda: f.hessian(ignoring, (x, y), strict=True)
    yield "constant", lambda: f.jacobian(constant, x, strict=True)
    yield "linear", lambda: f.hessian(lambda x: x.sum(), x, strict=True)
    yield "strict and vectorize", lambda: f.jacobian(one, x, strict=True, vectorize=True)
    yield "forward without vectorize", lambda: f.jacobian(one, x, strategy="forward-mode")
    yield "unknown strategy", lambda: f.jacobian(one, x, strategy="sideways")
    for name in PRODUCTS:
        function = getattr(f, name)
        yield f"{name}: v of another shape", lambda function=function: function(one, x, y)
        yield f"{name}: too many v", lambda function=function: function(one, x, (x, x))
        yield (
            f"{name}: unused",
            lambda function=function: function(
                ignoring, (x, y), x.sum() if function is f.vjp else (x, y), strict=True
            ),
        )
    yield "vjp without v", lambda: f.vjp(lambda x: x * 2, x)
    yield "jvp without v", lambda: f.jvp(one, x)
    yield "hvp without v", lambda: f.hvp(one, x)


def test_mistakes_raise_as_in_torch(torch):
    ours = {what: error(call) for what, call in mistakes(fg)}
    assert ours == {what: error(call) for what, call in mistakes(torch)}
    assert "no error" not in ours.values()


def test_the_message_of_strict_says_what_is_independent():
    with pytest.raises(RuntimeError, match=r"jacobian: output 0 .* independent of input 1.*strict"):
        F.jacobian(ignoring, points(fg), strict=True)


def test_rosenbrock():
    def rosenbrock(p):
        return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2

    hessian = F.hessian(rosenbrock, fg.tensor([1.0, 1.0], dtype=fg.float64))
    np.testing.assert_allclose(hessian.numpy(), [[802, -400], [-400, 200]])
