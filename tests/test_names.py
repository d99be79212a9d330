"""PyTorch's names: each exists, and its method and in-place form do what the function does."""

from contextlib import suppress
from warnings import catch_warnings

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastgrad as fg
from names import NAMES, found
from rows import OPS
from strategies import samples
from test_determinism import bits

pytestmark = pytest.mark.core
BY_PATH = {path: name for name in NAMES for path in (name.path, *name.others)}
# Their methods take the arguments in another order.
REORDERED = ("where", "special.polygamma", "polygamma")
METHODS = [
    op
    for op in OPS
    if op.call is None
    and getattr(BY_PATH.get(op.name), "method", None)
    and op.name not in REORDERED
]
IN_PLACE = [op for op in METHODS if BY_PATH[op.name].in_place]


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_every_name_exists(name):
    missing = [path for path in name.paths() if found(fg, path) is None]
    if missing == name.paths() and name.tier > 1:
        pytest.skip("not in the library")
    assert missing == []


def called(op, sample, path, change=lambda x: x):
    """The results of a method on the first of the tensors, which `change` prepares, and it."""
    args, options = sample.mapped(lambda operand: operand.tensor(fg))
    first = change(args[0])
    result = getattr(fg.Tensor, path.rpartition(".")[2])(first, *args[1:], **options)
    return result, first


def as_list(result):
    return list(result) if isinstance(result, tuple) else [result]


def comparable(result):
    return (result.dtype, result.shape, bits(result)) if fg.is_tensor(result) else result


def drawn(op, data, dtypes):
    sample = data.draw(samples(op.make, data.draw(st.sampled_from(dtypes))))
    assume(hasattr(sample.args[0], "tensor"))
    return sample


@pytest.mark.parametrize("op", METHODS, ids=str)
@settings(max_examples=6)
@given(data=st.data())
def test_method_is_the_function(op, data):
    sample = drawn(op, data, op.dtypes)
    expected = op(fg, sample)
    result, _ = called(op, sample, BY_PATH[op.name].method)
    assert [*map(comparable, as_list(result))] == [*map(comparable, expected)]


@pytest.mark.parametrize("op", IN_PLACE, ids=str)
@settings(max_examples=8)
@given(data=st.data())
def test_in_place_form_is_the_function(op, data):
    """The same bits in the tensor's own memory; what does not fit into it is refused."""
    sample = drawn(op, data, op.dtypes)
    path = BY_PATH[op.name].in_place
    (expected,) = op(fg, sample)
    before = []

    def watched(x):
        x = x.clone()
        before.append((x._version, x.data_ptr(), x.clone()))
        return x

    with catch_warnings(action="ignore"), suppress(RuntimeError):
        result, x = called(op, sample, path, watched)
        version, address, _ = before[0]
        assert result is x
        assert x._version > version or x.numel() == 0
        if op.name not in VIEWS:
            assert x.data_ptr() == address
        assert comparable(x) == comparable(expected.to(x.dtype))
        return
    fits = expected.shape == before[0][2].shape and expected.dtype == before[0][2].dtype
    assert not fits, "refused although the result fits"


VIEWS = ("transpose", "t", "squeeze", "unsqueeze", "as_strided")


FLOATING = [
    op for op in IN_PLACE if op.differentiable and "float64" in op.dtypes and op.name not in VIEWS
]


@pytest.mark.parametrize("op", FLOATING, ids=str)
@settings(max_examples=6)
@given(data=st.data())
def test_in_place_form_has_the_gradient_of_the_function(op, data):
    sample = drawn(op, data, ["float64"])
    assume(sample.args[0].wants_gradient)
    (expected,) = op(fg, sample)
    assume(expected.shape == sample.args[0].values.shape and expected.numel())
    weights = fg.linspace(-1, 1, expected.numel()).view(expected.shape)

    def gradient(path):
        leaf = sample.args[0].tensor(fg).detach().requires_grad_()
        result, _ = called(op, sample, path, lambda _: leaf * 1)
        if result.requires_grad:
            (result * weights).sum().backward()
        return leaf.grad

    name = BY_PATH[op.name]
    with catch_warnings(action="ignore"):
        assert comparable(gradient(name.in_place)) == comparable(gradient(name.method))
