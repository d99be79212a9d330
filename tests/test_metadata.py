"""What tensors, dtypes, devices and sizes say about themselves, and PyTorch's old type names."""

import copy
import pickle
from operator import add

import numpy as np
import pytest

import fastgrad as fg
from parity import name_of, outcome
from strategies import ALL, HALVES

pytestmark = pytest.mark.core
DTYPES = (*ALL, *HALVES)


def described(value):
    """A result in a form that both libraries give."""
    if isinstance(value, (tuple, list)):
        return [described(part) for part in value]
    if hasattr(value, "numel") and hasattr(value, "dtype"):
        return tuple(value.shape), str(value.dtype), value.tolist()
    return value if isinstance(value, (type, int, float, str, type(None))) else str(value)


def same(torch, call):
    """The same result, or the same type of exception."""
    ours, theirs = (described(outcome(call, t, t.arange(6.0).reshape(2, 3))) for t in (fg, torch))
    assert ours == theirs


@pytest.mark.parametrize("name", DTYPES)
def test_limits_of_each_dtype(torch, name):
    attributes = ("bits", "max", "min", "eps", "tiny", "smallest_normal", "resolution", "dtype")
    for kind in ("finfo", "iinfo"):
        ours, theirs = (outcome(getattr(t, kind), getattr(t, name)) for t in (fg, torch))
        if theirs is TypeError:
            assert ours is TypeError
            continue
        assert repr(ours) == repr(theirs)
        for attribute in attributes:
            assert getattr(ours, attribute, None) == getattr(theirs, attribute, None)


def test_limits_compare_and_take_python_types(torch):
    for t in (fg, torch):
        assert t.finfo(t.float32) == t.finfo() != t.finfo(t.float64)
        assert t.finfo(type=float).bits == 64
        assert t.iinfo(int).max == 2**63 - 1
        with pytest.raises(TypeError):
            t.finfo(t.ones(1))
        with pytest.raises(TypeError):
            hash(t.finfo())


@pytest.mark.parametrize("name", DTYPES)
def test_attributes_of_each_dtype(torch, name):
    for attribute in ("is_floating_point", "is_complex", "is_signed", "itemsize"):
        assert getattr(getattr(fg, name), attribute) == getattr(getattr(torch, name), attribute)
    assert getattr(fg, name).to_real() is getattr(fg, name)
    assert fg.zeros(3, dtype=getattr(fg, name)).nbytes == 3 * getattr(fg, name).itemsize


def test_can_cast(torch):
    for first in DTYPES:
        for second in DTYPES:
            answers = [t.can_cast(getattr(t, first), getattr(t, second)) for t in (fg, torch)]
            assert answers[0] is answers[1]
    assert fg.can_cast(from_=fg.bool, to=int)


QUESTIONS = [
    lambda t, x: (x.size(dim=1), x.size(-1), x.stride(dim=0), x.stride(1), x.stride()),
    lambda t, x: x.size(5),
    lambda t, x: x.stride(-3),
    lambda t, x: x.size(0, 1),
    lambda t, x: x.size(axes=1),
    lambda t, x: x[0, 0].size(0),
    lambda t, x: (x.itemsize, x.nbytes, x.element_size(), x.nelement(), x.get_device()),
    lambda t, x: (x.is_cpu, x.is_cuda, x.is_meta, x.is_mps, x.is_xpu, x.is_sparse, x.is_quantized),
    lambda t, x: (x.is_pinned(), x.is_inference(), x.layout, x.T.storage_offset()),
    lambda t, x: (t.is_tensor(x), t.is_tensor(3), t.is_storage(x), t.is_inference(x)),
    lambda t, x: (t.numel(x), t.is_floating_point(x.long())),
    lambda t, x: t.numel([1]),
    lambda t, x: t.is_floating_point(3),
    lambda t, x: (t.strided, t.channels_last, t.contiguous_format, t.preserve_format),
    lambda t, x: x.to(t.device("cpu"), t.float64),
    lambda t, x: x.to("cpu", t.int64, True, True),
    lambda t, x: x.to(device="cpu", dtype=t.bool),
    lambda t, x: x.to(x.long()),
    lambda t, x: x.to(float),
    lambda t, x: x.to(typed=3),
    lambda t, x: x.to("nowhere"),
    lambda t, x: (x.to() is x, x.to(None) is x, x.cpu() is x, x.float() is x),
    lambda t, x: x.to(x.dtype, copy=True) is x,
]


@pytest.mark.parametrize("call", QUESTIONS)
def test_answers_are_those_of_torch(torch, call):
    same(torch, call)


def test_formats_and_layouts_keep_their_identity():
    for value in (fg.strided, fg.channels_last, fg.contiguous_format):
        assert pickle.loads(pickle.dumps(value)) is value
        assert copy.deepcopy(value) is value


# Old types


TYPES = [
    lambda t, x: x.type(),
    lambda t, x: [x.to(getattr(t, name)).type() for name in DTYPES],
    lambda t, x: x.type(t.int64),
    lambda t, x: x.type("torch.LongTensor"),
    lambda t, x: x.type(t.DoubleTensor),
    lambda t, x: x.type(dtype=t.uint8),
    lambda t, x: x.type("LongTensor"),
    lambda t, x: x.type(int),
    lambda t, x: x.type(t.FloatTensor) is x,
    lambda t, x: x.type_as(x.long()),
    lambda t, x: t.FloatTensor([[1, 2], [3, 4]]),
    lambda t, x: t.LongTensor([1.5, 2]),
    lambda t, x: t.LongTensor(np.arange(3.0)),
    lambda t, x: t.BoolTensor([1, 0]),
    lambda t, x: t.ByteTensor([256]),
    lambda t, x: t.ShortTensor((1, 2)),
    lambda t, x: t.HalfTensor([1, 2]),
    lambda t, x: t.FloatTensor(2, 3).shape,
    lambda t, x: t.FloatTensor(3).shape,
    lambda t, x: t.FloatTensor(size=(2, 3)).shape,
    lambda t, x: t.FloatTensor(x).data_ptr() == x.data_ptr(),
    lambda t, x: t.LongTensor(x),
    lambda t, x: t.FloatTensor(True),
    lambda t, x: t.FloatTensor(2.5),
    lambda t, x: t.FloatTensor("a"),
    lambda t, x: t.FloatTensor([[1], [2, 3]]),
    lambda t, x: t.FloatTensor([1], device="cpu"),
    lambda t, x: (isinstance(x, t.FloatTensor), isinstance(x, t.LongTensor)),
    lambda t, x: (isinstance(3, t.FloatTensor), issubclass(t.FloatTensor, t.Tensor)),
    lambda t, x: (repr(t.FloatTensor), t.FloatTensor.dtype),
    lambda t, x: t.Tensor(),
    lambda t, x: t.Tensor([1, 2]),
    lambda t, x: t.Tensor(2, 3).shape,
    lambda t, x: t.Tensor(t.Size([2, 3])).shape,
    lambda t, x: t.Tensor(x.long()),
    lambda t, x: t.Tensor(x).data_ptr() == x.data_ptr(),
    lambda t, x: t.Tensor(3.5),
    lambda t, x: t.Tensor(2, -1),
]


@pytest.mark.parametrize("call", TYPES)
def test_old_types_are_those_of_torch(torch, call):
    same(torch, call)


def test_the_default_type_by_its_old_name():
    before = fg.get_default_dtype()
    try:
        fg.set_default_tensor_type(fg.DoubleTensor)
        assert fg.tensor(1.0).dtype is fg.float64
        fg.set_default_tensor_type("torch.FloatTensor")
        assert fg.tensor(1.0).dtype is fg.float32
        with pytest.raises(TypeError):
            fg.set_default_tensor_type(fg.LongTensor)
    finally:
        fg.set_default_dtype(before)


# Sizes and devices


SIZES = [
    lambda s: (s([2, 3]) + (4,), s([2, 3])[1:], (1,) + s([2]), s([2]) * 2, 2 * s([2])),  # noqa: RUF005
    lambda s: (s((2, 3)).numel(), s().numel(), s([2, 3]).index(3), s([1, 1]).count(1)),
    lambda s: (hash(s([1, 2])) == hash((1, 2)), s([1, 2]) == (1, 2), s([1, 2]) == [1, 2]),
    lambda s: s([np.int64(2), True]),
    lambda s: s([2.5]),
    lambda s: s("ab"),
    lambda s: s(3),
    lambda s: add(s([1]), [2]),
]


@pytest.mark.parametrize("call", SIZES)
def test_sizes_are_those_of_torch(torch, call):
    ours, theirs = outcome(call, fg.Size), outcome(call, torch.Size)
    assert repr(ours) == repr(theirs)
    if isinstance(ours, tuple):
        assert [type(part) is fg.Size for part in ours] == [
            type(part) is torch.Size for part in theirs
        ]


NAMES = ["cpu", "cpu:0", "cuda", "cuda:1", "mps", "meta", "cuda:-1", "cuda:a", "cuda:01", "foo"]


@pytest.mark.parametrize("name", [*NAMES, "cuda:0:1", "", ":0", "CPU"])
def test_names_of_devices(torch, name):
    ours, theirs = (outcome(t.device, name) for t in (fg, torch))
    assert repr(ours) == repr(theirs)
    if not isinstance(ours, type):
        assert (ours.type, ours.index, str(ours)) == (theirs.type, theirs.index, str(theirs))


DEVICES = [
    lambda t: t.device("cuda", 1),
    lambda t: t.device("cuda:0", 0),
    lambda t: t.device(type="cuda", index=1),
    lambda t: t.device("cuda", -1),
    lambda t: t.device(t.device("cuda:1")),
    lambda t: t.device(),
    lambda t: t.device(None),
    lambda t: t.device("cpu") == t.device("cpu", 0),
    lambda t: t.device("cpu") == "cpu",
    lambda t: t.device("cuda:1") == t.device("cuda", 1),
    lambda t: hash(t.device("cpu")) == hash(t.device("cpu")),
    lambda t: t.zeros(1).device,
]


@pytest.mark.parametrize("call", DEVICES)
def test_devices_are_those_of_torch(torch, call):
    assert repr(outcome(call, fg)) == repr(outcome(call, torch))


def test_a_device_says_where_new_tensors_go():
    with fg.device("cpu") as place:
        assert fg.zeros(1).device == place
    with pytest.raises(RuntimeError, match="cuda"), fg.device("cuda"):
        pass
    with pytest.raises(RuntimeError, match="cuda:1"):
        fg.zeros(1).cuda(fg.device("cuda:1"))


def test_python_types_are_dtypes(torch):
    for t in (fg, torch):
        made = [t.zeros(1, dtype=kind).dtype for kind in (float, int, bool)]
        assert [name_of(dtype) for dtype in made] == ["float64", "int64", "bool"]
