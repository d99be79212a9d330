"""What the op table cannot say of activation functions: kinks, NaN, in-place forms, errors."""

import inspect

import numpy as np
import pytest

import fastgrad as fg

F = fg.nn.functional
pytestmark = pytest.mark.core
NAN, INF = float("nan"), float("inf")

# Each function where it has a kink, and what follows the tensor in its call.
KINKED = {
    "relu": (),
    "relu6": (),
    "elu": (1.5,),
    "selu": (),
    "celu": (1.5,),
    "leaky_relu": (0.3,),
    "hardtanh": (-1.0, 2.0),
    "hardswish": (),
    "hardsigmoid": (),
    "threshold": (1.0, 7.0),
    "hardshrink": (0.5,),
    "softshrink": (0.5,),
    "rrelu": (0.1, 0.3),
    "softplus": (1.0, 2.0),
}
POINTS = [0.0, -0.0, INF, -INF, 3.0, -3.0, 1.0, -1.0, 0.5, -0.5, 2.0, 6.0, 1e30, -1e30]


def values_and_gradients(lib, name, args, dtype):
    x = lib.tensor(POINTS, dtype=getattr(lib, dtype), requires_grad=True)
    y = getattr(lib.nn.functional, name)(x, *args)
    y.backward(lib.ones_like(y))
    return np.array([y.tolist(), x.grad.tolist()])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "args"), KINKED.items(), ids=KINKED)
def test_values_and_gradients_at_kinks_are_those_of_torch(torch, name, args, dtype):
    ours, theirs = (values_and_gradients(lib, name, args, dtype) for lib in (fg, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize(("name", "args"), KINKED.items(), ids=KINKED)
def test_gradients_at_kinks_are_the_same_when_recorded(name, args):
    found = []
    for create_graph in (False, True):
        x = fg.tensor(POINTS, requires_grad=True)
        (grad,) = fg.autograd.grad(getattr(F, name)(x, *args).sum(), x, create_graph=create_graph)
        found.append(grad.tolist())
    np.testing.assert_allclose(*found, rtol=1e-6)


@pytest.mark.parametrize(("name", "args"), KINKED.items(), ids=KINKED)
def test_not_a_number_stays(name, args):
    for count in (1, 40):  # whole vectors and parts of them
        assert getattr(F, name)(fg.full((count,), NAN), *args).isnan().all()


IN_PLACE = {
    **{name: KINKED[name] for name in KINKED if name not in ("hardshrink", "softshrink")},
    "silu": (),
    "mish": (),
}
del IN_PLACE["softplus"]


@pytest.mark.parametrize(("name", "args"), IN_PLACE.items(), ids=IN_PLACE)
def test_in_place_forms(name, args):
    function = getattr(F, name)
    x = fg.tensor([-2.0, -0.3, 0.7, 4.0], requires_grad=True)
    expected = function(x, *args)
    (gradient,) = fg.autograd.grad(expected.sum(), x)
    forms = [lambda y: function(y, *args, inplace=True)]
    if hasattr(F, f"{name}_"):
        forms.append(lambda y: getattr(F, f"{name}_")(y, *args))
    for form in forms:
        y = x * 1
        assert form(y) is y
        assert y.tolist() == expected.tolist()
        assert fg.autograd.grad(y.sum(), x)[0].tolist() == gradient.tolist()
        plain = x.detach().clone()
        assert form(plain) is plain
        assert plain.tolist() == expected.tolist()
        with pytest.raises(RuntimeError, match="leaf"):
            form(x)


def test_in_place_forms_have_the_names_of_torch(torch):
    names = {n for n in dir(torch.nn.functional) if n.endswith("_") and not n.startswith("_")}
    tensor_names = {n for n in names if callable(getattr(torch.nn.functional, n))}
    assert tensor_names <= set(dir(F))
    for name in ("relu_", "selu_", "celu_", "rrelu_", "threshold_"):
        assert getattr(fg, name) is getattr(F, name)
    for name in ("selu", "celu", "prelu", "rrelu", "threshold", "hardshrink"):
        assert getattr(fg, name) is getattr(F, name)


SAME_ARGUMENTS = (
    *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "silu", "mish", "softsign"),
    *("hardtanh", "hardsigmoid", "hardswish", "tanhshrink", "glu", "gumbel_softmax"),
    *("layer_norm", "group_norm", "instance_norm", "rms_norm", "batch_norm"),
    *("local_response_norm", "dropout", "dropout1d", "dropout2d", "dropout3d"),
    *("alpha_dropout", "feature_alpha_dropout"),
)


@pytest.mark.parametrize("name", SAME_ARGUMENTS)
def test_arguments_have_the_names_order_and_defaults_of_torch(torch, name):
    ours, theirs = (
        [(p.name, p.default) for p in inspect.signature(function).parameters.values()]
        for function in (getattr(F, name), getattr(torch.nn.functional, name))
    )
    assert ours == theirs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_slopes_are_those_of_torch(torch, dtype):
    def run(lib):
        lib.manual_seed(3)
        x = lib.arange(-9.0, 9.0, dtype=getattr(lib, dtype)).reshape(3, 6).requires_grad_()
        y = lib.nn.functional.rrelu(x, 0.1, 0.4, training=True)
        y.sum().backward()
        return [y.tolist(), x.grad.tolist(), lib.rand(2).tolist()]

    for ours, theirs in zip(run(fg), run(torch), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_integers():
    x = fg.tensor([-9, -1, 0, 3])
    assert F.hardtanh(x, -1.5, 2.7).tolist() == [-1, -1, 0, 2]
    assert F.hardtanh(x, -INF, INF).tolist() == x.tolist()
    assert fg.threshold(x, 0.5, 7.5).tolist() == [7, 7, 7, 3]
    assert fg.threshold(x, 0.5, 7.5).dtype == fg.int64
    assert F.relu6(fg.tensor([9, 3], dtype=fg.uint8)).tolist() == [6, 3]


def test_methods():
    x = fg.tensor([[-2.0, 1.0]])
    assert x.prelu(fg.tensor(0.5)).tolist() == [[-1.0, 1.0]]
    assert x.hardshrink(1.5).tolist() == [[-2.0, 0.0]]


def test_large_numbers_stay_finite():
    x = fg.tensor([1e4, -1e4])
    for name in ("gelu", "silu", "mish", "softplus"):
        assert getattr(F, name)(x).tolist() == [1e4, 0.0]
    assert F.gelu(x, approximate="tanh").tolist() == [1e4, 0.0]
    assert F.softplus(x, threshold=INF).tolist() == [1e4, 0.0]
    assert F.logsigmoid(x).tolist() == [0.0, -1e4]


@pytest.mark.parametrize("name", ["elu", "selu", "celu"])
def test_second_gradient_does_not_overflow(name):
    x = fg.tensor([1e3, -1.0], requires_grad=True)
    (first,) = fg.autograd.grad(getattr(F, name)(x).sum(), x, create_graph=True)
    (second,) = fg.autograd.grad(first.sum(), x)
    assert second[0].item() == 0.0
    assert second[1].item() > 0.3


X = fg.zeros(2, 3)
ERRORS = {
    "gelu: approximate": (
        RuntimeError,
        "none or tanh.*sinh",
        lambda: F.gelu(X, approximate="sinh"),
    ),
    "gelu: dtype": (NotImplementedError, "gelu.*int64", lambda: F.gelu(X.long())),
    "gelu: positional": (TypeError, ".", lambda: F.gelu(X, "tanh")),
    "elu: alpha": (TypeError, ".", lambda: F.elu(X, "a")),
    "celu: alpha": (RuntimeError, "alpha", lambda: F.celu(X, 0.0)),
    "hardtanh: limits": (ValueError, "2.0.*1.0", lambda: F.hardtanh(X, 2.0, 1.0)),
    "hardtanh: unsigned": (RuntimeError, "uint8.*-1", lambda: F.hardtanh(X.byte())),
    "hardtanh: bool": (RuntimeError, "bool", lambda: F.hardtanh(X.bool())),
    "softshrink: lambda": (RuntimeError, "-1", lambda: F.softshrink(X, -1.0)),
    "glu: odd": (RuntimeError, "even.*size 3", lambda: F.glu(X)),
    "glu: number": (RuntimeError, "scalar", lambda: F.glu(fg.tensor(1.0))),
    "glu: dim": (IndexError, "5", lambda: F.glu(X, 5)),
    "glu: dtype": (NotImplementedError, "int64", lambda: F.glu(X.long(), 0)),
    "prelu: size": (RuntimeError, "2.*3", lambda: F.prelu(X, fg.zeros(2))),
    "prelu: dimensions": (RuntimeError, r"\[1, 3\]", lambda: F.prelu(X, fg.zeros(1, 3))),
    "prelu: dtype": (RuntimeError, "float64", lambda: F.prelu(X, fg.zeros(3).double())),
    "rrelu: bounds": (RuntimeError, "0.5.*0.1", lambda: F.rrelu(X, 0.5, 0.1)),
    "rrelu: dtype": (NotImplementedError, "int64", lambda: F.rrelu(X.long(), training=True)),
    "backward: shape": (RuntimeError, r"\[2, 3\].*\[3\]", lambda: fg._core.silu_backward(X[0], X)),
}


@pytest.mark.parametrize(("error", "message", "call"), ERRORS.values(), ids=ERRORS)
def test_message(error, message, call):
    with pytest.raises(error, match=message):
        call()
