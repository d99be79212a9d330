"""Memory shared with NumPy and with whatever speaks the buffer protocol."""

import array
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from parity import name_of, outcome

pytestmark = pytest.mark.core
IN_NUMPY = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]


def read_only(values):
    values.flags.writeable = False
    return values


def reversed_order(values):
    return values.astype(values.dtype.newbyteorder())


# From arrays


@pytest.mark.parametrize("name", IN_NUMPY)
def test_every_dtype_goes_both_ways(name):
    values = np.array([[1, 0, 1], [0, 1, 1]], name)
    for source in (
        values,
        values.T,
        values[:, ::2],
        values[1:],
        values[:0],
        values[0, 0:1],
        values[..., None],
    ):
        x = fg.from_numpy(source)
        assert name_of(x.dtype) == name
        assert x.shape == source.shape
        again = x.numpy()
        assert again.dtype == np.dtype(name)
        assert again.dtype.num == np.dtype(name).num  # NumPy has two types for some sizes
        assert again.tolist() == source.tolist()
        assert np.shares_memory(again, values) or source.size == 0
    assert fg.from_numpy(np.array(1, name)).shape == ()


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        (np.zeros(2, np.uint16), TypeError, "uint16"),
        (np.zeros(2, np.uint32), TypeError, "uint32"),
        (np.zeros(2, np.uint64), TypeError, "uint64"),
        (np.zeros(2, np.complex64), TypeError, "complex64"),
        (np.zeros(2, np.longdouble), TypeError, "supported types are: float64"),
        (np.array(["a", "b"]), TypeError, "<U1"),
        (np.array([b"a"]), TypeError, "S1"),
        (np.array([1, None]), TypeError, "object"),
        (np.zeros(2, "M8[s]"), TypeError, "datetime64"),
        (np.zeros(2, [("a", "f4"), ("b", "i4")]), TypeError, "supported types"),
        (reversed_order(np.zeros(2)), ValueError, "byte order"),
        (reversed_order(np.zeros(2, np.int16)), ValueError, "byte order"),
        (np.zeros(4)[::-1], ValueError, "stride"),
        (np.zeros((2, 3))[:, ::-1], ValueError, "negative"),
        (np.zeros(9, np.uint8)[1:].view(np.float64), ValueError, "aligned"),
        (np.zeros(3, [("a", "f4"), ("b", "u1")])["a"], ValueError, "stride"),
        (np.frombuffer(b"\x02\x00", np.bool_), ValueError, "bool"),
        (np.float64(1), TypeError, "np.ndarray"),
        ([1.0], TypeError, "np.ndarray"),
        (None, TypeError, "np.ndarray"),
    ],
    ids=repr,
)
def test_arrays_that_cannot_be_shared(source, error, says):
    with pytest.raises(error, match=says):
        fg.from_numpy(source)
    if error is TypeError and isinstance(source, np.ndarray):
        for function in (fg.tensor, fg.as_tensor, fg.asarray):
            with pytest.raises(TypeError, match="supported types"):
                function(source)


def test_structured_arrays_give_their_fields():
    records = np.zeros(3, [("a", "f4"), ("b", "i4")])
    fg.from_numpy(records["b"])[1] = 7
    assert records["b"].tolist() == [0, 7, 0]


READ_ONLY_PROGRAM = """
import sys, numpy as np, fastgrad as fg
memory = np.memmap(sys.argv[1], dtype=np.float32, mode="r", shape=(4, 4))
values = fg.ones(4, 4)
index = fg.zeros(4, 4, dtype=fg.int64)
arguments = [(), (2,), (values,), (values, values), (0, index, values), (0, index, 2.0),
             (index == 0, 5.0), ((index, index), values), (0.1, 0.9), (0, 1), (1, values[0]),
             (values > 0, values), (values, values, values), (0, index[0], values)]
tried = 0
for name in dir(fg.Tensor):
    if not name.endswith("_") or name.startswith("_") or name == "requires_grad_":
        continue
    for args in arguments:
        x = fg.from_numpy(memory)  # a fresh one: some methods change the shape
        for view in (x, x.data, x[1:], x.t(), x.detach(), x.view(-1)):
            try:
                getattr(view, name)(*args)
            except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
                tried += 1
x = fg.from_numpy(memory)
for write in (lambda: x.__setitem__(0, 1.0), lambda: x.__setitem__(values > 0, 1.0),
              lambda: x.__iadd__(1), lambda: x.__setitem__((index, index), values)):
    try:
        write()
        print("written")
    except RuntimeError as error:
        assert "read-only" in str(error), error
p = fg.nn.Parameter(x)
(p * 2).sum().backward()
for options in ({}, {"momentum": 0.9}, {"weight_decay": 0.1}):
    try:
        fg.optim.SGD([p], lr=0.1, **options).step()
        print("stepped")
    except RuntimeError as error:
        assert "read-only" in str(error), error
assert not x.numpy().flags.writeable
assert memoryview(x).readonly
print(tried > 200, (memory == 3).all())
"""


def test_nothing_writes_to_read_only_memory(tmp_path):
    """The memory is mapped read-only: a write would end the process."""
    np.full((4, 4), 3, np.float32).tofile(tmp_path / "data")
    command = [sys.executable, "-c", READ_ONLY_PROGRAM, str(tmp_path / "data")]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "True True\n"), run.stderr[-2000:]


def test_read_only_arrays_keep_their_numbers():
    source = read_only(np.zeros(3))
    for x in (fg.from_numpy(source), fg.as_tensor(source), fg.asarray(source)):
        with pytest.raises(RuntimeError, match=r"read-only.*clone"):
            x.add_(1)
    fg.tensor(source).add_(1)
    fg.from_numpy(source).clone().add_(1)
    assert source.tolist() == [0, 0, 0]


def test_as_tensor_shares(torch):
    source = np.array(3.0)
    for lib in (fg, torch):
        for function in (lib.as_tensor, lib.asarray):
            row = np.zeros(1)
            function(row).fill_(5)
            assert row.item() == 5
        lib.as_tensor(source).fill_(5)
        assert source.item() == 5
        source[()] = 3
    fg.asarray(source).fill_(5)  # which PyTorch copies
    assert source.item() == 5
    assert fg.as_tensor(np.zeros(2), dtype=fg.float32).dtype is fg.float32


def test_asarray_copies_as_torchs(torch):
    def results(lib):
        values, x = np.zeros(2), lib.zeros(2)
        g = lib.zeros(2, requires_grad=True)
        return [
            lib.asarray(x) is x,
            lib.asarray(x, copy=True) is x,
            lib.asarray(values, copy=True).numpy() is values,
            np.shares_memory(lib.asarray(values).numpy(), values),
            np.shares_memory(lib.asarray(values, copy=True).numpy(), values),
            np.shares_memory(lib.asarray(values, copy=False).numpy(), values),
            outcome(lambda: lib.asarray([1, 2], copy=False)),
            outcome(lambda: lib.asarray(values, dtype=lib.float32, copy=False)),
            outcome(lambda: lib.asarray(x, dtype=lib.float64, copy=False)),
            lib.asarray([1.0], requires_grad=True).requires_grad,
            lib.asarray(g, requires_grad=False).requires_grad,
            lib.asarray(bytearray(8), dtype=lib.float32).tolist(),
            lib.asarray(5).tolist(),
            lib.asarray([1, 2.5]).tolist(),
        ]

    assert results(fg) == results(torch)


def test_arrays_of_other_libraries(torch):
    """What has no buffer but DLPack: PyTorch's tensors here."""
    theirs = torch.arange(6.0).view(2, 3)
    fg.as_tensor(theirs)[0, 0] = 9
    assert theirs[0, 0].item() == 9
    for ours in (
        fg.tensor(theirs),
        fg.tensor([theirs[0], theirs[1]]),
        fg.asarray(theirs, copy=True),
    ):
        assert ours.tolist() == theirs.tolist()
        ours.zero_()
    assert theirs.sum().item() == 24
    with pytest.raises(BufferError, match="detach"):
        fg.tensor(torch.ones(2, requires_grad=True))


def test_objects_that_make_arrays():
    class Table:
        def __array__(self, dtype=None, copy=None):
            return np.arange(3.0)

    assert fg.as_tensor(Table()).tolist() == [0, 1, 2]


# NumPy's functions


@given(data=st.data())
def test_operators_with_arrays(data):
    """array op tensor, tensor op array: the numbers that NumPy gives."""
    name = data.draw(st.sampled_from(["float64", "float32", "int64"]))
    a = np.array([[1, 2, 3], [4, 5, 6]], name)
    b = np.array(data.draw(st.lists(st.integers(1, 5), min_size=3, max_size=3)), name)
    symbol = data.draw(
        st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">="])
    )
    expected = eval(f"a {symbol} b")
    for left, right in ((a, fg.tensor(b)), (fg.tensor(a), b), (fg.tensor(a), fg.tensor(b))):
        result = eval(f"left {symbol} right", {"left": left, "right": right})
        assert isinstance(result, fg.Tensor)
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


def test_operators_with_arrays_are_recorded():
    g = fg.ones(3, requires_grad=True)
    a = np.array([1.0, 2.0, 3.0], np.float32)
    for make in (
        lambda: a * g,
        lambda: g * a,
        lambda: np.multiply(a, g),
        lambda: a @ g,
        lambda: g @ a,
    ):
        g.grad = None
        make().sum().backward()
        assert g.grad.tolist() == [1, 2, 3]


def test_matrix_products_with_arrays():
    a, x = np.arange(6.0).reshape(2, 3), fg.ones(3)
    assert (a @ x).tolist() == [3, 12]
    assert (a @ x).dtype is fg.float64
    assert (x @ a.T).tolist() == [3, 12]
    with pytest.raises(TypeError, match="list"):
        fg.matmul(x, [1.0, 2.0, 3.0])
    assert np.matmul(x, a.T).tolist() == [3, 12]


def test_numbers_of_numpy():
    x = fg.ones(2)
    for number in (np.float64(2), np.float32(2), np.int64(2)):
        for result in (number * x, x * number, number + x, number - x, number / x):
            assert isinstance(result, fg.Tensor)
            assert result.dtype is fg.float32
    assert (np.float64(1) == x).all()
    assert (np.float64(2) ** x).tolist() == [2, 2]


def test_augmented_assignment_keeps_the_array():
    a = alias = np.zeros(3)
    a += fg.arange(3)
    assert alias.tolist() == [0, 1, 2]
    x = same = fg.zeros(3)
    x += np.arange(3)
    assert same.tolist() == [0, 1, 2]


FUNCTIONS = {
    "np.sin(x)": True,
    "np.add(x, 1)": True,
    "np.maximum(x, 1)": True,
    "np.add.reduce(x)": True,
    "np.multiply.outer(x[0], x[0])": True,
    "np.mean(x)": True,
    "np.mean(x, axis=0)": True,
    "np.sum(x, axis=(0, 1), keepdims=True)": True,
    "np.max(x, 1)": True,
    "np.std(x)": True,
    "np.argmax(x, axis=1)": True,
    "np.clip(x, 1, 3)": True,
    "np.cumsum(x)": True,
    "np.transpose(x)": True,
    "np.reshape(x, (3, 2))": True,
    "np.round(x, 1)": True,
    "np.isnan(x)": True,
    "np.any(x)": True,
    "np.concatenate([x, x])": False,
    "np.stack((x, x), axis=1)": False,
    "np.vstack([x, x])": False,
    "np.where(x > 1, x, 0)": False,
    "np.dot(x, x.T)": False,
    "np.sort(x)": False,
    "np.unique(x)": False,
    "np.histogram(x, bins=2)[0]": False,
    "np.linalg.norm(x)": False,
    "np.array([x, x])": False,
    "np.pad(x, 1)": False,
    "np.interp(x, [0, 9], [0, 1])": False,
    "np.asarray(x, dtype=np.int32)": False,
    "np.einsum('ij,kj->ik', x, x)": False,
}


@pytest.mark.parametrize(("call", "gives_tensor"), FUNCTIONS.items())
def test_functions_of_numpy(call, gives_tensor):
    values = np.array([[0.5, 1.25, 2.0], [3.0, 4.5, 5.75]], np.float32)
    result, expected = (eval(call, {"np": np, "x": x}) for x in (fg.tensor(values), values))
    assert isinstance(result, fg.Tensor) is gives_tensor
    np.testing.assert_allclose(np.asarray(result), expected, rtol=1e-6)
    assert np.asarray(result).dtype == np.asarray(expected).dtype
    assert np.shape(result) == np.shape(expected)


def test_functions_that_compare_or_measure():
    x = fg.ones(2, 3)
    assert np.allclose(x, np.ones((2, 3)))
    assert np.array_equal(x, x)
    assert np.shape(x) == (2, 3)
    assert (np.ndim(x), np.size(x)) == (2, 6)
    assert np.shape(x.clone().requires_grad_()) == (2, 3)
    np.testing.assert_allclose(x, np.ones((2, 3)))


def test_functions_of_numpy_do_not_cut_the_graph_silently():
    g = fg.ones(3, requires_grad=True)
    for function in (
        np.sin,
        np.mean,
        np.asarray,
        np.array,
        np.sum,
        lambda x: np.concatenate([x, x]),
    ):
        with pytest.raises(RuntimeError, match=r"detach\(\)\.numpy\(\)"):
            function(g)


def test_results_of_numpy_go_into_arrays_only():
    x, a = fg.ones(2), np.ones(2)
    for wrong in (lambda: np.exp(a, out=x), lambda: np.add.at(x, [0], 1)):
        with pytest.raises(TypeError):
            wrong()
    out = np.zeros(2)
    assert np.exp(x, out=out) is out
    assert out[0] == pytest.approx(math.e)
    assert np.add(a, a, where=x > 2, out=out) is out
    assert out[0] == pytest.approx(math.e)


def test_array_protocol_of_numpy_2():
    x = fg.ones(3)
    assert np.shares_memory(x.__array__(), x.numpy())
    assert np.shares_memory(np.array(x, copy=False), x.numpy())
    assert not np.shares_memory(x.__array__(copy=True), x.numpy())
    assert (
        x.__array__(np.float64).dtype
        == x.__array__(dtype=np.float64, copy=True).dtype
        == np.float64
    )
    with pytest.raises(ValueError, match="copy"):
        x.__array__(np.float64, copy=False)
    with pytest.raises(TypeError, match="bfloat16"):
        fg.ones(2, dtype=fg.bfloat16).numpy()


def test_bfloat16_tensors_become_float32_arrays_by_hand():
    x = fg.ones(2, dtype=fg.bfloat16)
    with pytest.raises((TypeError, BufferError)):
        np.asarray(x)
    assert np.asarray(x.float()).tolist() == [1, 1]


# The buffer protocol


def test_memoryviews():
    x = fg.arange(6.0).view(2, 3)
    view = memoryview(x.t())
    assert (view.shape, view.strides, view.format, view.itemsize) == ((3, 2), (4, 12), "f", 4)
    assert view.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert bytes(x) == x.numpy().tobytes()
    memoryview(x).cast("B").cast("f")[0] = 9
    assert x[0, 0].item() == 9
    assert array.array("f", bytes(x[1])).tolist() == [3, 4, 5]
    assert memoryview(fg.zeros(0, 3)).nbytes == 0
    with pytest.raises(BufferError, match="contiguous"):
        fg.frombuffer(x.t(), dtype=fg.uint8)
    with pytest.raises(BufferError, match="detach"):
        memoryview(fg.ones(2, requires_grad=True))


def test_the_memory_of_a_view_outlives_what_the_tensor_holds():
    x = fg.ones(1000)
    view = memoryview(x)
    x.data = fg.zeros(3)
    del x
    assert set(view.tolist()) == {1.0}


def test_frombuffer_as_torchs(torch):
    def results(lib):
        data = bytearray(range(16))
        u8 = lib.uint8

        def call(source=data, dtype=u8, **options):
            result = outcome(lambda: lib.frombuffer(source, dtype=dtype, **options))
            return result.tolist() if hasattr(result, "tolist") else result

        return [
            call(),
            call(dtype=lib.int32),
            call(dtype=lib.int16, offset=4),
            call(count=3, offset=2),
            call(count=0),
            call(count=-5),
            call(count=99),
            call(offset=16),
            call(offset=-1),
            call(bytearray()),
            call(bytearray(5), lib.int32),
            call(bytearray(5), lib.int32, count=1),
            call(array.array("d", [1.5, 2.5]), lib.float64),
            call(np.ones((2, 3)), lib.float64),
            call("text"),
            call([1, 2]),
            call(None),
            call(dtype=lib.float32, requires_grad=True),
            call(dtype=lib.int32, requires_grad=True),
            call(bytearray(b"\0\1"), lib.bool),
            call(bytearray(4), lib.bfloat16),
        ]

    assert results(fg) == results(torch)


def test_frombuffer_shares_memory():
    data = bytearray(b"abcd")
    fg.frombuffer(data, dtype=fg.uint8)[0] = 65
    assert data == b"Abcd"
    with pytest.raises(RuntimeError, match="read-only"):
        fg.frombuffer(b"abcd", dtype=fg.uint8)[0] = 65
    with pytest.raises(ValueError, match="aligned"):
        fg.frombuffer(bytearray(9), dtype=fg.int64, offset=1)
    with pytest.raises(ValueError, match="bool"):
        fg.frombuffer(bytearray(b"ab"), dtype=fg.bool)
    assert fg.frombuffer(fg.ones(2), dtype=fg.float32).tolist() == [1, 1]
