"""Operations whose plain calls go to kernels past their Python functions; pooled objects."""

import copy
import inspect
import pickle
import pkgutil
import weakref
from collections.abc import Callable
from importlib import import_module

import pytest

import fastgrad as fg
from fastgrad import _core, ops

pytestmark = pytest.mark.core


def direct_functions() -> dict[str, Callable[..., object]]:
    """By name, those of all families; an alias is no second one."""
    found = {}
    for module in pkgutil.iter_modules(ops.__path__, "fastgrad.ops."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, _core.Direct):
                found[value.__name__] = value
    return found


DIRECT = direct_functions()
X = fg.tensor([[0.5, 1.5, 2.0], [3.0, 0.25, 1.0]])
ARGUMENTS = {
    "expand": [(X[:1], 4, 3), (X[:1], (4, 3)), (X[:1], -1, 3)],
    "getitem": [(X, 1), (X, -1), (X, slice(0, 1)), (X, (0, 1)), (X, [1, 0]), (X, X > 1)],
    "getitem_backward": [(X[0], (2, 3), (1,))],
    "linear": [(X, X), (X, X, fg.ones(2)), (X, X, None)],
    "log_softmax": [(X,), (X, 1), (X, 0, fg.float64)],
    "matmul": [(X, X.T), (X, X[0])],
    "permute": [(X, 1, 0), (X, (1, 0))],
    "reshape": [(X, 3, 2), (X, (3, 2)), (X, -1), (X, [6])],
    "select": [(X, 1, 2)],
    "softmax": [(X,), (X, 1), (X, 0, fg.float64)],
    "sum": [(X,), (X, 0), (X, (0, 1)), (X, -1, True), (X, None, True), (X, ())],
    "transpose": [(X, 0, 1)],
    "unsqueeze": [(X, 1)],
    "view": [(X, 3, 2), (X, (6,)), (X, fg.int32)],
}
BINARY = [(X, X + 1), (X, 2), (X, 2.5), (X, True)]
TENSORS = [(X, X + 1), (X, X[0])]  # what torch.maximum() takes


def arguments_of(name: str) -> list[tuple[object, ...]]:
    """Positional arguments to try a function with."""
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    count = len(inspect.signature(DIRECT[name]).parameters)
    if count == 1:
        return [(X,), (X > 1,), (X.half(),)]
    return TENSORS if name in ("maximum", "minimum") or name.startswith("logical") else BINARY


def outcome(function: Callable[..., object], args: tuple[object, ...]) -> object:
    """A result in a form that compares, or the error."""
    try:
        result = function(*args)
    except Exception as error:
        return type(error), str(error)
    assert isinstance(result, fg.Tensor)
    return result.dtype, result.shape, result.stride(), str(result.tolist()), result._base is None


def test_there_are_many():
    assert len(DIRECT) > 40


@pytest.mark.parametrize("name", DIRECT)
def test_a_direct_call_does_what_the_function_does(name: str):
    function = DIRECT[name]
    for args in arguments_of(name):
        assert outcome(function, args) == outcome(function.__wrapped__, args), args


@pytest.mark.parametrize("name", DIRECT)
@pytest.mark.parametrize("args", [(), (None,), ("a", "b"), (X, None, None, None), (X, object())])
def test_refused_arguments_fail_as_the_function_does(name: str, args: tuple[object, ...]):
    function = DIRECT[name]
    assert outcome(function, args) == outcome(function.__wrapped__, args)


@pytest.mark.parametrize("name", DIRECT)
def test_it_looks_like_its_function(name: str):
    function = DIRECT[name]
    assert function.__name__ == function.__qualname__ == name
    assert function.__doc__ == function.__wrapped__.__doc__
    assert inspect.signature(function) == inspect.signature(function.__wrapped__)
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.deepcopy(function) is function
    assert name in repr(function)


def test_keywords():
    assert fg.equal(fg.add(input=X, other=X, alpha=2), 3 * X)
    assert fg.equal(X.sum(dim=0), X.sum(0))
    assert fg.equal(X.reshape(shape=(6,)), X.reshape(6))


def test_it_records_where_there_is_something_to_record():
    w = fg.ones(3, requires_grad=True)
    assert (X + w).grad_fn is not None
    assert (w + X).requires_grad
    assert not (X + X).requires_grad
    with fg.no_grad():
        assert not (X + w).requires_grad


def test_a_view_whose_base_has_come_to_require_grad_records():
    base = fg.zeros(3)
    view = base[0:2]
    w = fg.ones(3, requires_grad=True)
    base.add_(w)
    total = fg.neg(view).sum()
    total.backward()
    assert w.grad.tolist() == [-1.0, -1.0, 0.0]


def test_it_binds_as_a_method_does():
    bound = X.relu
    assert fg.equal(bound(), X)
    assert fg.equal(fg.Tensor.relu(X), X)


# Pools


def test_a_tensor_from_the_pool_is_as_new():
    for _ in range(3):
        old = fg.ones(2, requires_grad=True)
        (old * 2).sum().backward()
        old.tag = "mine"
        watch = weakref.ref(old)
        del old
        assert watch() is None
        new = fg.ones(2)
        assert not hasattr(new, "tag")
        assert new.grad is None
        assert new.grad_fn is None
        assert not new.requires_grad
        assert new._base is None


def test_more_tensors_and_nodes_than_the_pools_hold():
    for _ in range(2):
        x = fg.ones(1, requires_grad=True)
        kept = [x * i for i in range(1000)]
        total = sum(kept, fg.zeros(1))
        total.backward()
        assert x.grad.item() == sum(range(1000))
        del kept, total


def test_a_subclass_does_not_come_from_the_pool_of_tensors():
    class Own(fg.Tensor):
        pass

    for _ in range(3):
        x = fg.ones(2).as_subclass(Own)
        x.tag = 1
        assert x.tag == 1
        assert fg.equal(fg.ones(2), fg.tensor([1.0, 1.0]))
        del x
