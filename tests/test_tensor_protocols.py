"""Tensors as NumPy, Python, pickle and copy see them."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from parity import assert_same, name_of, outcome
from strategies import ALL, Drawn

pytestmark = pytest.mark.core
DTYPES = [getattr(fg, name) for name in ALL]


@pytest.mark.parametrize("name", ALL)
def test_numpy_shares_memory(name):
    x = fg.ones(2, 3, dtype=getattr(fg, name))
    array = x.numpy()
    assert array.dtype == name
    array[0, 1] = 0
    assert x[0, 1].item() == 0
    x[1] = 0
    assert not array[1].any()


def test_numpy_of_views_shares_memory():
    x = fg.arange(24.0).view(2, 3, 4)
    for view in (x.transpose(0, 2), x[:, ::2, 1:], x[1, 2], x.permute(1, 2, 0)[2], x[..., None]):
        array = view.numpy()
        assert array.shape == tuple(view.shape)
        assert array.tolist() == view.tolist()
        assert np.shares_memory(array, x.numpy())


@pytest.mark.parametrize("name", ALL)
def test_from_numpy_shares_memory(name):
    array = np.ones((3, 4), name)
    for source in (array, array.T, array[1:, ::2], array[2], array[:0]):
        x = fg.from_numpy(source)
        assert name_of(x.dtype) == name
        assert x.tolist() == source.tolist()
    x = fg.from_numpy(array.T)
    x[0, 1] = 0
    assert array[1, 0] == 0


def test_memory_outlives_its_owner():
    x = fg.from_numpy(np.arange(1000.0))
    array = fg.arange(1000.0).numpy()
    assert x.sum().item() == array.sum() == 499500


@pytest.mark.parametrize(
    ("array", "error"),
    [
        ([1, 2], TypeError),
        (np.array(["a"]), TypeError),
        (np.array([1j]), TypeError),
        (np.arange(4)[::-1], ValueError),
        (np.zeros(3, ">f4"), (TypeError, ValueError)),
        (np.zeros(3, np.uint64), TypeError),
    ],
    ids=repr,
)
def test_arrays_without_a_tensor(array, error):
    with pytest.raises(error):
        fg.from_numpy(array)


def test_arrays_that_are_not_aligned():
    flat = np.zeros(33, np.uint8)[1:].view(np.float64)
    with pytest.raises(ValueError, match="align"):
        fg.from_numpy(flat)


def test_as_tensor_copies_only_when_it_must():
    x = fg.ones(2)
    assert fg.as_tensor(x) is x
    assert fg.as_tensor(x, dtype=fg.int64) is not x
    array = np.zeros(3)
    fg.as_tensor(array)[0] = 5
    assert array[0] == 5
    fg.tensor(array)[1] = 5
    assert array[1] == 0


def test_numpy_of_a_tensor_that_requires_grad():
    x = fg.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="detach"):
        x.numpy()
    assert x.detach().numpy().tolist() == [1, 1]
    assert x.numpy(force=True).tolist() == [1, 1]


def test_numpy_functions_take_tensors():
    x = fg.arange(6.0).view(2, 3)
    assert np.asarray(x).dtype == np.float32
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.sum(np.array(x)) == 15
    copied = np.array(x)
    copied[0, 0] = 9
    assert x[0, 0].item() == 0
    assert (x + np.ones((2, 3))).dtype is fg.float64
    assert (x == np.arange(6).reshape(2, 3)).all()
    assert (np.float64(2) * x).dtype is fg.float32


# Python


@given(data=st.data())
def test_tolist_is_numpys(data):
    maker = Drawn(data.draw, data.draw(st.sampled_from(ALL)))
    operand = maker.operand(maker.shape())
    x = operand.tensor(fg)
    assert x.tolist() == operand.values.tolist()
    assert x.numpy().tolist() == operand.values.tolist()
    assert x.numel() == operand.values.size


def test_item():
    assert fg.tensor(3).item() == 3
    assert type(fg.tensor([[2.5]]).item()) is float
    assert fg.tensor([True]).item() is True
    assert type(fg.tensor(3, dtype=fg.uint8).item()) is int
    for wrong in (fg.zeros(2), fg.zeros(0)):
        with pytest.raises(RuntimeError, match=r"item|scalar|element"):
            wrong.item()


def test_tensor_as_a_number():
    assert float(fg.tensor(2.5)) == 2.5
    assert int(fg.tensor([2.9])) == 2
    assert bool(fg.tensor([0.0])) is False
    assert [10, 20, 30][fg.tensor(1)] == 20
    assert list(range(fg.tensor(3))) == [0, 1, 2]
    with pytest.raises(TypeError):
        [1, 2][fg.tensor(1.0)]
    for wrong in (fg.zeros(2), fg.zeros(0)):
        with pytest.raises(RuntimeError, match="ambiguous"):
            bool(wrong)


def test_len_and_iteration():
    x = fg.arange(6).view(3, 2)
    assert len(x) == 3
    assert [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]]
    first, *_ = x
    first.zero_()
    assert x[0].tolist() == [0, 0]
    assert 5 in x
    assert 7 not in x
    for function in (len, iter):
        with pytest.raises(TypeError, match="0-d"):
            function(fg.tensor(1))


def test_equality_and_hash():
    x = fg.ones(2)
    assert {x: 1}[x] == 1
    assert hash(x) != hash(fg.ones(2))
    assert (x == "a") is False
    assert (x != None) is True  # noqa: E711
    assert (x == 1).all().item()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_pickle_and_copy(dtype):
    for x in (
        fg.ones(2, 3, dtype=dtype),
        fg.ones(4, 3, dtype=dtype).t()[1:],
        fg.ones((), dtype=dtype),
        fg.ones(0, 2, dtype=dtype),
    ):
        for again in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
            assert again.dtype is dtype
            assert again.shape == x.shape
            assert fg.equal(again, x)
            assert again.data_ptr() != x.data_ptr() or x.numel() == 0


def test_pickle_and_copy_keep_requires_grad():
    x = fg.ones(2, requires_grad=True)
    x.grad = fg.zeros(2)
    assert pickle.loads(pickle.dumps(x)).requires_grad
    twin = copy.deepcopy(x)
    assert twin.requires_grad
    assert fg.equal(twin.grad, x.grad)
    assert twin.grad is not x.grad
    with pytest.raises(RuntimeError, match="detach"):
        copy.deepcopy(x * 2)
    again = pickle.loads(pickle.dumps(x * 2))  # as in PyTorch: a leaf
    assert again.is_leaf
    assert again.requires_grad


def test_shallow_copy_shares_memory(torch):
    for lib in (fg, torch):
        x = lib.ones(2)
        twin = copy.copy(x)
        twin[0] = 5
        assert x[0].item() == 5


def test_metadata(torch):
    def facts(t):
        x = t.zeros(2, 3, 4, dtype=t.float64)
        views = (x, x.transpose(0, 2), x[:, 1:, ::2], x.expand(5, 2, 3, 4), x[1, 2])
        return [
            (
                tuple(v.shape),
                v.stride(),
                v.storage_offset(),
                v.is_contiguous(),
                v.numel(),
                v.dim(),
                v.ndim,
                v.size(-1),
                v.element_size(),
            )
            for v in views
        ]

    assert facts(fg) == facts(torch)
    assert outcome(fg.zeros(2).size, 1) is IndexError
    assert fg.zeros(2, 3).shape == fg.Size([2, 3]) == (2, 3)
    assert fg.zeros(2, 3).shape.numel() == 6
    assert fg.is_tensor(fg.zeros(1))
    assert not fg.is_tensor(1)


def test_conversions(torch):
    source = [-2.5, -1.0, 0.0, 0.5, 1.0, 3.99]
    for name in ALL:
        for method in ("float", "double", "long", "int", "bool"):
            data = source if "float" in name else [0, 1, 3] if name != "bool" else [True, False]
            ours, theirs = (
                getattr(t.tensor(data, dtype=getattr(t, name)), method)() for t in (fg, torch)
            )
            assert_same(ours, theirs)
    x = fg.ones(2)
    assert x.to(fg.float32) is x
    assert x.to("cpu") is x
    assert x.to(fg.float32, copy=True) is not x
    assert x.to(fg.zeros(1, dtype=fg.int64)).dtype is fg.int64
    assert x.type_as(fg.zeros(1, dtype=fg.uint8)).dtype is fg.uint8
    with pytest.raises(RuntimeError, match="is not "):
        x.to("cuda:99")


def test_default_dtype():
    fg.set_default_dtype(fg.float64)
    try:
        assert fg.zeros(1).dtype is fg.tensor(1.5).dtype is fg.rand(1).dtype is fg.float64
        assert (fg.tensor([1]) * 1.5).dtype is fg.float64
    finally:
        fg.set_default_dtype(fg.float32)
    with pytest.raises(TypeError):
        fg.set_default_dtype(fg.int64)
